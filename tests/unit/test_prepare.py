import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gasnet3.solve.prepare import MIN_GOOD, NO_POLYNOMIAL, legendre_basis, prepare
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED


def spectra(flux, ivar=None):
    ivar = np.ones_like(flux) if ivar is None else ivar
    return Spectra.from_arrays(flux, ivar, loglam=OBSERVED.loglam, lattice=OBSERVED)


def lines(rng, rows=3):
    x = np.linspace(-1, 1, OBSERVED.n)
    return 5 + 2 * x - x**3 + rng.normal(size=(rows, OBSERVED.n))


@pytest.mark.parametrize("degree", [0, 2, 5])
def test_polynomial_is_removed_exactly(degree, rng):
    coefficients = rng.normal(size=(2, degree + 1))
    smooth = coefficients @ legendre_basis(OBSERVED, degree).numpy()
    wiggle = np.sin(np.arange(OBSERVED.n))
    prepared = prepare(spectra(100 * smooth + wiggle), degree)
    expected = prepare(spectra(np.tile(wiggle, (2, 1))), degree)
    np.testing.assert_allclose(prepared.flux, expected.flux, atol=2e-4)


def test_normalised_to_unit_rms_over_good_pixels(rng):
    flux = lines(rng)
    ivar = np.ones_like(flux)
    ivar[:, 1000:1500] = 0
    prepared = prepare(spectra(flux, ivar))
    rms = (prepared.flux**2).sum(dim=1) / (prepared.ivar > 0).sum(dim=1)
    np.testing.assert_allclose(rms, 1.0, rtol=1e-5)


def test_inverts_to_the_input(rng):
    flux = lines(rng)
    prepared = prepare(spectra(flux))
    np.testing.assert_allclose(prepared.in_flux_units(prepared.flux), flux, atol=1e-5)


def test_masked_pixels_change_nothing(rng):
    """The original code leaves sky residuals in the input and in the normalisation."""
    flux = lines(rng)
    ivar = np.ones_like(flux)
    ivar[:, 3000:3100] = 0
    spoiled = flux.copy()
    spoiled[:, 3000:3100] = 1e6
    clean, dirty = prepare(spectra(flux, ivar)), prepare(spectra(spoiled, ivar))
    assert torch.equal(clean.flux, dirty.flux)
    assert torch.equal(clean.norm, dirty.norm)
    assert (dirty.flux[:, 3000:3100] == 0).all()


def test_chi2_is_unchanged_by_the_scaling(rng):
    flux = lines(rng)
    prepared = prepare(spectra(flux, np.full_like(flux, 4.0)))
    direct = 4.0 * ((flux - prepared.evaluate_continuum().numpy()) ** 2).sum(axis=1)
    np.testing.assert_allclose((prepared.flux**2 * prepared.ivar).sum(dim=1), direct, rtol=1e-5)


def test_cgs_fluxes_give_the_same_answer(rng):
    flux = lines(rng)
    plain = prepare(spectra(flux))
    cgs = prepare(spectra(flux * 1e-17, np.full_like(flux, 1e34)))
    np.testing.assert_allclose(cgs.flux, plain.flux, atol=1e-5)


@pytest.mark.parametrize("n_good", [0, 1, MIN_GOOD - 1])
def test_too_few_pixels_are_unusable(n_good, rng):
    flux = lines(rng)
    ivar = np.zeros_like(flux)
    ivar[:, :n_good] = 1
    prepared = prepare(spectra(flux, ivar))
    assert not prepared.usable.any()
    assert (prepared.flux == 0).all()
    assert (prepared.ivar == 0).all()


def test_constant_spectrum_is_unusable():
    assert not prepare(spectra(np.zeros((1, OBSERVED.n)))).usable.any()


def test_negative_degree_raises():
    with pytest.raises(ValueError, match="degree"):
        prepare(spectra(np.ones((1, OBSERVED.n))), -2)


def test_without_a_polynomial_only_the_size_is_taken_out():
    flux = 3.0 + np.sin(np.arange(OBSERVED.n) / 100.0)[None]
    prepared = prepare(spectra(flux), NO_POLYNOMIAL)
    np.testing.assert_allclose(prepared.flux[0] * prepared.norm[0], flux[0], rtol=1e-6)
    np.testing.assert_allclose(prepared.norm, np.sqrt((flux**2).mean()))
    assert (prepared.evaluate_continuum() == 0).all()
    assert (prepared.weights(4)[:, 1:] == 0).all()


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.floats(1e-3, 1e3), st.integers(1, 40))
def test_rows_do_not_depend_on_their_neighbours(seed, scale, rows):
    rng = np.random.default_rng(seed)
    flux = scale * lines(rng, rows)
    together = prepare(spectra(flux))
    last = prepare(spectra(flux[-1:]))
    assert torch.equal(together.flux[-1:], last.flux)
    assert torch.equal(together.continuum[-1:], last.continuum)
