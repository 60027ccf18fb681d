"""Batches solved by several threads give what one gives, to the bit and in the same order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gasnet3
from gasnet3 import samples
from gasnet3.io import read, write_npz
from gasnet3.pipeline.choices import Choices
from gasnet3.pipeline.classifier import LEAST_ROWS
from gasnet3.pipeline.outcome import Outcome
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.run.local import classify_files
from gasnet3.run.work import Settings

BUNDLED = read(samples.paths())
SPECTRA = BUNDLED[np.arange(2 * LEAST_ROWS + 7) % len(BUNDLED)]


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["amortised", "hybrid", "exact"])
def test_no_answer_depends_on_the_threads(solver: str) -> None:
    pipeline = Pipeline.load(solver=solver)
    kept: list[str] = []

    def keep(outcome: Outcome) -> None:
        kept.extend(outcome.spectra.ids)

    alone = pipeline.run(SPECTRA, 2)
    for threads in (2, 5):
        kept.clear()
        together = pipeline.run(SPECTRA, 2, keep, threads)
        assert kept == list(SPECTRA.ids)
        for name in alone.colnames:
            np.testing.assert_array_equal(together[name], alone[name], err_msg=name)


@pytest.mark.slow
def test_threads_save_curves_and_share_them(tmp_path: Path) -> None:
    write_npz(tmp_path / "s.npz", SPECTRA)
    made = []
    for threads in (1, 3):
        catalog, curves = tmp_path / f"{threads}.parquet", tmp_path / f"curves-{threads}.parquet"
        settings = Settings(threads=threads)
        classify_files(tmp_path / "s.npz", catalog, settings=settings, save_curves=curves)
        made.append(catalog.read_bytes())
    assert made[0] == made[1]
    chosen = Choices.parse(curves=curves)
    fresh = Pipeline.load().run(SPECTRA)
    again = Pipeline.load(choices=chosen).run(SPECTRA, threads=3)
    for name in ("class", "z", "z_err", "chi2"):
        np.testing.assert_array_equal(again[name], fresh[name], err_msg=name)


def test_arrays_by_several_threads() -> None:
    arrays = SPECTRA.flux, SPECTRA.ivar, SPECTRA.lattice.wave
    one, three = (gasnet3.classify(*arrays, solver="amortised", threads=n) for n in (1, 3))
    np.testing.assert_array_equal(one["z"], three["z"])
    with pytest.raises(ValueError, match="threads must be 1 or more"):
        gasnet3.classify(*arrays, threads=0)


def test_fewer_than_one_thread_is_refused() -> None:
    with pytest.raises(ValueError, match="threads must be 1 or more, got 0"):
        Pipeline.load().run(SPECTRA, threads=0)
    with pytest.raises(ValueError, match="threads must be 1 or more, got 0"):
        Settings(threads=0)
