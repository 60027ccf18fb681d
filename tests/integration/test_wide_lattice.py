"""Every command with models that look beyond 9200 Å, on files that reach there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import gasnet3
import mock_surveys
from gasnet3 import io, samples
from gasnet3.catalog import read_catalog
from gasnet3.nets.registry import lattice_of
from gasnet3.run.hats import PartitionClassifier
from gasnet3.spectra.lattice import OBSERVED, LogLattice
from toy import save_toys, toy_model, toy_spectra
from warm import run

BROAD = LogLattice(35450, 4801)
"""Beyond the lattice of the default models too: what is read onto that is told apart."""

REACH = 10_500.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models on the broad lattice, mock spec files that reach as far, and their catalog."""
    home = tmp_path_factory.mktemp("broad")
    save_toys(home / "models", lattice=BROAD)
    save_toys(home / "narrow")
    run("mock", "-n", 6, "-o", home / "spec", "--models", home / "models", "--sn", 15)
    run("classify", home / "spec", "-o", home / "catalog.parquet", "--models", home / "models")
    return home


def test_classify_uses_the_pixels_beyond_9200(home: Path) -> None:
    table = read_catalog(home / "catalog.parquet")
    assert (table["wave_max"] > REACH).all()
    assert (table["n_good"] > OBSERVED.n).all()
    truth = dict(np.genfromtxt(home / "spec" / "truth.csv", delimiter=",", dtype=str)[1:, [0, 2]])
    found = {str(row["id"]): float(row["z"]) for row in table}
    assert all(abs(z - float(truth[name])) < 3e-4 for name, z in found.items())


def test_a_redshift_that_only_the_far_red_tells(home: Path) -> None:
    model = toy_model("GALAXY", lattice=BROAD)
    spectra = toy_spectra(model, np.linspace(0.01, 0.09, 5), sn=30)
    spectra.ivar[:, BROAD.wave < 9210] = 0
    arguments = spectra.flux, spectra.ivar, BROAD.wave
    far = gasnet3.classify(*arguments, models=home / "models")
    assert np.abs(far["z"] - spectra.z).max() < 1e-4
    none = gasnet3.classify(*arguments, models=home / "narrow")
    assert np.isnan(none["z"]).all()


def test_runs_of_many_files_are_those_of_classify(home: Path, tmp_path: Path) -> None:
    made = tmp_path / "run"
    models = "--models", home / "models"
    coadd = mock_surveys.desi(tmp_path / "coadd.fits")
    run("plan", home / "spec", coadd, "-o", made, *models)
    run("work", made, "--dask", 1)
    run("merge", made, "-o", tmp_path / "merged.parquet")
    merged = read_catalog(tmp_path / "merged.parquet")
    once = read_catalog(home / "catalog.parquet")
    by_id = {str(row["id"]): row for row in merged}
    assert [by_id[str(row["id"])]["chi2"] for row in once] == once["chi2"].tolist()
    desi = merged[[str(name).startswith("coadd") for name in merged["file"]]]
    assert desi["wave_max"].tolist() == pytest.approx([9824] * 3, abs=5)


@pytest.mark.parametrize("made_for", ["models", "narrow"])
def test_shards_serve_both_kinds_of_models(home: Path, tmp_path: Path, made_for: str) -> None:
    run("convert", home / "spec", "-o", tmp_path / "s", "--models", home / made_for)
    again, _ = run("convert", home / "spec", "-o", tmp_path / "s", "--models", home / made_for)
    assert "0 written" in again
    _, other = run(
        *("convert", home / "spec", "-o", tmp_path / "s"),
        *("--models", home / ("narrow" if made_for == "models" else "models")), status=2,
    )  # fmt: skip
    assert "hold other rows" in other
    for models in ("models", "narrow"):
        output = tmp_path / f"{models}.parquet"
        run("classify", tmp_path / "s", "-o", output, "--models", home / models)
        far = (read_catalog(output)["wave_max"] > 9201).all()
        assert far == (models == made_for == "models")
    both = [read_catalog(path)["chi2"].tolist() for path in
            (tmp_path / "models.parquet", home / "catalog.parquet")]  # fmt: skip
    assert (both[0] == both[1]) == (made_for == "models")


def test_inspect_tells_what_the_models_look_at(home: Path) -> None:
    path = next((home / "spec").glob("*.fits"))
    told = {}
    for models in ("models", "narrow"):
        out, _ = run("inspect", path, "--json", "--models", home / models)
        told[models] = json.loads(out)[0]
    assert told["models"]["wanted"][1] > REACH
    assert told["models"]["outside"] == 0
    assert told["narrow"]["outside"] > 0.1
    out, _ = run("inspect", path, "--models", home / "models")
    assert "100% of 3508 to 10593 Å" in out


