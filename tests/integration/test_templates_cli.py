"""Templates as a user brings them: added, classified with, and what cannot be done with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from typer.testing import CliRunner

from gasnet3.bridges.redrock import saved_curves, write_details
from gasnet3.catalog import read_catalog
from gasnet3.cli import app
from gasnet3.io import write_npz
from gasnet3.io.templates import read_library
from gasnet3.nets.registry import list_models
from gasnet3.pipeline.choices import Choices
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.distinct import distinct_pixels
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED, shift_from_z
from gasnet3.train.forest import transmission
from template_files import qso_library, star_library

WHAT = (
    ("STAR", "K", 0.0003), ("STAR", "M", -0.0008), ("STAR", "K", -0.002), ("STAR", "M", 0.0),
    ("QSO", "LOZ", 0.31), ("QSO", "LOZ", 0.93), ("QSO", "HIZ", 2.2), ("QSO", "HIZ", 3.14),
)  # fmt: skip


def gasnet3(*arguments: object, status: int = 0) -> str:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exit_code == status, result.output
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of templates, models of them, and spectra that they make."""
    directory = tmp_path_factory.mktemp("library")
    files = [*star_library(directory), *qso_library(directory)]
    said = gasnet3("templates", "add", *files, "-o", directory / "my-models")
    assert "star-k STAR K templates m = 3 -0.004 to 0.004 3600 to 9200 -1" in said
    write_npz(directory / "spectra.npz", spectra_of([read_library(path) for path in files]))
    return directory


def spectra_of(libraries: list) -> Spectra:
    """Noisy spectra of :data:`WHAT`, of S/N 20."""
    rng = np.random.default_rng(5)
    flux = np.empty((len(WHAT), OBSERVED.n))
    for row, (cls, subclass, z) in enumerate(WHAT):
        (one,) = (lib for lib in libraries if (lib.cls, lib.subclass) == (cls, subclass))
        model = rng.uniform(0.5, 1.0, len(one.flux)) @ one.flux
        if one.forest:
            model = model * transmission(one.lattice.wave, z)
        at = OBSERVED.loglam * 1e4 - shift_from_z(z) - one.lattice.k_min
        flux[row] = 10 * np.interp(at, np.arange(one.lattice.n), model)
    sigma = np.full_like(flux, flux.mean() / 20)
    flux += sigma * rng.standard_normal(flux.shape)
    return Spectra.from_arrays(
        flux, sigma**-2.0, loglam=OBSERVED.loglam, lattice=OBSERVED,
        ids=[f"row-{i}" for i in range(len(WHAT))],
    )  # fmt: skip


def checked(table: Table) -> None:
    assert list(table["class"]) == [cls for cls, _, _ in WHAT]
    assert list(table["subclass"]) == [subclass for _, subclass, _ in WHAT]
    z = np.array([z for _, _, z in WHAT])
    assert np.abs((np.asarray(table["z"]) - z) / (1 + z)).max() < 2e-4


@pytest.mark.parametrize("solver", ["hybrid", "exact"])
def test_models_compete_and_are_named(library: Path, tmp_path: Path, solver: str) -> None:
    out = tmp_path / "catalog.csv"
    said = gasnet3("classify", library / "spectra.npz", "-o", out, "--solver", solver,
                   "--models", library / "my-models")  # fmt: skip
    table = read_catalog(out)
    checked(table)
    assert "no confidence was fitted" in said
    assert np.isnan(table["p_z"]).all()
    assert (table["zwarn"] == 0).all()
    assert [str(name).startswith(f"{cls.lower()}-{sub.lower()}") for name, (cls, sub, _) in
            zip(table["model"], WHAT, strict=True)] == [True] * len(WHAT)  # fmt: skip
    assert np.isnan(table["chi2_galaxy"]).all()
    assert (table["rchi2"] < 1.2).all()


def test_answers_do_not_depend_on_company(library: Path) -> None:
    pipeline = Pipeline.load(library / "my-models")
    spectra = spectra_of([read_library(path) for path in sorted(library.glob("rr*.fits"))])
    whole = pipeline.run(spectra, 3)
    for rows in ([5], [7, 0, 3]):
        some = pipeline.run(spectra[np.array(rows)], 3)
        for name in ("z", "chi2", "z_err", "delta_chi2", "p_star", "robustness_qso"):
            at = np.concatenate([3 * row + np.arange(3) for row in rows])
            np.testing.assert_array_equal(some[name], whole[name][at])


def test_solutions_of_a_class_are_distinct(library: Path) -> None:
    spectra = spectra_of([read_library(path) for path in sorted(library.glob("rr*.fits"))])
    table = Pipeline.load(library / "my-models").run(spectra, 6)
    for name in set(table["id"]):
        for cls in ("STAR", "QSO"):
            of = table[(table["id"] == name) & (table["class"] == cls)]
            apart = np.diff(np.sort(shift_from_z(of["z"])))
            assert (apart > distinct_pixels(cls)).all()


def test_ranges_are_those_of_all_models_of_a_class(library: Path) -> None:
    models = library / "my-models"

    def tried(text: str) -> list[str]:
        cards = Pipeline.load(models, choices=Choices.parse(["QSO"], [text])).cards
        return [card.name for card in cards]

    assert tried("QSO=0.1:0.5") == ["qso-loz"]
    both = tried("QSO=0.1:2")
    assert both[0] != "qso-loz"
    assert "qso-loz" in both
    with pytest.raises(ValueError, match="give a range within it"):
        tried("QSO=0.1:5")
    assert "STAR" not in tried("QSO=2:3")


