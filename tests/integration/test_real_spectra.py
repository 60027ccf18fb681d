"""The shipped models on the real SDSS spectra beside the checkout, never used in training."""

from __future__ import annotations

import numpy as np
import pytest

import gasnet3
from gasnet3.catalog import read_catalog
from gasnet3.evaluate.evaluation import evaluate
from gasnet3.io import read
from gasnet3.run.local import classify_files


@pytest.fixture(scope="module")
def catalog(shared_dir, tmp_path_factory):
    output = tmp_path_factory.mktemp("raw") / "catalog.parquet"
    classify_files(shared_dir / "data/raw/sdss-spec", output)
    return read_catalog(output)


def test_classes_and_redshifts_of_raw_sdss_spectra(shared_dir, catalog):
    result = evaluate(catalog, shared_dir / "data/raw/truth.csv")
    assert result.n == 36
    assert result.accuracy >= 0.95
    assert result.n_z == 36
    assert result.good_fraction >= 0.90


def test_command_and_python_agree_to_the_bit(shared_dir, catalog):
    spectra = read([shared_dir / "data/raw/sdss-spec"])
    rows = np.array([20, 3, 11])
    table = gasnet3.classify(spectra.flux[rows], spectra.ivar[rows], loglam=spectra.lattice.loglam)
    for name in ("z", "z_err", "chi2", "coeff", "p_star", "robustness", "delta_chi2"):
        np.testing.assert_array_equal(table[name], catalog[name][rows])


def test_broken_files_are_reported_and_the_run_goes_on(shared_dir, tmp_path):
    original = sorted((shared_dir / "data/raw/sdss-spec").glob("*.fits"))[0]
    # Rows come in the order of the full names, so both lie in one folder.
    good, broken = tmp_path / "good.fits", tmp_path / "broken.fits"
    good.symlink_to(original.absolute())
    broken.write_bytes(original.read_bytes()[:20000])
    result = classify_files([broken, good], tmp_path / "catalog.csv")
    assert result.rows == 2
    assert list(read_catalog(result.output)["class"] == "") == [True, False]
    assert [failure.path.name for failure in result.failures] == ["broken.fits"]
