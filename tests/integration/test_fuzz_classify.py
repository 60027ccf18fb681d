"""Garbage arrays in: one flagged row each, and not a bit of the good rows beside them changed.

Warnings are errors in the whole suite, so each of these tests also shows that none escapes.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gasnet3
from gasnet3 import ZWarn, classify
from gasnet3.pipeline import pipeline
from gasnet3.solve.solvers import SOLVERS
from gasnet3.spectra.lattice import OBSERVED
from toy import toy_model, toy_spectra

N = OBSERVED.n
WAVE = OBSERVED.wave
GOOD = 2
FEW = settings(max_examples=12)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """Cut even a few rows into several batches."""
    monkeypatch.setattr(pipeline, "ROWS", 3)


@pytest.fixture(scope="module")
def good():
    """Flux and ivar of two galaxies, float64, on the lattice."""
    spectra = toy_spectra(toy_model("GALAXY"), np.array([0.0123, 0.0617]), sn=8)
    return spectra.flux.astype(np.float64), spectra.ivar.astype(np.float64)


@pytest.fixture(scope="module")
def alone(models, good):
    """Catalog of the good rows by solver, run without company."""
    return {name: classify(*good, WAVE, solver=name, models=models) for name in SOLVERS}


# Each kind makes (flux, ivar, wave) of a sound spectrum. All of them must be flagged.
BROKEN = {
    "all NaN": lambda f, w, k: (f * np.nan, w, WAVE),
    "all inf": lambda f, w, k: (f * np.inf, w, WAVE),
    "NaN here and there": lambda f, w, k: (np.where(np.arange(N) % (k + 2), f, np.nan), w, WAVE),
    "-inf in one pixel": lambda f, w, k: (np.where(np.arange(N) == k, -np.inf, f), w, WAVE),
    "ivar NaN": lambda f, w, k: (f, np.where(np.arange(N) % (k + 2), w, np.nan), WAVE),
    "ivar inf": lambda f, w, k: (f, np.where(np.arange(N) < k + 1, np.inf, w), WAVE),
    "ivar negative": lambda f, w, k: (f, np.where(np.arange(N) <= k, -w, w), WAVE),
    "ivar 0": lambda f, w, k: (f, w * 0, WAVE),
    "huge": lambda f, w, k: (f * 1e30, w, WAVE),
    "tiny": lambda f, w, k: (f * 1e-30, w, WAVE),
    "ivar huge": lambda f, w, k: (f, w * 10.0 ** (30 + k % 80), WAVE),
    "ivar tiny": lambda f, w, k: (f, w * 10.0 ** -(30 + k % 80), WAVE),
    "one pixel of S/N 1e30": lambda f, w, k: (np.where(np.arange(N) == k, 1e30, f), w, WAVE),
    "one good pixel": lambda f, w, k: (f, w * (np.arange(N) == k), WAVE),
    "one good block": lambda f, w, k: (f, w * (np.arange(N) // 70 == k // 70), WAVE),
    "constant": lambda f, w, k: (f * 0 + k, w, WAVE),
    "a straight line": lambda f, w, k: (np.linspace(1, k + 2, N), w, WAVE),
    "short": lambda f, w, k: (f[: k % 40 + 1], w[: k % 40 + 1], WAVE[: k % 40 + 1]),
    "none": lambda f, w, k: (f[:0], w[:0], WAVE[:0]),
    "repeated wavelength": lambda f, w, k: (f, w, WAVE[np.arange(N) // 2]),
    "wavelengths up and down": lambda f, w, k: (f, w, np.where(np.arange(N) == k, 5e3, WAVE)),
    "wavelengths not finite": lambda f, w, k: (f, w, np.where(np.arange(N) == k, np.nan, WAVE)),
    "wavelengths negative": lambda f, w, k: (f, w, -WAVE),
    "nanometres": lambda f, w, k: (f, w, WAVE / 10),
}

# And these may or may not be: they have an answer of a sort.
STRANGE = {
    "a spike": lambda f, w, k: (np.where(np.arange(N) == k, 10.0 ** (k % 25), f), w, WAVE),
    "spikes of weight": lambda f, w, k: (f, np.where(np.arange(N) % (k + 5), w, w * 1e9), WAVE),
    "negative": lambda f, w, k: (-f, w, WAVE),
    "integers": lambda f, w, k: (f.astype(np.int16), np.ones(N, np.uint8), WAVE),
    "booleans": lambda f, w, k: (f > k % 20, f > 0, WAVE),
    "masked": lambda f, w, k: (np.ma.masked_array(f, np.arange(N) % 3 == 0), w, WAVE),
    "coarse": lambda f, w, k: (f[:: k % 50 + 2], w[:: k % 50 + 2], WAVE[:: k % 50 + 2]),
    "falling and linear": lambda f, w, k: (f, w, np.linspace(9000, 4000 + k / 2, N)),
    "half float": lambda f, w, k: (f.astype(np.float16), w.astype(np.float32), WAVE),
}
KINDS = {**BROKEN, **STRANGE}


def assert_sound(table, n_best=1):
    """What holds for any catalog, whatever it was made of."""
    has = np.asarray(table["class"]) != ""
    assert set(table["class"]) <= {"", *gasnet3.CLASSES}
    assert (np.isfinite(np.asarray(table["z"])) == has).all()
    assert (np.asarray(table["zwarn"])[~has] != 0).all()
    for name in ("z_err", "chi2", "rchi2", "delta_chi2", "robustness"):
        assert np.isnan(np.asarray(table[name])[~has]).all(), name
    for name in table.colnames:
        if table[name].dtype.kind == "f":
            assert not np.isinf(np.asarray(table[name])).any(), name
    p = np.stack([table[f"p_{cls.lower()}"] for cls in gasnet3.CLASSES], axis=1)
    np.testing.assert_allclose(p.sum(axis=1)[::n_best][has[::n_best]], 1, rtol=1e-9)
    assert (np.asarray(table["zwarn"]) < 1 << 28).all()


@pytest.mark.parametrize("solver", list(SOLVERS))
@FEW
@given(
    kinds=st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=4),
    seed=st.integers(0, N - 1),
    at=st.integers(0, 4),
)
def test_bad_rows_are_flagged_and_good_rows_keep_their_bits(
    models, good, alone, solver, kinds, seed, at
):
    flux, ivar = good
    rows = [KINDS[kind](flux[i % GOOD], ivar[i % GOOD], seed) for i, kind in enumerate(kinds)]
    labels: list[str] = list(kinds)
    for i in range(GOOD):
        place = (at + 2 * i) % (len(rows) + 1)
        rows.insert(place, (flux[i], ivar[i], WAVE))
        labels.insert(place, f"good {i}")
    table = classify(*map(list, zip(*rows, strict=True)), ids=labels, solver=solver, models=models)
    assert_sound(table)
    assert list(table["id"]) == labels
    for row, label in zip(table, labels, strict=True):
        if label in BROKEN:
            assert row["zwarn"] != 0, label
        elif label not in STRANGE:
            expected = alone[solver][int(label[-1])]
            for name in expected.colnames[1:]:
                np.testing.assert_array_equal(row[name], expected[name], err_msg=name)


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_kind_with_several_solutions(models, good, kind):
    flux, ivar, wave = KINDS[kind](good[0][0], good[1][0], 1234)
    table = classify([flux], [ivar], [wave], models=models, n_best=3)
    assert len(table) == 3
    assert_sound(table, 3)
    if kind in BROKEN:
        assert (np.asarray(table["zwarn"]) != 0).all()


VALUES = st.lists(st.floats(width=64), min_size=1, max_size=6)


@FEW
@given(
    flux=VALUES,
    ivar=VALUES,
    solver=st.sampled_from(list(SOLVERS)),
    sparse=st.booleans(),
)
def test_any_numbers_at_all(models, flux, ivar, solver, sparse):
    values = np.resize(flux, N)
    weights = np.resize(ivar, N)
    if sparse:
        weights = np.where(np.arange(N) % 97 < 5, weights, 0.0)
    assert_sound(classify([values], [weights], [WAVE], solver=solver, models=models))


@pytest.mark.parametrize("solver", list(SOLVERS))
def test_a_falling_grid_and_loglam_are_the_same_spectra(models, good, alone, solver):
    flux, ivar = (part[:, ::-1] for part in good)
    table = classify(flux, ivar, loglam=OBSERVED.loglam[::-1], solver=solver, models=models)
    for name in table.colnames:
        np.testing.assert_array_equal(table[name], alone[solver][name], err_msg=name)


@pytest.mark.parametrize("solver", list(SOLVERS))
def test_no_rows_make_an_empty_catalog(models, alone, solver):
    table = classify([], [], WAVE, solver=solver, models=models, n_best=2)
    assert len(table) == 0
    assert table.colnames == alone[solver].colnames


def test_nothing_at_all_is_flagged_nodata(models, good):
    table = classify(good[0], good[1] * 0, WAVE, models=models)
    assert (np.asarray(table["zwarn"]) & ZWarn.NODATA != 0).all()
    assert (np.asarray(table["n_good"]) == 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wave": None}, "exactly one of wave"),
        ({"loglam": OBSERVED.loglam}, "exactly one of wave"),
        ({"wave": WAVE[:-1]}, "row 0: flux has 4076 pixels, ivar 4076, wavelengths 4075"),
        ({"wave": WAVE * 0 + 5e3}, "must rise or fall"),
        ({"wave": WAVE * np.nan}, "must be finite"),
        ({"wave": OBSERVED.loglam * 0}, "must be finite and positive"),
        ({"ivar": np.ones(N)}, "flux has 2 rows, ivar 1"),
        ({"ivar": np.ones((2, 5))}, "row 0: flux has 4076 pixels, ivar 5"),
        ({"flux": np.ones((2, 3, N))}, "flux must be one row"),
        ({"flux": [["a"] * N] * 2}, "could not convert"),
        ({"ids": ["only one"]}, "ids has shape"),
        ({"n_best": 0}, "n_best must be 1 or more"),
        ({"solver": "magic"}, "unknown solver 'magic'"),
        ({"device": "toaster"}, "device 'toaster' cannot be used"),
    ],
)
def test_bad_usage_is_a_value_error_that_says_what(models, good, change, message):
    arguments = {"flux": good[0], "ivar": good[1], "wave": WAVE, "models": models, **change}
    with pytest.raises(ValueError, match=message):
        classify(**arguments)
