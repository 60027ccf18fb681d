"""Pixels of 5 Å become several on the lattice: reduced χ² was a third of what it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gasnet3.pipeline.fitted import NOTHING
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.spectra.batch import NATIVE_PIXEL, RESOLUTION, Spectra
from gasnet3.spectra.lattice import OBSERVED
from gasnet3.spectra.resample import rebin
from gasnet3.spectra.resolution import sigma_of_power

SN = 8.0


@pytest.fixture(scope="module")
def spectra():
    """Toy galaxies at R = 600, in pixels of 5 Å with independent noise."""
    from toy import toy_engine, toy_spectra

    rng = np.random.default_rng(3)
    engine = toy_engine("GALAXY").broadened(float(sigma_of_power(600.0)))
    fine = toy_spectra(engine.model, rng.uniform(0.01, 0.09, 60), noise=False, seed=4)
    edges = np.arange(3600.0, 9200.0, 5.0)
    wave = 0.5 * (edges[1:] + edges[:-1])
    # The mean over each pixel, of a spectrum that is even between centres of the lattice.
    total = np.concatenate(
        [np.zeros((60, 1)), np.cumsum(fine.flux * np.diff(OBSERVED.edges), axis=1)], axis=1
    )
    at = np.stack([np.interp(edges, OBSERVED.edges, row) for row in total])
    flux = np.diff(at, axis=1) / 5.0
    error = 10.0 / SN
    flux += error * rng.standard_normal(flux.shape)
    sigma = np.full(60, sigma_of_power(600.0))
    ivar = np.full_like(flux, error**-2)
    ivar[:, 500:520] = 0.0
    return Spectra.from_arrays(flux, ivar, wave, z=fine.z, meta={RESOLUTION: sigma})


@pytest.fixture(scope="module")
def table(models, spectra):
    pipeline = Pipeline.load(str(models), "exact")
    return replace(pipeline, fitted=NOTHING).run(spectra)


def test_pixels_before_rebinning_are_counted(spectra):
    # 1119 pixels of which 20 are masked; where two share a pixel of the lattice, one is whole.
    assert np.abs(spectra.n_independent / 1099 - 1).max() < 0.02
    assert (spectra.meta[NATIVE_PIXEL] > 3.0).all()
    assert (spectra.n_good > 3 * spectra.n_independent).all()


def test_chi2_is_that_of_the_pixels_before_rebinning(table, spectra):
    assert (np.asarray(table["dof"]) < spectra.n_independent).all()
    assert 0.85 < np.median(table["rchi2"]) < 1.1


def test_errors_of_redshifts_are_as_large_as_they_are(table, spectra):
    found, error = np.asarray(table["z"]), np.asarray(table["z_err"])
    right = (np.asarray(table["class"]) == "GALAXY") & (np.abs(found - spectra.z) < 0.002)
    assert right.mean() > 0.95
    pull = ((found - spectra.z) / error)[right]
    assert 0.7 < pull.std() < 1.25
    assert abs(pull.mean()) < 0.4


def test_on_the_lattice_or_finer_nothing_is_coarse():
    loglam = OBSERVED.loglam[100:400]
    for grid in (10**loglam, np.arange(4000.0, 4300.0, 0.8), 10 ** (loglam + 4e-5)):
        one = Spectra.from_arrays(np.ones(len(grid)), np.ones(len(grid)), grid)
        assert NATIVE_PIXEL not in one.meta
        np.testing.assert_array_equal(one.n_independent, one.n_good)


def test_chi2_of_a_coarse_pixel_is_spread_over_the_lattice():
    grid = np.arange(4000.0, 4400.0, 5.0)
    flux = np.random.default_rng(1).normal(size=len(grid))
    out, ivar, _ = rebin(flux, np.ones(len(grid)), grid, OBSERVED, log=False)
    assert (out**2 * ivar).sum() == pytest.approx((flux**2).sum(), rel=0.15)
