"""The loops in C of fits and scans, against what torch does in their place."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.legendre import legvander

from gasnet3.kernels import library
from gasnet3.solve import correlate, refine
from gasnet3.solve import scan as scan_module
from gasnet3.solve.arms import Arms
from gasnet3.solve.prepare import prepare
from gasnet3.solve.scan import EXACT, ExactScan, Frugality
from gasnet3.solve.templates import Templates
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import LogLattice, ShiftRange

needs_c = pytest.mark.skipif(library.library().loaded is None, reason=library.library().about)


@needs_c
@settings(max_examples=25)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
@given(
    st.integers(1, 9), st.integers(1, 4), st.integers(0, 2), st.integers(60, 1200),
    st.integers(1, 9), st.booleans(), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_fits_are_those_of_torch(dtype, m, terms, joins, n, fits, bound, seed):
    rng = np.random.default_rng(seed)
    shifts = ShiftRange(-3, 20)
    spline = torch.from_numpy(rng.normal(size=(m, n + len(shifts) - 1 + 6))).to(dtype)
    basis = torch.from_numpy(legvander(np.linspace(-1, 1, n), terms - 1).T.copy()).to(dtype)
    precision = torch.eye(m, dtype=torch.float64) * 3.0 + 1.0
    templates = Templates(spline, basis, shifts, precision if bound else None)
    flux = torch.from_numpy(rng.normal(size=(3, n))).float()
    ivar = torch.from_numpy(rng.uniform(0, 2, (3, n))).float() * (flux > -1)
    level = torch.from_numpy(rng.normal(size=(3, joins, n)) / (10 * n**0.5)).float()
    arms = Arms(level, torch.zeros(3, terms, dtype=torch.float64)) if joins else None
    size = torch.from_numpy(rng.uniform(0.01, 1, 3))
    rows = torch.from_numpy(rng.integers(0, 3, fits))
    shift = torch.from_numpy(rng.uniform(-5, 22, fits))
    ours, theirs = (
        form(templates, flux, ivar, rows, shift, size, arms)
        for form in (refine._fit_in_c, refine._fit)
    )
    close = 1e-9 if dtype == torch.float64 else 2e-3
    for f in fields(theirs):
        one, other = getattr(ours, f.name), getattr(theirs, f.name)
        scale = float(other.abs().nan_to_num(0.0).max()) + 1e-9
        np.testing.assert_allclose(one / scale, other / scale, atol=close, err_msg=f.name)


@needs_c
@settings(max_examples=10)
@pytest.mark.parametrize("frugality", [EXACT, Frugality(2, 8, 4)], ids=["all", "frugal"])
@given(
    st.integers(1, 5), st.sampled_from([20, 90, 300]), st.integers(0, 2), st.booleans(),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_scans_are_those_of_torch(frugality, m, points, joins, bound, seed):
    rng = np.random.default_rng(seed)
    shifts = ShiftRange(0, points)
    lattice = LogLattice(36000, 36199)
    rest = torch.from_numpy(rng.normal(size=(m, lattice.n + points))).float()
    scan = ExactScan.build(rest, lattice.n, shifts, frugality, bound=bound)
    flux, ivar = rng.normal(size=(3, lattice.n)), rng.uniform(0.5, 2, (3, lattice.n))
    spectra = Spectra.from_arrays(flux, ivar, loglam=lattice.loglam, lattice=lattice)
    prepared = prepare(spectra, 3)
    level = torch.from_numpy(rng.normal(size=(3, joins, lattice.n)) / 200).float()
    if joins:
        prepared = replace(prepared, arms=Arms(level, torch.zeros(3, 4, dtype=torch.float64)))
    ours = scan.scan(prepared)
    with pytest.MonkeyPatch.context() as patch:
        for module in (scan_module, correlate):
            patch.setattr(module, "compiled", lambda _: False)
        theirs = scan.scan(prepared)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=2e-4 * float((flux**2 * ivar).sum(1).max()))
