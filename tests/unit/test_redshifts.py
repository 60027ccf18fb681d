"""The interval of redshift that holds 68 % of the posterior, and the columns beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr
from test_posterior import pipeline

from gasnet3.classes import CLASSES
from gasnet3.decide.posterior import NOTHING, Weights
from gasnet3.decide.rank import Ranked
from gasnet3.decide.redshifts import LEAST, ONE_SIGMA, SURE, interval, on_curves
from gasnet3.pipeline.fitted import Fitted
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import LN10_STEP, shift_from_z
from toy import toy_model, toy_spectra


def posterior(
    shares: list[float],
    x: list[float],
    width: list[float],
    curve: tuple[float, np.ndarray, np.ndarray] = (0.0, np.zeros(0), np.zeros(0)),
) -> tuple[Weights, Ranked]:
    """One spectrum with solutions of one class at ln(1 + z), best first, and a curve.

    The curve has a share, shifts, and what of it is at each.
    """
    k = len(shares)
    with np.errstate(divide="ignore"):
        each, rest = (np.maximum(np.log(part), NOTHING) for part in (shares, curve[:1]))
    z = np.expm1(np.array([x]))
    err = (1 + z) * np.array([width])
    ones = np.ones(1)
    weights = Weights(
        ("GALAXY",), [each[None]], [rest], [np.zeros((1, k))], [z], [err], [z], [z], ones, ones,
        ones, [0.0 * rest], shifts=[curve[1]], along=[curve[2][None].astype(np.float32)],
    )  # fmt: skip
    number = np.arange(k)[None]
    same = np.zeros((1, k))
    ranked = Ranked(
        ("GALAXY",), 0 * number, number, shift_from_z(z), z, err, same + 1, same + 1, same > 0,
        same > 0, same, same,
    )  # fmt: skip
    return weights, ranked


def ends(*parts: object) -> tuple[float, float]:
    """The interval in ln(1 + z)."""
    low, high = interval(*posterior(*parts))  # type: ignore[arg-type]
    return float(np.log1p(low[0])), float(np.log1p(high[0]))


def test_one_solution_has_its_error() -> None:
    weights, ranked = posterior([1.0], [0.4], [1e-4])
    low, high = interval(weights, ranked)
    np.testing.assert_allclose([low, high], ranked.z[:, 0] + [-ranked.z_err[0], ranked.z_err[0]])


def test_a_part_elsewhere_makes_it_wider() -> None:
    low, high = ends([0.8, 0.2], [0.4, 0.9], [1e-4, 1e-4])
    # 0.853 of the nearer peak.
    reach = 1.4512e-4
    assert [low - 0.4, high - 0.4] == pytest.approx([-reach, reach], rel=0.07)
    assert high - low == pytest.approx(2 * reach, rel=0.01)


def test_of_two_as_good_it_spans_both() -> None:
    low, high = ends([0.5, 0.5], [0.4, 0.9], [1e-4, 1e-4])
    assert low < 0.4 < 0.8999 < high < 0.901
    # From below the first to a part of the second.
    assert ndtr((high - 0.9) / 1e-4) - ndtr((low - 0.4) / 1e-4) + 1 == pytest.approx(
        2 * ONE_SIGMA, abs=0.01
    )


def test_two_at_one_redshift_are_one() -> None:
    low, high = ends([0.6, 0.4], [0.4, 0.4], [1e-4, 1e-4])
    assert [low, high] == pytest.approx([0.3999, 0.4001], abs=1e-6)


def test_what_is_between_counts() -> None:
    shifts = shift_from_z(np.expm1(0.2)) + 4.0 * np.arange(800)
    curve = (0.7, shifts, np.full(800, 1 / 800))
    low, high = ends([0.3], [0.4], [1e-4], curve)
    step = 4.0 * LN10_STEP
    inside = (min(high, 0.2 + 799.5 * step) - max(low, 0.2 - 0.5 * step)) / (800 * step)
    assert low < 0.4 < high
    assert 0.7 * inside + 0.3 == pytest.approx(ONE_SIGMA, abs=2e-3)


def test_nothing_has_no_interval() -> None:
    weights, ranked = posterior([0.0], [0.4], [1e-4])
    low, high = interval(weights, ranked)
    np.testing.assert_allclose([low, high], ranked.z[:, 0] + [-ranked.z_err[0], ranked.z_err[0]])
    ranked.z_err[:] = np.nan
    assert np.isnan(interval(weights, ranked)).all()


@given(
    st.lists(
        st.tuples(st.floats(0.01, 1.0), st.floats(0.0, 1.7), st.floats(1e-5, 1e-2)),
        min_size=2,
        max_size=6,
    )
)
def test_it_holds_its_part_and_no_shorter_one_does(peaks: list[tuple[float, float, float]]) -> None:
    shares, x, width = (np.array(part) for part in zip(*peaks, strict=True))
    order = np.argsort(-shares, kind="stable")
    shares, x, width = shares[order] / shares.sum(), x[order], width[order]

    def below(place: np.ndarray) -> np.ndarray:
        return np.asarray((shares * ndtr((place[:, None] - x) / width)).sum(axis=1))

    low, high = ends(shares.tolist(), x.tolist(), width.tolist())
    assert low <= x[0] <= high
    held = np.diff(below(np.array([low, high])))[0]
    assert held > ONE_SIGMA - 0.01
    # Of all intervals that begin at one of many places, hold as much and z, none is much shorter.
    grid = np.sort((x + width * np.linspace(-5, 5, 501)[:, None]).ravel())
    start = grid[grid <= x[0]]
    first = below(start)
    reach = below(grid)
    end = np.searchsorted(reach, first + ONE_SIGMA + 0.003)
    fits = end < len(grid)
    lengths = np.maximum(grid[end[fits]], x[0]) - start[fits]
    if shares[0] < SURE and len(lengths):
        assert high - low <= lengths.min() * 1.02 + 1e-12


def test_small_parts_are_not_seen() -> None:
    low, high = ends([0.98, 0.01, 0.01, LEAST / 2], [0.4, 0.1, 0.2, 1.7], [1e-4] * 4)
    assert 0.3998 < low < high < 0.4002


@pytest.fixture(scope="module")
def faint() -> Spectra:
    """Toys of three S/N, with one row of noise alone and one of nothing."""
    model, rng = toy_model("GALAXY"), np.random.default_rng(3)
    parts = [toy_spectra(model, rng.uniform(0.01, 0.09, 6), sn=sn, seed=3) for sn in (0.5, 1, 20)]
    out = Spectra.concatenate([replace(p, ids=np.char.add(f"{i}-", p.ids)) for i, p in
                               enumerate(parts)])  # fmt: skip
    out.flux[2] = 10.0 + rng.standard_normal(out.flux.shape[1]) / np.sqrt(out.ivar[2])
    out.ivar[5] = 0
    return out


NAMES = ("z_lo", "z_hi", *(f"log_evidence_{cls.lower()}" for cls in CLASSES))


@pytest.mark.parametrize("solver", ["exact", "hybrid"])
def test_columns_do_not_depend_on_batch_or_order(faint: Spectra, solver: str) -> None:
    one = pipeline(solver=solver)
    whole = one.run(faint, 2)
    order = np.random.default_rng(2).permutation(len(faint))
    parts = [one.run(faint[order[i : i + 5]], 2) for i in range(0, len(order), 5)]
    assert (whole["z_hi"] - whole["z_lo"] > 2.5 * whole["z_err"]).any()
    for name in NAMES:
        again = np.concatenate([np.asarray(part[name]) for part in parts]).reshape(-1, 2)
        np.testing.assert_array_equal(
            again[np.argsort(order)], np.asarray(whole[name]).reshape(-1, 2)
        )


def test_columns_mean_what_they_say(faint: Spectra) -> None:
    table = pipeline().run(faint, 2)
    known = np.isfinite(table["z"])
    assert np.isfinite(table["z_lo"][known]).all()
    assert (table["z_lo"] <= table["z"])[known].all()
    assert (table["z"] <= table["z_hi"])[known].all()
    further = np.asarray(table["znum"]) > 0
    np.testing.assert_array_equal(table["z_hi"][further], (table["z"] + table["z_err"])[further])
    evidence = np.stack([np.asarray(table[f"log_evidence_{c.lower()}"]) for c in CLASSES], axis=1)
    assert np.isnan(evidence[10:12]).all()
    assert np.isfinite(np.delete(evidence, [10, 11], axis=0)).all()
    # Bright toys are galaxies, far better than nothing.
    assert (evidence[-12:].argmax(axis=1) == 1).all()
    assert (evidence[-12:, 1] > 100).all()


def test_without_a_posterior_there_is_the_error(faint: Spectra) -> None:
    table = pipeline(("GALAXY",)).run(faint)
    assert np.isnan(table["log_evidence_star"]).all()
    assert np.isfinite(table["log_evidence_galaxy"]).sum() == len(faint) - 1
    for solver in ("exact", "amortised"):
        table = replace(pipeline(solver=solver), fitted=Fitted()).run(faint)
        np.testing.assert_array_equal(table["z_lo"], table["z"] - table["z_err"])
        np.testing.assert_array_equal(table["z_hi"], table["z"] + table["z_err"])
        for name in NAMES[2:]:
            assert np.isnan(table[name]).all()


def test_along_a_curve_everything_is_somewhere() -> None:
    shifts = shift_from_z(np.expm1(0.2)) + 4.0 * np.arange(800)
    share = np.linspace(1.0, 2.0, 800)
    curve = (0.3, shifts, share / share.sum())
    step = 4.0 * LN10_STEP
    # One within a point, one broad, one at the end.
    x = [0.2 + 100 * step, 0.2 + 400.5 * step, 0.2 + 799.5 * step]
    weights, ranked = posterior([0.4, 0.2, 0.1], x, [1e-6, 5 * step, 1e-6], curve)
    found = on_curves(weights, ranked)["GALAXY"][0]
    assert found.sum() == pytest.approx(1.0)
    expected = 0.3 * share / share.sum()
    np.testing.assert_allclose(found[[0, 100, -1]], expected[[0, 100, -1]] + [0, 0.4, 0.1])
    centre = np.arange(380, 422)
    density = 0.2 * step * np.exp(-0.5 * ((centre - 400.5) / 5) ** 2) / (np.sqrt(2 * np.pi) * 5)
    np.testing.assert_allclose(found[centre], expected[centre] + density / step, rtol=0.02)


def test_a_closeup_shows_the_posterior(faint: Spectra) -> None:
    one = pipeline(solver="hybrid")
    table, seen = one.run(faint, 3), one.inspect(faint, 14, 3)
    rows = np.flatnonzero(table["id"] == faint.ids[14])
    p = {cls: share.sum() for cls, (_, share) in seen.p_z.items()}
    assert sum(p.values()) == pytest.approx(1.0)
    for cls, share in p.items():
        assert share == pytest.approx(table[f"p_{cls.lower()}"][rows[0]])
    z, share = seen.p_z[seen.cls]
    assert abs(z[share.argmax()] - seen.z) < 1e-3
    assert seen.best_z[seen.cls] == seen.z
    assert (seen.z_lo, seen.z_hi) == (table["z_lo"][rows[0]], table["z_hi"][rows[0]])
    assert [s.p_z for s in seen.solutions] == table["p_z"][rows].tolist()
