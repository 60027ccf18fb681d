"""Classes, ranges of redshift, priors and ids: what they do to answers, and in plans."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from typer.testing import CliRunner

from gasnet3 import samples
from gasnet3.catalog import read_catalog
from gasnet3.cli import app
from gasnet3.flags import ZWarn
from gasnet3.io import read
from gasnet3.pipeline.choices import Choices
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.run.plan import Plan, PlanError
from gasnet3.run.work import work
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import LN10_STEP
from gasnet3.view.shared import Closeups
from gasnet3.view.spectra import SpectrumFinder

SOLVERS = ("amortised", "hybrid", "exact")
SPECTRA = read(samples.paths())
TRUTH = Table.read(samples.DIRECTORY / "truth.csv")


def _run(choices: Choices, solver: str = "hybrid", n_best: int = 1) -> Table:
    return Pipeline.load(solver=solver, choices=choices).run(SPECTRA, n_best)


def _priors(path: Path, ids: list[str], z: list[float], sigma: float) -> Choices:
    Table({"id": ids, "z": z, "sigma": np.full(len(ids), sigma)}).write(path)
    return Choices.parse(priors=path)


@pytest.mark.parametrize("solver", SOLVERS)
def test_classes_and_ranges_are_kept_to(solver: str) -> None:
    found = _run(Choices.parse(["galaxy,qso"], ["GALAXY=0.05:0.3", "QSO=0.5:3"]), solver, 3)
    assert set(found["class"]) == {"GALAXY", "QSO"}
    for cls, low, high in (("GALAXY", 0.05, 0.3), ("QSO", 0.5, 3.0)):
        z = np.asarray(found["z"][found["class"] == cls])
        slack = LN10_STEP * (1 + high)  # ranges are those of whole pixels
        assert len(z)
        assert (z > low - slack).all()
        assert (z < high + slack).all()
    assert np.isnan(found["p_star"]).all()
    assert np.isnan(found["chi2_star"]).all()
    best = found[found["znum"] == 0]
    np.testing.assert_allclose(best["p_galaxy"] + best["p_qso"], 1.0)


def test_the_least_chi2_at_the_end_of_a_range_is_flagged() -> None:
    z = float(TRUTH["z"][TRUTH["class"] == "GALAXY"].max())
    row = int(np.argmax((SPECTRA.classes == "GALAXY") & (np.abs(SPECTRA.z - z) < 1e-6)))
    for low, high in ((z + 0.0005, z + 0.1), (z - 0.1, z - 0.0005)):
        choices = Choices.parse(["GALAXY"], [f"GALAXY={low}:{high}"])
        found = Pipeline.load(choices=choices).run(SPECTRA[row : row + 1])
        assert found["zwarn"][0] & ZWarn.Z_FITLIMIT


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_prior_chooses_among_minima(solver: str, tmp_path: Path) -> None:
    free = _run(Choices(), solver, 4)
    other = free[free["znum"] == 2]
    ids = [str(name) for name in other["id"]]
    found = _run(_priors(tmp_path / "p.ecsv", ids, list(other["z"]), 1e-3), solver)
    near = np.abs(found["z"] - other["z"]) < 5e-3 * (1 + other["z"])
    # Spectra that leave no doubt are believed over a prior: where χ² gains more than it costs.
    cost = ((found["z"] - other["z"]) / 1e-3) ** 2
    assert (near | (found["chi2"] + cost < other["chi2"])).mean() > 0.8
    assert near.mean() > 0.6
    # χ² is that of the data, so it is not less than without a prior, but for what the bound of the
    # coefficients adds to the function whose least value is looked for.
    assert (found["chi2"] > free["chi2"][free["znum"] == 0] - 0.2).all()


def test_spectra_without_a_prior_are_left_alone_to_the_bit(tmp_path: Path) -> None:
    free = _run(Choices())
    found = _run(_priors(tmp_path / "p.ecsv", [str(SPECTRA.ids[0])], [1.0], 0.1))
    for name in ("z", "z_err", "chi2", "delta_chi2", "p_qso", "robustness", "anomaly_score"):
        np.testing.assert_array_equal(found[name][1:], free[name][1:])


@pytest.mark.parametrize("solver", SOLVERS)
def test_answers_do_not_depend_on_the_batch(solver: str, tmp_path: Path) -> None:
    path = tmp_path / "p.ecsv"
    _priors(path, [str(name) for name in SPECTRA.ids[::2]], [0.3] * len(SPECTRA.ids[::2]), 0.2)
    pipeline = Pipeline.load(
        solver=solver, choices=Choices.parse(["STAR,GALAXY"], ["GALAXY=0:0.7"], path)
    )
    whole = pipeline.run(SPECTRA)
    turned = pipeline.run(SPECTRA[np.arange(len(SPECTRA))[::-1]])
    single = pipeline.run(SPECTRA[3:4])
    for name in ("z", "z_err", "chi2", "delta_chi2", "p_galaxy"):
        np.testing.assert_array_equal(turned[name][::-1], whole[name])
        np.testing.assert_array_equal(single[name], whole[name][3:4])


def _nz(path: Path) -> Path:
    """Galaxies about z = 0.2, few quasars."""
    z = np.linspace(0.0, 3.0, 61)
    near = np.exp(-0.5 * ((z - 0.2) / 0.1) ** 2)
    Table({"z": z, "galaxy": 1000 * near, "qso": np.full(len(z), 0.02)}).write(path)
    return path


@pytest.mark.parametrize("solver", SOLVERS)
def test_numbers_decide_where_spectra_do_not(solver: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    shape = (20, SPECTRA.lattice.n)
    noise = Spectra.from_arrays(
        1.0 + rng.normal(size=shape), np.ones(shape), loglam=SPECTRA.lattice.loglam
    )
    choices = Choices.parse(["GALAXY,QSO"], nz=_nz(tmp_path / "nz.csv"))
    free, told = (
        Pipeline.load(solver=solver, choices=one).run(noise)
        for one in (Choices(("GALAXY", "QSO")), choices)
    )
    near = [np.mean(np.abs(t["z"] - 0.2) < 0.3) for t in (free, told)]
    galaxies = [np.mean(t["class"] == "GALAXY") for t in (free, told)]
    assert near[1] > near[0] + 0.2
    assert galaxies[1] > galaxies[0]
    assert told["p_galaxy"].mean() > free["p_galaxy"].mean() + 0.1
    # Clear spectra stay what they are.
    plain, same = (Pipeline.load(solver=solver, choices=one).run(SPECTRA)
                   for one in (Choices(("GALAXY", "QSO")), choices))  # fmt: skip
    clear = (plain["zwarn"] == 0) & (plain["p_galaxy"] + plain["p_qso"] > 0)
    agrees = np.abs(plain["z"] - same["z"]) < 1e-3
    assert agrees[clear].mean() > 0.9


@pytest.mark.parametrize("solver", SOLVERS)
def test_answers_under_numbers_do_not_depend_on_the_batch(solver: str, tmp_path: Path) -> None:
    choices = Choices.parse(nz=_nz(tmp_path / "nz.ecsv"), continuum=False)
    pipeline = Pipeline.load(solver=solver, choices=choices)
    whole, single = pipeline.run(SPECTRA), pipeline.run(SPECTRA[3:4])
    turned = pipeline.run(SPECTRA[np.arange(len(SPECTRA))[::-1]])
    for name in ("z", "z_err", "chi2", "delta_chi2", "p_galaxy", "p_z"):
        np.testing.assert_array_equal(turned[name][::-1], whole[name])
        np.testing.assert_array_equal(single[name], whole[name][3:4])


def test_numbers_and_continuum_in_a_plan_and_a_catalog(tmp_path: Path) -> None:
    path, run = _nz(tmp_path / "nz.csv"), tmp_path / "run"
    chosen = ["--nz", str(path), "--no-continuum"]
    call = ["plan", str(samples.DIRECTORY), "-o", str(run), "--solver", "amortised"]
    keys = set()
    for options in ([], chosen[:2], chosen[2:], chosen):
        assert CliRunner().invoke(app, [*call, *options, "--overwrite"]).exit_code == 0
        keys.add(Plan.load(run).key)
    assert len(keys) == 4
    request = Plan.load(run).request
    assert not request.choices.continuum
    assert request.choices.nz == str(path)
    out = tmp_path / "a.parquet"
    one = str(samples.paths()[0])
    done = CliRunner().invoke(app, ["classify", one, "-o", str(out), *chosen])
    assert done.exit_code == 0, done.output
    choices = Choices.from_json(read_catalog(out).meta["gasnet3"]["choices"])
    assert choices == request.choices
    table = Table.read(path)
    table["qso"] = 2.0
    table.write(path, overwrite=True)
    with pytest.raises(PlanError, match=r"n\(z\) are not those of the plan"):
        work(Plan.load(run))


def test_the_command_and_a_plan_give_the_same_catalog(tmp_path: Path) -> None:
    Table({"id": SPECTRA.ids[:4], "z": [0.1] * 4, "sigma": [0.1] * 4}).write(tmp_path / "p.csv")
    ids = ",".join(SPECTRA.ids[[7, 2, 3]])
    chosen = [
        *("--classes", "galaxy,qso", "--z-range", "0:1.4", "--ids", f"{ids},nobody"),
        *("--priors", str(tmp_path / "p.csv"), "--solver", "amortised"),
    ]
    runner, files = CliRunner(), str(samples.DIRECTORY)
    done = runner.invoke(app, ["classify", files, "-o", str(tmp_path / "a.parquet"), *chosen])
    assert done.exit_code == 0, done.output
    assert "1 of 4 ids are in none of the files: nobody" in done.output
    run = tmp_path / "run"
    for call in (
        ["plan", files, "-o", str(run), *chosen],
        ["work", str(run)],
        ["merge", str(run), "-o", str(tmp_path / "b.parquet")],
    ):
        assert runner.invoke(app, call).exit_code == 0
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    catalog = read_catalog(tmp_path / "a.parquet")
    assert list(catalog["id"]) == sorted(SPECTRA.ids[[7, 2, 3]])
    choices = Choices.from_json(catalog.meta["gasnet3"]["choices"])
    assert choices.classes == ("GALAXY", "QSO")
    assert choices.z_ranges == (("GALAXY", 0.0, 1.4), ("QSO", 0.0, 1.4))


def test_a_plan_refuses_priors_that_have_changed(tmp_path: Path) -> None:
    path, run = tmp_path / "p.csv", tmp_path / "run"
    Table({"id": ["a"], "z": [0.1], "sigma": [0.1]}).write(path)
    call = ["plan", str(samples.DIRECTORY), "-o", str(run), "--priors", str(path)]
    assert CliRunner().invoke(app, call).exit_code == 0
    Table({"id": ["a"], "z": [0.2], "sigma": [0.1]}).write(path, overwrite=True)
    with pytest.raises(PlanError, match=r"the priors or n\(z\) are not those of the plan"):
        work(Plan.load(run))


@pytest.mark.parametrize("command", ["plot", "view"])
def test_pictures_and_the_app_leave_the_continuum_out_too(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def load(*arguments: object) -> None:
        asked.append(arguments[-1])
        raise ValueError("enough")

    monkeypatch.setattr(Pipeline, "load", load)
    more = ["-o", str(tmp_path / "a.png")] if command == "plot" else ["--no-browser"]
    for options in ([], ["--no-continuum"]):
        done = CliRunner().invoke(app, [command, str(samples.paths()[0]), *more, *options])
        assert done.output.strip() == "gasnet3: enough"
    assert asked == [Choices(), Choices(continuum=False)]


def test_the_app_solves_under_its_choices() -> None:
    closeups = Closeups(SpectrumFinder([]), choices=Choices(("STAR",), continuum=False))
    try:
        assert closeups.start().result().choices == closeups.choices
    finally:
        closeups.close()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--classes", "nebula"], "no class 'NEBULA'"),
        (["--z-range", "GALAXY=0:9"], "encoder-galaxy knows 0 to 1.8"),
        (["--priors", "nowhere.csv"], "nowhere.csv"),
        (["--nz", "nowhere.csv"], "nowhere.csv"),
        (["--ids", ","], "there is no id in it"),
    ],
)
def test_bad_calls_are_told_in_one_line(arguments: list[str], problem: str, tmp_path: Path) -> None:
    call = ["classify", str(samples.DIRECTORY), "-o", str(tmp_path / "a.csv"), *arguments]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 2
    assert problem in done.output
    assert done.output.count("\n") == 1