def test_saved_curves_are_those_of_each_model(library: Path, tmp_path: Path) -> None:
    spectra, models = library / "spectra.npz", library / "my-models"
    first, again, curves = (tmp_path / name for name in ("a.csv", "b.csv", "curves.parquet"))
    gasnet3("classify", spectra, "-o", first, "--models", models, "--save-curves", curves)
    gasnet3("classify", spectra, "-o", again, "--models", models, "--curves", curves)
    np.testing.assert_array_equal(read_catalog(first)["z"], read_catalog(again)["z"])
    found = saved_curves(curves, read_catalog(first))
    assert list(found) == ["STAR", "QSO"]
    z, chi2 = found["QSO"]
    assert (np.diff(z) > 0).all()
    assert z[-1] == pytest.approx(3.5, abs=0.01)
    assert abs(z[chi2[4].argmin()] - 0.31) < 0.002
    write_details(tmp_path / "details.h5", read_catalog(first), found)


def test_a_close_look(library: Path, tmp_path: Path) -> None:
    spectra = spectra_of([read_library(path) for path in sorted(library.glob("rr*.fits"))])
    seen = Pipeline.load(library / "my-models").inspect(spectra, 7, 3)
    assert (seen.cls, seen.solutions[0].subclass) == ("QSO", "HIZ")
    assert list(seen.curves) == list(seen.best_z) == ["STAR", "QSO"]
    z, chi2 = seen.curves["QSO"]
    assert z[chi2.argmin()] == pytest.approx(3.14, abs=0.001)
    assert z[0] < 0.06
    picture = tmp_path / "one.png"
    gasnet3("plot", library / "spectra.npz", "--row", 0, "-o", picture,
            "--models", library / "my-models")  # fmt: skip
    assert picture.stat().st_size > 10_000


def test_what_needs_a_network_is_refused(library: Path, tmp_path: Path) -> None:
    models, spectra = library / "my-models", library / "spectra.npz"
    said = gasnet3("classify", spectra, "-o", tmp_path / "a.csv", "--models", models,
                   "--solver", "amortised", status=2)  # fmt: skip
    assert "made of templates and has no network" in said
    assert "--solver hybrid or exact" in said
    pytest.importorskip("onnxscript")
    assert "no network" in gasnet3("export", "-o", tmp_path / "x", "--models", models, status=2)


def test_mock_spectra_of_a_library_with_coefficients(library: Path, tmp_path: Path) -> None:
    star = library / "my-models" / "star-k.json"
    gasnet3("mock", "-o", tmp_path / "mocks", "-n", 3, "--models", star)
    gasnet3("classify", tmp_path / "mocks", "-o", tmp_path / "a.csv", "--models",
            library / "my-models")  # fmt: skip
    found = read_catalog(tmp_path / "a.csv")
    assert list(found["subclass"]) == ["K"] * 3
    truth = Table.read(tmp_path / "mocks" / "truth.csv")
    assert set(truth["class"]) == {"STAR"}
    assert np.abs(found["z"] - truth["z"]).max() < 1e-4


def test_bad_usage_is_told_in_a_line(library: Path, tmp_path: Path) -> None:
    (first, *_), out = sorted(library.glob("rr*.fits")), tmp_path / "models"
    for options, said in (
        (("--z-range", "1-2"), "LOW:HIGH"),
        (("--wave", "9000:3600"), "the lower one first"),
        (("--wave", "5000:5001"), "pixels of 69 km/s"),
        (("--class", "planet"), "no class 'PLANET'"),
        (("--resolution", "sharp"), "is not understood"),
        (("--wave", "3600:12000"), "covers"),
    ):
        assert said in gasnet3("templates", "add", first, "-o", out, *options, status=2)
    empty = tmp_path / "empty.fits"
    fits.PrimaryHDU().writeto(empty)
    assert "empty.fits" in gasnet3("templates", "add", empty, "-o", out, status=2)
    assert not out.exists()


def test_real_libraries(shared_dir: Path, tmp_path: Path) -> None:
    files = sorted((shared_dir / "data" / "templates" / "fits").glob("*.fits"))
    if not files:
        pytest.skip("there are no template files beside the checkout")
    redrock = [path for path in files if path.name.startswith("rr")]
    gasnet3("templates", "add", *redrock, "-o", tmp_path / "redrock")
    cards = [info.card for info in list_models(tmp_path / "redrock")]
    assert {(c.cls, c.subclass) for c in cards} == {
        ("QSO", "HIZ"), ("QSO", "LOZ"), ("STAR", "CV"), ("STAR", "K"), ("STAR", "M"),
    }  # fmt: skip
    spec1d = [path for path in files if path.name.startswith("spEigen") and "Elo" not in path.name]
    gasnet3("templates", "add", *spec1d, "-o", tmp_path / "spec1d")
    names = {info.name for info in list_models(tmp_path / "spec1d")}
    assert names >= {"galaxy", "qso", "star-cv", "star-a", "star-m", "star-wd"}
    (short,) = set(files) - {*redrock, *spec1d}
    said = gasnet3("templates", "add", short, "-o", tmp_path / "short", status=2)
    assert "covers 4126 to 6797 Å, too little" in said
