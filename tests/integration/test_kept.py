"""χ² curves saved and used again, and best models saved, as a user does it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from typer.testing import CliRunner

from gasnet3 import samples
from gasnet3.catalog import read_catalog
from gasnet3.cli import app
from gasnet3.io import ReadError, read, write_npz
from gasnet3.io.saved_curves import CurvesError, SavedCurves
from gasnet3.io.write_models import read_models
from gasnet3.pipeline.choices import Choices
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.run.local import classify_files
from gasnet3.run.work import Settings
from gasnet3.spectra.lattice import shift_from_z

SPECTRA = read(samples.paths())
COLUMNS = ("class", "z", "z_err", "chi2", "delta_chi2", "robustness", "p_qso", "zwarn", "notes")


@pytest.fixture(params=["amortised", "hybrid", "exact"])
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """A solver, and the curves of the bundled spectra that it scanned in batches of 5."""
    path = tmp_path / "curves.parquet"
    classify_files(
        samples.DIRECTORY, tmp_path / "a.parquet", solver=request.param, save_curves=path,
        settings=Settings(batch_rows=5),
    )  # fmt: skip
    return request.param, path


def test_saved_curves_give_the_same_answers_to_the_bit(saved: tuple[str, Path]) -> None:
    solver, path = saved
    fresh = Pipeline.load(solver=solver).run(SPECTRA, 3)
    order = np.random.default_rng(1).permutation(len(SPECTRA))
    pipeline = Pipeline.load(solver=solver, choices=Choices.parse(curves=path))
    again = pipeline.run(SPECTRA[order], 3)
    back = np.argsort(order)
    for name in COLUMNS:
        shape = (len(order), 3)
        np.testing.assert_array_equal(
            np.asarray(again[name]).reshape(shape)[back], np.asarray(fresh[name]).reshape(shape)
        )


def test_saved_p_z_is_the_posterior_of_the_run(saved: tuple[str, Path]) -> None:
    solver, path = saved
    curves = SavedCurves(path)
    if solver == "amortised":
        with pytest.raises(CurvesError, match=r"has no p\(z\)"):
            curves.p_z(SPECTRA)
        return
    order = np.random.default_rng(2).permutation(len(SPECTRA))
    pipeline = Pipeline.load(solver=solver)
    outcome = pipeline.solve(SPECTRA, 2)
    kept, exact = curves.p_z(SPECTRA[order]), outcome.p_z
    np.testing.assert_allclose(sum(p.sum(axis=1) for p in exact.values()), 1.0, rtol=1e-6)
    for place, (cls, p) in enumerate(exact.items()):
        np.testing.assert_allclose(kept[cls], p[order], rtol=0.032, atol=2e-7)
        np.testing.assert_allclose(p.sum(axis=1), outcome.probabilities[:, place], rtol=1e-6)
    best = np.stack([p.max(axis=1) for p in kept.values()]).argmax(axis=0)
    table = pipeline.run(SPECTRA[order])
    for row, (place, z) in enumerate(zip(best, table["z"], strict=True)):
        cls = tuple(exact)[place]
        shifts = curves.header.grids[cls].shifts
        assert cls == table["class"][row]
        assert abs(shifts[kept[cls][row].argmax()] - shift_from_z(z)) <= 4.0


def test_saved_curves_serve_narrower_choices(saved: tuple[str, Path]) -> None:
    solver, path = saved
    chosen = (["GALAXY,QSO"], ["GALAXY=0:0.6", "QSO=0.2:3"])
    others = SPECTRA[SPECTRA.classes != "STAR"]
    fresh = Pipeline.load(solver=solver, choices=Choices.parse(*chosen)).run(others)
    narrowed = Choices.parse(*chosen, curves=path)
    again = Pipeline.load(solver=solver, choices=narrowed).run(others)
    assert list(again["class"]) == list(fresh["class"])
    # Points of the scan lie elsewhere, and minima are followed from there.
    np.testing.assert_allclose(again["z"], fresh["z"], rtol=0, atol=5e-6)


def test_curves_of_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "curves.parquet"
    classify_files(samples.paths()[:2], tmp_path / "a.csv", save_curves=path)
    with pytest.raises(CurvesError, match="asked for is exact"):
        Pipeline.load(solver="exact", choices=Choices.parse(curves=path))
    pipeline = Pipeline.load(choices=Choices.parse(curves=path))
    with pytest.raises(CurvesError, match="has no curve"):
        pipeline.run(SPECTRA[5:6])
    brighter = replace(SPECTRA[:1], flux=SPECTRA.flux[:1] * np.float32(1.5))
    with pytest.raises(CurvesError, match="is not the spectrum"):
        pipeline.run(brighter)


def test_the_commands_save_the_same_as_a_plan_keeps(tmp_path: Path) -> None:
    ids = list(SPECTRA.ids)
    write_npz(tmp_path / "s.npz", SPECTRA)
    runner, run = CliRunner(), str(tmp_path / "run")

    def saving(name: str) -> list[str]:
        return [
            *("-o", str(tmp_path / f"{name}.parquet")),
            *("--save-curves", str(tmp_path / f"{name}-curves.parquet")),
            *("--save-models", str(tmp_path / f"{name}-models.fits")),
        ]

    keep = ("--keep", "curves", "--keep", "models")
    for call in (
        ["classify", str(tmp_path / "s.npz"), *saving("one"), "--batch-size", "5"],
        ["plan", str(tmp_path / "s.npz"), "-o", run, "--part-rows", "5", *keep],
        ["work", run],
        ["merge", run, *saving("two")],
    ):
        done = runner.invoke(app, call)
        assert done.exit_code == 0, done.output
    for ending in (".parquet", "-models.fits"):
        one, two = (tmp_path / f"{name}{ending}" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
    wanted = SPECTRA[[7, 0, 11]]
    both = [SavedCurves(tmp_path / f"{name}-curves.parquet") for name in ("one", "two")]
    for one, two in ([c.of(wanted) for c in both], [c.p_z(wanted) for c in both]):
        for cls, curves in one.items():
            np.testing.assert_array_equal(curves, two[cls])
    catalog = read_catalog(tmp_path / "one.parquet")
    models = next(read_models(tmp_path / "one-models.fits"))
    assert list(models.ids) == ids
    np.testing.assert_array_equal(models.z, catalog["z"])
    residual = np.where(SPECTRA.ivar > 0, SPECTRA.flux - models.model, 0.0)
    np.testing.assert_allclose((residual**2 * SPECTRA.ivar).sum(axis=1), catalog["chi2"], rtol=1e-3)
    assert fits.getheader(tmp_path / "one-models.fits")["CTYPE1"] == "WAVE-LOG"
    with pytest.raises(ReadError, match="models that gasnet3 wrote, no spectra"):
        read(tmp_path / "one-models.fits")


def test_spectra_that_cannot_be_read_have_no_model(tmp_path: Path) -> None:
    good, broken = tmp_path / "good.fits", tmp_path / "broken.fits"
    good.symlink_to(samples.paths()[0])
    broken.write_bytes(samples.paths()[1].read_bytes()[:20000])
    made = classify_files(
        [good, broken], tmp_path / "a.csv", save_models=tmp_path / "m.fits",
        save_curves=tmp_path / "c.parquet",
    )  # fmt: skip
    assert len(made.failures) == 1
    models = next(read_models(tmp_path / "m.fits"))
    assert list(models.classes == "") == [True, False]
    assert np.isnan(models.model[0]).all()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--save-curves", "curves.txt"], "use one of .parquet"),
        (["--save-models", "models.parquet"], "use one of .fits"),
        (["--curves", "nowhere.parquet"], "cannot read curves"),
    ],
)
def test_bad_calls_are_told(arguments: list[str], problem: str, tmp_path: Path) -> None:
    call = ["classify", str(samples.DIRECTORY), "-o", str(tmp_path / "a.csv"), *arguments]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 2
    assert problem in done.output


def test_curves_do_not_take_the_place_of_the_catalog(tmp_path: Path) -> None:
    same = str(tmp_path / "a.parquet")
    call = ["classify", str(samples.paths()[0]), "-o", same, "--save-curves", same]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 2
    assert "is to be the catalog already" in done.output
    assert not Path(same).exists()


def test_what_was_not_kept_cannot_be_merged(tmp_path: Path) -> None:
    run, runner = str(tmp_path / "run"), CliRunner()
    for call in (["plan", str(samples.paths()[0]), "-o", run], ["work", run]):
        assert runner.invoke(app, call).exit_code == 0
    call = ["merge", run, "-o", str(tmp_path / "a.csv"), "--save-models", str(tmp_path / "m.fits")]
    done = runner.invoke(app, call)
    assert done.exit_code == 2
    assert "its models are not kept; plan it again with --keep models" in done.output
