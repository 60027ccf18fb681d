"""χ² curves on disk: back as they were, and refused where they do not belong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from gasnet3 import CLASSES
from gasnet3.io.saved_curves import (
    CurvesError,
    CurvesHeader,
    CurvesWriter,
    Grid,
    SavedCurves,
    digests,
    probabilities,
    quantised,
)
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import ShiftRange

HEADER = CurvesHeader(
    "hybrid", {"STAR": "a", "QSO": "b"}, {"STAR": Grid(-22.0, 1.0, 3), "QSO": Grid(0.0, 4.0, 5)}
)


def _spectra(ids: list[str], level: float = 1.0) -> Spectra:
    flux = level + np.arange(len(ids))[:, None] + np.ones((len(ids), 9))
    return Spectra.from_arrays(flux, flux, np.arange(9) * 5 + 5000.0, ids=ids)


def _chi2(rows: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {c: rng.random((rows, g.points)).astype(np.float32) for c, g in HEADER.grids.items()}


def _write(path: Path, batches: list[tuple[Spectra, dict[str, np.ndarray]]]) -> SavedCurves:
    with CurvesWriter(path, HEADER) as writer:
        for batch in batches:
            writer.add(*batch)
    return SavedCurves(path)


def test_curves_come_back_in_any_order(tmp_path: Path, rng: np.random.Generator) -> None:
    one, two = _spectra(["a", "b", "c"]), _spectra(["d", "e"], 9.0)
    chi2 = [_chi2(3, rng), _chi2(2, rng)]
    saved = _write(tmp_path / "c.parquet", [(one, chi2[0]), (two, chi2[1])])
    assert saved.header == HEADER
    wanted = Spectra.concatenate([one, two])[[4, 0, 3, 1]]
    found = saved.of(wanted)
    for cls in HEADER.grids:
        whole = np.concatenate([part[cls] for part in chi2])
        np.testing.assert_array_equal(found[cls], whole[[4, 0, 3, 1]])
    assert HEADER.grids["QSO"].shifts.tolist() == [0.0, 4.0, 8.0, 12.0, 16.0]


def test_files_are_put_together(tmp_path: Path, rng: np.random.Generator) -> None:
    batches = [(_spectra(["a"]), _chi2(1, rng)), (_spectra(["b", "c"]), _chi2(2, rng))]
    for name, batch in zip("xy", batches, strict=True):
        _write(tmp_path / name, [batch])
    with CurvesWriter(tmp_path / "both", HEADER) as writer:
        writer.copy(tmp_path / "x")
        writer.copy(tmp_path / "y")
    found = SavedCurves(tmp_path / "both").of(batches[1][0])
    np.testing.assert_array_equal(found["STAR"], batches[1][1]["STAR"])


def test_other_spectra_solvers_and_weights_are_refused(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    saved = _write(tmp_path / "c.parquet", [(_spectra(["a", "b"]), _chi2(2, rng))])
    there = dict.fromkeys(CLASSES, ShiftRange(-22, -20))
    saved.check("hybrid", {"STAR": "a"}, there)
    with pytest.raises(CurvesError, match=r"curves of STAR are from z = .* only"):
        saved.check("hybrid", {"STAR": "a"}, {"STAR": ShiftRange(-23, -20)})
    with pytest.raises(CurvesError, match="of the hybrid solver, asked for is exact"):
        saved.check("exact", {"STAR": "a"}, there)
    with pytest.raises(CurvesError, match="curves of QSO are not of these weights"):
        saved.check("hybrid", {"QSO": "a"}, there)
    with pytest.raises(CurvesError, match="curves of GALAXY are not"):
        saved.check("hybrid", {"GALAXY": "a"}, there)
    with pytest.raises(CurvesError, match="z has no curve"):
        saved.of(_spectra(["z"]))
    with pytest.raises(CurvesError, match="b is not the spectrum its curve is of"):
        saved.of(_spectra(["b"]))


def test_one_pixel_changes_the_digest() -> None:
    one, other = _spectra(["a"]), _spectra(["a"])
    assert digests(one).tolist() == digests(other).tolist()
    at = int(np.flatnonzero(other.flux[0])[0])
    other.ivar[0, at] *= 1.0001
    assert digests(one).tolist() != digests(other).tolist()


def test_files_that_hold_no_curves_are_told(tmp_path: Path, rng: np.random.Generator) -> None:
    with pytest.raises(CurvesError, match="cannot read curves"):
        SavedCurves(tmp_path / "absent")
    (tmp_path / "text").write_text("no")
    with pytest.raises(CurvesError, match="cannot read curves"):
        SavedCurves(tmp_path / "text")
    pa.parquet.write_table(pa.table({"id": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(CurvesError, match="holds no χ² curves"):
        SavedCurves(tmp_path / "other.parquet")


def test_curves_of_the_free_chi2_are_refused(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gasnet3.io.saved_curves.FORMAT", 1)
    with CurvesWriter(tmp_path / "old.parquet", HEADER) as writer:
        writer.add(_spectra(["a"]), _chi2(1, rng))
    monkeypatch.undo()
    with pytest.raises(CurvesError, match="curves of another gasnet3; save them again"):
        SavedCurves(tmp_path / "old.parquet")


def test_probabilities_are_kept_to_three_per_cent() -> None:
    share = np.concatenate([[0.0, 1e-9, 1.0, 1.0 + 1e-12], 10.0 ** np.linspace(-6.8, 0, 500)])
    kept = quantised(share)
    assert kept.dtype == np.uint8
    back = probabilities(kept)
    assert back[:4].tolist() == [0.0, 0.0, 1.0, 1.0]
    np.testing.assert_allclose(back[4:], share[4:], rtol=0.032)
    assert (quantised(back) == kept).all()


def test_p_z_comes_back(tmp_path: Path, rng: np.random.Generator) -> None:
    header = replace(HEADER, posterior=True)
    spectra, parts = _spectra(["a", "b", "c", "d"]), []
    for name, rows in (("x", slice(0, 3)), ("y", slice(3, 4))):
        here = spectra[rows]
        p_z = {cls: share / 3.0 for cls, share in _chi2(len(here), rng).items()}
        p_z["STAR"][0] = 0.0
        with CurvesWriter(tmp_path / name, header) as writer:
            writer.add(here, _chi2(len(here), rng), p_z)
        parts.append(p_z)
    with CurvesWriter(tmp_path / "both", header) as writer:
        writer.copy(tmp_path / "x")
        writer.copy(tmp_path / "y")
    saved, order = SavedCurves(tmp_path / "both"), [3, 1, 0, 2]
    assert saved.header == header
    found = saved.p_z(spectra[order])
    saved.of(spectra)  # of the same rows in between
    again = saved.p_z(spectra[order])
    for cls in HEADER.grids:
        whole = np.concatenate([part[cls] for part in parts])[order]
        np.testing.assert_allclose(found[cls], whole, rtol=0.032, atol=2e-7)
        np.testing.assert_array_equal(again[cls], found[cls])


def test_curves_without_p_z_are_of_use(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    chi2, spectra = _chi2(1, rng), _spectra(["a"])
    monkeypatch.setattr("gasnet3.io.saved_curves.FORMAT", 2)
    with CurvesWriter(tmp_path / "old.parquet", HEADER) as writer:
        writer.add(spectra, chi2)
    monkeypatch.undo()
    saved = SavedCurves(tmp_path / "old.parquet")
    np.testing.assert_array_equal(saved.of(spectra)["QSO"], chi2["QSO"])
    with pytest.raises(CurvesError, match=r"has no p\(z\); save the curves again"):
        saved.p_z(spectra)
