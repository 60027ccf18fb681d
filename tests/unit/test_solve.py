"""Solvers on toy models: agreement, edges of the range, and spectra that cannot be solved."""

import numpy as np
import pytest
import torch

from gasnet3.flags import ZWarn
from gasnet3.pipeline.closeup import model_at
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve import solvers as solve
from gasnet3.solve.prepare import prepare
from gasnet3.solve.refine import fit_at
from gasnet3.solve.solvers import SOLVERS
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED, z_from_shift
from toy import toy_engine, toy_model, toy_spectra

Z = np.array([0.011, 0.0457, 0.08321])


def pipeline(solver="hybrid", classes=("STAR", "GALAXY", "QSO")):
    engines = tuple(toy_engine(cls) for cls in classes)
    return Pipeline(engines, SOLVERS[solver], torch.device("cpu"))


@pytest.fixture(scope="module")
def galaxies():
    return toy_spectra(toy_model("GALAXY"), Z)


@pytest.mark.parametrize("solver", ["exact", "hybrid"])
def test_class_and_redshift_are_recovered(solver, galaxies):
    table = pipeline(solver).run(galaxies)
    assert list(table["class"]) == ["GALAXY"] * 3
    assert (np.abs(table["z"] - Z) < 5 * table["z_err"]).all()
    assert (table["zwarn"] == 0).all()
    np.testing.assert_allclose(table["rchi2"], 1.0, atol=0.1)
    np.testing.assert_allclose(table["p_galaxy"], 1.0, atol=1e-6)


def test_hybrid_gives_the_exact_answers(galaxies):
    exact, hybrid = pipeline("exact").run(galaxies), pipeline("hybrid").run(galaxies)
    np.testing.assert_allclose(hybrid["z"], exact["z"], atol=1e-7)
    np.testing.assert_allclose(hybrid["chi2"], exact["chi2"], rtol=1e-6)


def test_amortised_reports_the_float64_sum_of_its_reconstruction(galaxies):
    engine = toy_engine("GALAXY")
    table = Pipeline((engine,), SOLVERS["amortised"], torch.device("cpu")).run(galaxies)
    from gasnet3.solve.prepare import prepare

    prepared = prepare(galaxies)
    curve = engine.amortised_curves(engine.reconstruct(prepared)[0], prepared)
    least = curve.chi2.amin(dim=1).numpy()
    assert (table["chi2"] <= least * (1 + 1e-5)).all()
    assert (np.asarray(table["chi2"]) > 0).all()
    np.testing.assert_allclose(table["amplitude"] > 0, True)


def test_n_best_solutions_are_ordered_and_distinct(galaxies):
    table = pipeline().run(galaxies, n_best=3)
    assert list(table["znum"]) == [0, 1, 2] * 3
    chi2 = np.asarray(table["rchi2"]).reshape(3, 3)
    assert (np.diff(chi2, axis=1) >= 0).all()
    same = pipeline().run(galaxies)
    np.testing.assert_array_equal(table["z"][::3], same["z"])


@pytest.mark.parametrize("end", ["first", "last"])
def test_minimum_at_the_edge_of_the_range_is_flagged(end):
    model = toy_model("GALAXY")
    z = z_from_shift(np.array([getattr(model.card.shifts, end)], float))
    table = pipeline(classes=("GALAXY",)).run(toy_spectra(model, z))
    assert table["zwarn"][0] & ZWarn.Z_FITLIMIT
    assert not table["zwarn"][0] & ZWarn.BAD_MINFIT
    assert table["z"][0] == pytest.approx(z[0], abs=1.2e-4)


def batch(flux, ivar):
    return Spectra.from_arrays(flux, ivar, loglam=OBSERVED.loglam)


@pytest.mark.parametrize("solver", list(SOLVERS))
@pytest.mark.parametrize("n_good", [0, 1, 20])
def test_too_little_data_is_a_row_of_nan_with_a_flag(solver, n_good, rng):
    flux = rng.normal(size=(2, OBSERVED.n))
    ivar = np.ones_like(flux)
    ivar[0, n_good:] = 0
    table = pipeline(solver).run(batch(flux, ivar))
    assert table["zwarn"][0] & ZWarn.NODATA
    assert table["class"][0] == ""
    for name in ("z", "z_err", "chi2", "rchi2", "delta_chi2", "p_star", "chi2_qso", "z_galaxy"):
        assert np.isnan(table[name][0]), name
    assert np.isfinite(table["z"][1])


