"""The amortised solver does with NumPy what it does with torch, step by step."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gasnet3.solve.batching import BLOCK, in_blocks
from gasnet3.solve.candidates import ALL
from gasnet3.solve.curves import scan_amortised
from gasnet3.solve.minima import find_minima
from gasnet3.solve.prepare import prepare
from gasnet3.solve.priors import Priors
from gasnet3.solve.slide import FixedModels, slide
from gasnet3.solve.solvers import Proposals, looks_at
from gasnet3.solve.splines import spline_coefficients
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED, ShiftRange

FIELDS = ("flux", "ivar", "continuum", "norm", "usable")


def spectra_of(flux: np.ndarray, ivar: np.ndarray) -> Spectra:
    return Spectra.from_arrays(flux, ivar, loglam=OBSERVED.loglam)


@pytest.fixture
def odd_spectra(rng: np.random.Generator) -> Spectra:
    """Ordinary ones, gaps, all masked, a handful of pixels, straight lines, extremes."""
    n = OBSERVED.n
    flux = 10.0 + np.linspace(-3, 3, n) + rng.standard_normal((9, n))
    ivar = rng.uniform(0.5, 2.0, flux.shape)
    ivar[1, 1000:2000] = 0.0
    ivar[2] = 0.0
    ivar[3, np.arange(n) % 200 > 0] = 0.0
    ivar[4, np.arange(n) % 100 > 0] = 0.0
    flux[5] = 3.0
    flux[6] *= 1e-17
    ivar[6] *= 1e34
    ivar[7] *= 1e25
    flux[8] *= 1e15
    return spectra_of(flux, ivar)


@pytest.mark.parametrize("degree", [0, 2, 5])
def test_prepared_spectra_are_those_of_torch(odd_spectra, degree):
    theirs = prepare(odd_spectra, degree)
    ours = prepare(odd_spectra, degree, None)
    for name in FIELDS:
        expected = getattr(theirs, name).numpy()
        found = getattr(ours, name)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-9, err_msg=name)
    assert ours.usable.sum() >= 4
    assert not ours.usable.all()
    np.testing.assert_allclose(
        ours.evaluate_continuum(), theirs.evaluate_continuum().numpy(), rtol=1e-9
    )


def test_prepared_rows_do_not_depend_on_their_number(odd_spectra):
    together = prepare(odd_spectra, 5, None)
    for row in range(len(odd_spectra)):
        alone = prepare(odd_spectra[row : row + 1], 5, None)
        chosen = together.rows(np.array([row]))
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(alone, name), getattr(chosen, name))


def test_blocks_are_of_one_size_and_what_fills_them_is_left_out():
    sizes = []

    def double(values):
        sizes.append(len(values))
        return (2 * values, values.sum(axis=1))

    values = np.arange(2.0 * (BLOCK + 3)).reshape(-1, 2)
    twice, sums = in_blocks(double, values)
    assert sizes == [BLOCK, BLOCK]
    np.testing.assert_array_equal(twice, 2 * values)
    np.testing.assert_array_equal(sums, values.sum(axis=1))


def test_curves_are_those_of_torch(rng):
    shifts, n = ShiftRange(-3, 40), 200
    rest = rng.standard_normal((5, n + len(shifts) - 1)).astype(np.float32)
    flux = rng.standard_normal((5, n)).astype(np.float32)
    ivar = rng.uniform(0, 2, (5, n)).astype(np.float32)
    expected = scan_amortised(*map(torch.from_numpy, (rest, flux, ivar)), shifts).numpy()
    found = scan_amortised(rest, flux, ivar, shifts)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_array_equal(
        scan_amortised(rest[2:3], flux[2:3], ivar[2:3], shifts)[0], found[2]
    )


CURVES = arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(1, 30)),
    elements=st.one_of(st.integers(-3, 3).map(float), st.sampled_from([np.inf, np.nan])),
)


@settings(max_examples=150)
@given(curve=CURVES, separation=st.floats(0.5, 6.0), k=st.integers(1, 4))
def test_minima_are_those_of_torch(curve, separation, k):
    theirs = find_minima(torch.from_numpy(curve.copy()), separation, k)
    ours = find_minima(curve, separation, k)
    for name in ("index", "offset", "chi2"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name).numpy())


@pytest.fixture
def sliding(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, ShiftRange]:
    """Smooth rest-frame models, the spectra they make at known shifts, their noise."""
    n, shifts = 300, ShiftRange(0, 30)
    pixel = np.arange(n + len(shifts) - 1)
    centres = rng.uniform(0, len(pixel), (4, 25, 1))
    rest = np.exp(-0.5 * ((pixel - centres) / 4.0) ** 2).sum(axis=1).astype(np.float32)
    flux = np.stack([rest[i, 30 - s : 30 - s + n] for i, s in enumerate((0, 7, 19, 30))])
    return rest, (flux + 0.05 * rng.standard_normal(flux.shape)).astype(np.float32), shifts


def test_slid_models_end_where_those_of_torch_do(sliding):
    rest, flux, shifts = sliding
    ivar = np.full_like(flux, 400.0)
    start = np.array([0.0, 6.4, 19.8, 30.0, 15.0])
    rows = np.array([0, 1, 2, 3, 1])
    models = FixedModels(spline_coefficients(rest), shifts, 300)
    ours, here = slide(models, flux, ivar, rows, start)
    theirs, there = slide(
        FixedModels(spline_coefficients(torch.from_numpy(rest)), shifts, 300),
        *map(torch.from_numpy, (flux, ivar, rows, start)),
    )
    for name in ("shift", "sigma", "chi2"):
        expected = getattr(theirs, name).numpy()
        np.testing.assert_allclose(getattr(ours, name), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(here, there.numpy())
    assert abs(ours.shift[1] - 7.0) < 0.1


def test_models_at_shifts_are_those_of_torch(sliding):
    rest, _, shifts = sliding
    rows, shift = np.array([2, 0]), np.array([3.7, 30.0])
    ours = FixedModels(spline_coefficients(rest), shifts, 300).of_rows(np.array([3, 1, 2]))
    chosen = torch.from_numpy(rest[[3, 1, 2]])
    theirs = FixedModels(spline_coefficients(chosen), shifts, 300)
    unused = np.zeros((2, 1))
    given = rows, shift, unused, unused
    expected = theirs.models(*map(torch.from_numpy, given)).numpy()
    np.testing.assert_allclose(ours.models(*given), expected, atol=1e-12)


def test_priors_add_the_same_to_arrays_and_to_tensors():
    place = {"a": 0, "b": 1, "c": 2}
    priors = Priors(place, np.array([0.1, 0.2, 0.3]), np.full(3, 0.01), np.arange(3))
    shift = np.linspace(0, 1200, 7)
    ours = priors.of(["c", "x", "a", "b"]).penalty(shift, 1.5)
    theirs = priors.of(["c", "x", "a", "b"], "cpu").penalty(torch.from_numpy(shift), 1.5)
    assert ours.shape == (4, 7)
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-12)
    assert (ours[1] == 0).all()


def test_classes_far_behind_are_looked_at_once_and_twice_where_the_leader_is():
    few = looks(("A", 4000, 100.0), ("B", 4900, 500.0), ("C", 9000, 101.0), ("D", 9000, 900.0))
    assert few == [ALL, ALL, 2, 1]


def test_models_far_behind_another_of_their_class_are_not_looked_at():
    of_two = looks(("A", 4000, 100.0), ("B", 7000, 500.0), ("B", 7900, 600.0), ("B", 8100, 101.0))
    assert of_two == [ALL, 1, 1, 0]
    assert looks(("A", 4000, 100.0), ("A", 4900, 100.0), ("A", 5100, 100.0)) == [ALL, ALL, 0]


def looks(*models: tuple[str, float, float]) -> list[int]:
    """How many proposals are looked at of models by class, with χ² and shift of their best."""
    source = FixedModels(np.zeros((1, 10)), ShiftRange(0, 1), 3)
    each = [Proposals(np.array([[s]]), np.array([[c]]), 1.5, source) for _, c, s in models]
    engines = [SimpleNamespace(cls=cls, dof=10) for cls, _, _ in models]
    return [int(one[0]) for one in looks_at(each, engines, np.array([4000]))]
