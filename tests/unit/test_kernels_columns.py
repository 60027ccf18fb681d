"""The loops in C that columns are made of, against what torch does in their place."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gasnet3.anomaly import second, statistics
from gasnet3.kernels.library import library
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve import minima
from gasnet3.solve.residual import Residual
from gasnet3.solve.solvers import SOLVERS
from gasnet3.spectra.lattice import OBSERVED, WIDE, LogLattice
from toy import toy_engine, toy_model, toy_spectra

BOTH_JOINS = LogLattice(37400, 1501)
"""Few pixels, with both places where arms meet."""

needs_c = pytest.mark.skipif(library().loaded is None, reason=library().about)


@needs_c
@settings(max_examples=25)
@given(st.integers(2, 5), st.sampled_from([0.0, 0.02, 0.9]), st.integers(0, 2**32 - 1))
def test_pixels_say_what_torch_finds(rows, masked, seed):
    rng = np.random.default_rng(seed)
    n, lattice = BOTH_JOINS.n, BOTH_JOINS
    noise = rng.normal(size=(rows, n)) * rng.uniform(0.5, 3.0, (rows, 1))
    noise[0, 400:460] -= 12.0
    noise[1, 900:1000] = 0.0
    ivar = rng.uniform(0.5, 1.5, (rows, n)) * (rng.random((rows, n)) >= masked)
    ivar[:, :50] = 0.0
    model = np.cumsum(rng.normal(size=(rows, n)), 1) * 0.1
    model[-1] = np.nan
    arrays = [torch.from_numpy(part) for part in (noise + np.nan_to_num(model), ivar, model)]
    flux, weight, model = arrays
    residual = Residual(flux.float(), weight.float(), model, model + 10.0)
    sky = rng.random(n) < 0.1
    ours, theirs = (
        found(residual, sky, lattice) for found in (statistics._found_in_c, statistics._found)
    )
    assert ours[0] == theirs[0]
    each = zip(ours[0], *ours[1:4], *theirs[1:4], strict=True)
    for name, value, place, quoted, there, at, said in each:
        np.testing.assert_allclose(value, there, rtol=2e-5, atol=1e-5, err_msg=name)
        # Of two that are as large either may be found.
        assert (place == at).mean() > 0.5 or masked, name
        same = place == at
        np.testing.assert_allclose(quoted[same], said[same], rtol=2e-5, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(ours[4], theirs[4], rtol=1e-4, atol=1e-4)


@needs_c
@settings(max_examples=25)
@given(
    st.integers(1, 5),
    st.sampled_from(["emission", "absorption"]),
    st.sampled_from([OBSERVED, WIDE]),
    st.integers(0, 2**32 - 1),
)
def test_comb_finds_what_torch_finds(rows, kind, lattice, seed):
    rng = np.random.default_rng(seed)
    sign = 1.0 if kind == "emission" else -1.0
    shown = torch.from_numpy(sign * 2.0 * rng.normal(size=(rows, lattice.n))).float()
    blank = rng.random((rows, lattice.n)) < 0.1
    own, limit = rng.uniform(0, 9000, (2, rows))
    limit[0] = -1.0
    ours = second._search(shown, sign, blank, kind, lattice, own, limit)
    lines = second._lines(sign * shown, blank)
    theirs = second._found(second._teeth(kind, lattice.k_min), lines, own, limit)
    assert ours[0][0] == theirs[0][0] == 0.0
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6)
    np.testing.assert_array_equal(ours[1], theirs[1])


@needs_c
@settings(max_examples=25)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.integers(1, 40)),
        elements=st.sampled_from([*range(9), np.inf, -np.inf, np.nan]),
    ),
    st.integers(0, 6),
    st.integers(1, 5),
)
def test_minima_are_those_of_torch(curves, reach, k):
    curve = torch.from_numpy(curves)
    ours, theirs = minima.find_minima(curve, reach + 0.7, k), minima._find_minima(curve, reach, k)
    for name in ("index", "offset", "chi2"):
        assert torch.equal(getattr(ours, name), getattr(theirs, name)), name


@needs_c
@pytest.mark.parametrize("solver", list(SOLVERS))
def test_answers_without_loops_in_c_are_the_same(solver, monkeypatch, tmp_path):
    spectra = toy_spectra(toy_model("GALAXY"), np.array([0.011, 0.0457, 0.08321]))
    engines = tuple(toy_engine(cls) for cls in ("STAR", "GALAXY", "QSO"))
    pipeline = Pipeline(engines, SOLVERS[solver], torch.device("cpu"))
    with_c = pipeline.run(spectra)
    monkeypatch.setattr("gasnet3.kernels.library.HERE", tmp_path)
    monkeypatch.setenv("CC", "no-such-compiler")
    library.cache_clear()
    try:
        without = pipeline.run(spectra)
    finally:
        library.cache_clear()
    for name in ("class", "zwarn", "notes"):
        np.testing.assert_array_equal(with_c[name], without[name])
    assert (np.abs(with_c["z"] - without["z"]) < 1e-3 * with_c["z_err"]).all()
    np.testing.assert_allclose(with_c["chi2"], without["chi2"], rtol=1e-6)