@pytest.mark.parametrize("solver", ["exact", "hybrid"])
def test_half_masked_spectra_are_still_solved(solver, galaxies):
    ivar = galaxies.ivar.copy()
    ivar[:, : OBSERVED.n // 2] = 0
    table = pipeline(solver).run(batch(galaxies.flux, ivar))
    assert (np.abs(table["z"] - Z) < 5 * table["z_err"]).all()
    assert (table["n_good"] == OBSERVED.n // 2).all()


def test_a_constant_spectrum_has_no_answer():
    table = pipeline().run(batch(np.full((1, OBSERVED.n), 7.0), np.ones((1, OBSERVED.n))))
    assert table["class"][0] == ""
    assert table["zwarn"][0] & ZWarn.BAD_MINFIT


def test_two_equal_minima_are_flagged():
    """A periodic eigenspectrum fits as well one period away."""
    model = toy_model("GALAXY", m=1)
    pixel = np.arange(model.card.rest.n)
    comb = np.exp(-0.5 * (((pixel + 50) % 100 - 50) / 3.0) ** 2)
    with torch.no_grad():
        model.network.eigenspectra.copy_(torch.from_numpy(comb)[None])
    spectra = toy_spectra(model, np.array([0.05]))
    from gasnet3.solve.engine import Engine

    table = Pipeline((Engine(model),), SOLVERS["exact"], torch.device("cpu")).run(spectra)
    assert table["zwarn"][0] & ZWarn.SMALL_DELTA_CHI2
    assert table["robustness"][0] == pytest.approx(0.0, abs=0.02)


def test_no_second_minimum_is_nan():
    stars = toy_spectra(toy_model("STAR"), np.array([1e-4]), noise=False)
    table = pipeline(classes=("STAR",)).run(stars)
    assert np.isnan(table["robustness"][0])
    assert np.isnan(table["p_qso"][0])


def test_empty_batch_gives_an_empty_catalog(galaxies):
    table = pipeline().run(galaxies[:0])
    assert len(table) == 0
    assert "class" in table.colnames


@pytest.mark.parametrize("solver", list(SOLVERS))
def test_answers_do_not_depend_on_batch_or_order(solver, rng):
    z = rng.uniform(0.01, 0.09, 41)
    spectra = toy_spectra(toy_model("GALAXY"), z, sn=3)
    run = pipeline(solver).run
    whole = run(spectra)
    order = rng.permutation(41)
    shuffled = run(spectra[order])
    alone = run(spectra[7:8])
    few = run(spectra[5:8])
    for name in whole.colnames:
        np.testing.assert_array_equal(whole[name][order], shuffled[name], err_msg=name)
        np.testing.assert_array_equal(whole[name][7:8], alone[name], err_msg=name)
        np.testing.assert_array_equal(whole[name][5:8], few[name], err_msg=name)


@pytest.mark.parametrize("m", [3, 9, 15])
def test_last_bits_do_not_depend_on_the_number_of_parameters(m, rng):
    """LAPACK rounds a small matrix otherwise where its place in memory is another."""
    engine = toy_engine("GALAXY", m)
    run = Pipeline((engine,), SOLVERS["hybrid"], torch.device("cpu")).run
    spectra = toy_spectra(engine.model, rng.uniform(0.01, 0.09, 23), sn=3)
    whole, order = run(spectra), rng.permutation(23)
    shuffled, few = run(spectra[order]), run(spectra[4:9])
    for name in ("z", "z_err", "chi2", "coeff", "delta_chi2"):
        np.testing.assert_array_equal(whole[name][order], shuffled[name], err_msg=name)
        np.testing.assert_array_equal(whole[name][4:9], few[name], err_msg=name)


@pytest.mark.parametrize("solver", ["exact", "hybrid"])
@pytest.mark.parametrize("cls", ["STAR", "GALAXY", "QSO"])
def test_the_best_solution_of_a_class_is_of_float64(solver, cls, rng):
    """Also where it is another class's spectrum, and minima lie close or at the ends."""
    engine = toy_engine(cls)
    z = rng.uniform(0.0, 0.1, 24)
    prepared = prepare(toy_spectra(toy_model("GALAXY", seed=3), z, sn=100))
    found = SOLVERS[solver].solve(engine, prepared, 2)
    rows = torch.arange(24)
    again = fit_at(engine.templates, prepared.flux, prepared.ivar, rows, found.shift[:, 0])
    # The last step is taken without another look, a tenth of the error long at most.
    np.testing.assert_allclose(found.chi2[:, 0], again.chi2, rtol=1e-5)
    sigma = (again.sigma * (again.chi2 / 4076).sqrt()).numpy()
    inside = ~(found.edge | found.bad)[:, 0].numpy()
    assert (np.abs(again.step.numpy() / again.bend.numpy()) < sigma)[inside].all()


def test_inspection_shows_the_same_solution(galaxies):
    run = pipeline()
    seen, table = run.inspect(galaxies, 1), run.run(galaxies)
    assert seen.cls == "GALAXY"
    assert seen.z == table["z"][1]
    chi2 = ((seen.flux - seen.model) ** 2 * seen.ivar).sum()
    assert chi2 == pytest.approx(table["chi2"][1], rel=1e-4)
    z, curve = seen.curves["GALAXY"]
    assert z[curve.argmin()] == pytest.approx(seen.z, abs=1.2e-4)


def test_inspection_keeps_the_solutions_of_the_catalog(galaxies):
    run = pipeline()
    seen, table = run.inspect(galaxies, 1, n_best=3), run.run(galaxies, n_best=3)[3:6]
    assert [found.z for found in seen.solutions] == list(table["z"])
    assert [found.cls for found in seen.solutions] == list(table["class"])
    for found in seen.solutions:
        chi2 = ((seen.flux - found.model) ** 2 * seen.ivar).sum()
        # Further solutions keep the coefficients of a shift up to 0.2 pixels off.
        assert chi2 == pytest.approx(found.chi2, rel=0.05)


def test_a_model_at_any_redshift_is_the_best_there(galaxies):
    run = pipeline()
    seen = run.inspect(galaxies, 1)
    engine = next(engine for engine in run.engines if engine.cls == "GALAXY")
    model, reduced = model_at(engine, galaxies[1:2], seen.z)
    assert reduced == pytest.approx(seen.rchi2, rel=1e-3)
    np.testing.assert_allclose(model, seen.model, rtol=1e-3, atol=1e-3)
    assert model_at(engine, galaxies[1:2], seen.z + 0.01)[1] > reduced


def test_bad_usage_raises(galaxies):
    with pytest.raises(ValueError, match="unknown solver 'magic'"):
        Pipeline.load(solver="magic")
    with pytest.raises(ValueError, match="n_best"):
        pipeline().run(galaxies, n_best=0)
    with pytest.raises(ValueError, match="n_best"):
        pipeline().inspect(galaxies, 0, n_best=0)
    with pytest.raises(IndexError, match="no row 3"):
        pipeline().inspect(galaxies, 3)


def check_the_others_got_one_look(found, expected):
    """The answer is the same; the classes that did not win have one minimum each."""
    for name in ("class", "z", "z_err", "chi2", "coeff"):
        np.testing.assert_array_equal(found[name], expected[name])
    for row, cls in enumerate(np.char.lower(found["class"])):
        assert found[f"robustness_{cls}"][row] == expected[f"robustness_{cls}"][row]
        others = {"star", "galaxy", "qso"} - {cls}
        assert all(np.isnan(found[f"robustness_{other}"][row]) for other in others)


def test_a_class_out_of_reach_gets_one_look(galaxies, monkeypatch):
    monkeypatch.setattr(solve, "OUT_OF_REACH", np.inf)
    expected = pipeline().run(galaxies)
    monkeypatch.setattr(solve, "OUT_OF_REACH", 0.0)
    found = pipeline().run(galaxies)
    check_the_others_got_one_look(found, expected)
    assert np.isfinite(expected["robustness_qso"]).all()
    np.testing.assert_allclose(found["chi2_qso"], expected["chi2_qso"], rtol=0.02)


@pytest.mark.parametrize("solver", list(SOLVERS))
def test_a_class_that_wins_against_expectation_is_solved_like_any_other(
    solver, galaxies, monkeypatch
):
    expected = pipeline(solver).run(galaxies)

    def nobody(proposals, dof, n_good):
        return [torch.ones(len(n_good), dtype=torch.int64) for _ in proposals]

    monkeypatch.setattr("gasnet3.pipeline.classifier.looks_at", nobody)
    found = pipeline(solver).run(galaxies)
    check_the_others_got_one_look(found, expected)