def test_pictures_and_pages(home: Path, tmp_path: Path) -> None:
    pytest.importorskip("bokeh")
    models, spec = ("--models", home / "models"), home / "spec"
    path = next(spec.glob("*.fits"))
    run("plot", path, "-o", tmp_path / "one.png", *models)
    catalog = home / "catalog.parquet"
    run("report", catalog, "-o", tmp_path / "page.html", "--spectra", spec, *models)
    run("figures", catalog, "-o", tmp_path / "f", "--spectra", spec, "--only", "2,6", *models)
    assert {p.name for p in tmp_path.rglob("*.png")} >= {"one.png", "fig2.png", "fig6.png"}
    assert "data:image/webp" in (tmp_path / "page.html").read_text()


def test_the_app_shows_the_far_red(home: Path, tmp_path: Path) -> None:
    from gasnet3.evaluate.judgements import JudgementFile
    from gasnet3.view.app import prepared
    from gasnet3.view.listing import Listing

    listing = Listing.read(home / "catalog.parquet")
    file = JudgementFile(tmp_path / "vi.csv", "anna")
    shared = prepared(listing, [home / "spec"], file, "x", models=str(home / "models"))
    name = str(listing.ids[0])
    try:
        closeup = shared.closeups.inspect(name).result(60)
        assert closeup.wave.max() > REACH
        assert np.isfinite(closeup.model[-50:]).all()
        model = shared.closeups.model_at(name, "GALAXY", 0.05).result(60)
        assert model.shape == (BROAD.n,)
    finally:
        shared.closeups.close()


def test_saved_models_and_tables_of_partitions(home: Path, tmp_path: Path) -> None:
    from astropy.io import fits

    spec = home / "spec"
    run(
        *("classify", spec, "-o", tmp_path / "c.parquet", "--models", home / "models"),
        *("--save-models", tmp_path / "m.fits", "--save-curves", tmp_path / "curves.parquet"),
    )
    with fits.open(tmp_path / "m.fits") as hdus:
        assert hdus[0].data.shape == (6, BROAD.n)
    run(
        *("classify", spec, "-o", tmp_path / "again.parquet", "--models", home / "models"),
        *("--curves", tmp_path / "curves.parquet"),
    )
    again = read_catalog(tmp_path / "again.parquet")["chi2"]
    assert again.tolist() == read_catalog(tmp_path / "c.parquet")["chi2"].tolist()
    pandas = pytest.importorskip("pandas")
    spectra = io.read(spec, lattice=lattice_of(home / "models"))
    grid = [BROAD.loglam] * len(spectra)
    lists = {"flux": list(spectra.flux), "ivar": list(spectra.ivar), "loglam": grid}
    found = PartitionClassifier(str(home / "models"))(pandas.DataFrame(lists))
    assert found["chi2"].tolist() == again.tolist()


def test_exported_networks_read_onto_their_lattice(home: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    run("export", "-o", tmp_path / "onnx", "--models", home / "models")
    run(
        *("classify", home / "spec", "-o", tmp_path / "c.parquet", "--solver", "amortised"),
        *("--models", tmp_path / "onnx"),
    )
    assert (read_catalog(tmp_path / "c.parquet")["wave_max"] > REACH).all()


@pytest.mark.slow
def test_calibrate_fits_on_the_lattice_of_the_models(home: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    models = save_toys(tmp_path / "own", lattice=BROAD)
    run("mock", "-n", 120, "-o", tmp_path / "l.npz", "--models", models, "--sn", 10)
    run("calibrate", tmp_path / "l.npz", "--models", models)
    run("classify", home / "spec", "-o", tmp_path / "c.parquet", "--models", models)
    table = read_catalog(tmp_path / "c.parquet")
    assert (table["wave_max"] > REACH).all()
    assert np.isfinite(table["anomaly_score"]).all()


def test_the_bundled_spectra_are_not_little_to_wide_models(home: Path, tmp_path: Path) -> None:
    run("classify", samples.DIRECTORY, "-o", tmp_path / "c.csv", "--models", home / "models")
    zwarn = read_catalog(tmp_path / "c.csv")["zwarn"]
    assert not (zwarn & int(gasnet3.ZWarn.LITTLE_COVERAGE)).any()
