"""The peers of benchmarks/accuracy.py: published networks rebuilt, templates for redrock."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from astropy.io import fits
from astropy.table import Table
from rich.console import Console

from gasnet3.catalog import make_catalog
from gasnet3.evaluate.evaluation import evaluate
from gasnet3.nets.card import ModelError
from gasnet3.nets.registry import SHIPPED
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED, WIDE

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
sys.path.insert(0, str(Path(__file__).parents[2] / "recipes"))

import accuracy
from mock_survey.library import Survey
from peers.answers import ROWS, kept
from peers.networks import PIXELS, PublishedEncoder, PublishedUNet, build
from peers.page import Score, table_of, write_page
from peers.published import (
    ORIGIN,
    Grid,
    PublishedNetworks,
    chi2_curve,
    convert,
    load,
    normalise,
    prepare_as_published,
)
from peers.with_redrock import best_rows, write_template

CLASSES = ("STAR", "GALAXY", "QSO")
PAPERS = slice(OBSERVED.k_min - WIDE.k_min, OBSERVED.k_max + 1 - WIDE.k_min)
"""Pixels of the wide lattice that the paper's has too."""


@pytest.fixture(scope="module")
def golden(shared_dir):
    """The authors' own numbers of five spectra."""
    with np.load(shared_dir / "reference" / "golden.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def published(shared_dir, tmp_path_factory):
    """The six published networks, converted, by architecture and class."""
    directory = tmp_path_factory.mktemp("published")
    weights = sorted((shared_dir / "reference" / "weights").glob("*.pth"))
    networks = [load(convert(path, directory)) for path in weights]
    return {(network.architecture, network.cls): network for network in networks}


@pytest.mark.parametrize("cls", CLASSES)
def test_published_encoder_reconstructs_as_the_authors_do(golden, published, cls):
    network = published["Encoder", cls]
    pairs = [
        normalise(flux, ivar)
        for flux, ivar in zip(golden[f"{cls}_flux"], golden[f"{cls}_ivar"], strict=True)
    ]
    flux, ivar = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
    with torch.inference_mode():
        rest = network.network(flux.float())
    theirs = golden[f"{cls}_reconstruction"][:, 0]
    np.testing.assert_allclose(rest.numpy(), theirs, rtol=1e-5, atol=1e-5)

    # Their curve is padded to N pixels, and corrected at its edges from the first whole window on.
    curve = golden[f"{cls}_chi_square_curve"][:, 0]
    mine = chi2_curve(rest, flux, ivar).numpy()
    whole = curve[:, ORIGIN : ORIGIN + mine.shape[1]]
    np.testing.assert_allclose(mine[:, 1:], whole[:, 1:], rtol=1e-5)
    np.testing.assert_allclose(
        network.grid.redshift(mine.argmin(axis=1)), golden[f"{cls}_Best_fit_z"], atol=1e-12
    )


@pytest.mark.parametrize(
    ("table", "cls"),
    [("IWG8V3_Encoder_SDSS_GALAXY", "GALAXY"), ("Encoder_SDSS_QSO_results", "QSO")],
)
def test_redshifts_are_those_of_the_authors_tables(shared_dir, published, table, cls):
    network, survey = published["Encoder", cls], Survey(shared_dir)
    with fits.open(shared_dir / "reference" / "tables" / f"{table}.fits") as hdus:
        known = {tuple(int(row[k]) for k in ("PLATE", "MJD", "FIBERID")):
                 (float(row["Best_fit_z"]), float(row["min_chi_square"]))
                 for row in hdus[1].data}  # fmt: skip
    flux, ivar = (part[:, PAPERS] for part in survey.spectra)
    errors = []
    for i, row in enumerate(survey.rows):
        numbers = re.search(r"(\d{4,5})-(\d{5})-(\d{4})", row["name"])
        told = known.get(tuple(int(n) for n in numbers.groups())) if numbers else None
        if told is None:
            continue
        pair = prepare_as_published(flux[i], ivar[i], OBSERVED.wave)
        prepared = [torch.from_numpy(part)[None] for part in pair]
        with torch.inference_mode():
            curve = chi2_curve(network.network(prepared[0].float()), *prepared)[0].numpy()
        # Spectra of another data release have other masks and another curve.
        if abs(curve.min() / PIXELS / told[1] - 1) < 1e-4:
            errors.append(network.grid.redshift(curve.argmin()) - told[0])
    assert len(errors) >= 4
    np.testing.assert_allclose(errors, 0.0, atol=1e-9)


@pytest.mark.parametrize("cls", CLASSES)
def test_published_unet_finds_its_class_at_its_redshift(shared_dir, published, cls):
    # No outputs of the U-Net were published: its scatter in z about the labels must be small.
    network, survey = published["U-Net", cls], Survey(shared_dir)
    rows, z = survey.of_class(cls, validation=True)
    some = np.array([survey.rows[i]["survey"] == "SDSS" for i in rows]).nonzero()[0][:12]
    flux, ivar = survey.spectra
    spectra = Spectra.from_arrays(flux[rows[some]], ivar[rows[some]], loglam=WIDE.loglam)
    found = PublishedNetworks([network])(spectra)
    assert set(found["class"]) == {cls}
    error = np.abs(found["z"] - z[some]) / (1 + z[some])
    assert np.median(error) < (2e-3 if cls == "QSO" else 3e-4)


def test_their_redshift_is_about_that_of_a_perfect_match():
    grid = Grid(0.0, 1.5, 8055)
    z = grid.redshift(np.array([0, 8055 - PIXELS]))
    assert z == pytest.approx([1.5, 0.0], abs=8e-4)


def test_masked_pixels_are_filled_between_their_neighbours():
    wave = np.linspace(3600, 9200, 200)
    flux, ivar = np.sin(wave / 300) + wave / 5000, np.ones(200)
    whole, _ = prepare_as_published(flux, ivar, wave)
    broken = flux.copy()
    broken[[50, 51]], ivar[[50, 51]] = 1e6, 0
    holed, weight = prepare_as_published(broken, ivar, wave)
    assert np.abs(holed - whole).max() < 0.1
    assert (weight[[50, 51]] == 0).all()
    assert (holed**2).mean() == pytest.approx(1.0)

    ivar[:20] = 0
    cut, _ = prepare_as_published(flux, ivar, wave)
    dark, _ = prepare_as_published(np.where(ivar > 0, flux, 0.0), ivar, wave)
    np.testing.assert_array_equal(cut, dark)
    assert cut[:20].max() < -1.0  # outside the covered range there is no light


def test_a_spectrum_without_pixels_gets_no_class(published):
    blank = np.zeros((1, OBSERVED.n))
    spectra = Spectra.from_arrays(blank, blank, loglam=OBSERVED.loglam)
    found = PublishedNetworks([published["Encoder", "STAR"]])(spectra)
    assert found["class"].tolist() == [""]
    assert np.isnan(found["z"]).all()


@pytest.mark.parametrize("kind", [PublishedEncoder(3, 4200), PublishedUNet(4200, 2, flip=True)])
def test_networks_are_rebuilt_from_their_state(kind, rng):
    state = kind.eval().state_dict()
    if isinstance(kind, PublishedUNet):
        state["eigenvectors"] = torch.zeros(3, 4200)
    rebuilt = build(state, flip=True)
    flux = torch.from_numpy(rng.normal(size=(2, PIXELS))).float()
    with torch.inference_mode():
        assert torch.equal(rebuilt(flux), kind(flux))
        assert rebuilt(flux).shape == (2, 4200)


def test_a_foreign_file_is_refused(tmp_path):
    weights = tmp_path / "other.pth"
    torch.save({"weight": torch.zeros(3)}, weights)
    weights.with_suffix(".json").write_text('{"model_name": "a_STAR", "z_min": 0, "z_max": 1}')
    with pytest.raises(ValueError, match=r"other\.pth is no published network"):
        convert(weights, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_templates_keep_their_lattice_and_values(tmp_path, rng):
    flux = rng.normal(size=(4, 900)).astype(np.float32)
    path = tmp_path / "rrtemplate-qso-HIZ.fits"
    write_template(path, 26471, flux, "QSO", "HIZ")
    with fits.open(path) as hdus:
        header = hdus["BASIS_VECTORS"].header
        wave = 10 ** (header["CRVAL1"] + header["CDELT1"] * np.arange(header["NAXIS1"]))
        np.testing.assert_array_equal(hdus["BASIS_VECTORS"].data, flux)
        z = hdus["REDSHIFTS"].data
        np.testing.assert_allclose(np.diff(np.log10(1 + z)), 5e-4, rtol=1e-6)
    np.testing.assert_allclose(wave, 10 ** (1e-4 * (26471 + np.arange(900))))
    assert (header["RRTYPE"], header["RRSUBTYP"], header["RRIGM"]) == ("QSO", "HIZ", "Kamble20")
    assert z[0] == pytest.approx(1.4)
    assert 6.98 < z[-1] < 7.0


def test_redrock_reads_the_templates(tmp_path, rng, capsys):
    templates = pytest.importorskip("redrock.templates", reason="redrock is not installed")
    flux = rng.normal(size=(3, 500)).astype(np.float32)
    path = tmp_path / "rrtemplate-star-M.fits"
    write_template(path, 36000, flux, "STAR", "M")
    template = templates.Template(str(path))
    assert template.full_type == "STAR:::M"
    np.testing.assert_array_equal(template.flux, flux)
    np.testing.assert_allclose(template.wave, 10 ** (1e-4 * (36000 + np.arange(500))))
    assert "STAR M PCA" in capsys.readouterr().out


def test_the_best_solution_of_redrock_becomes_a_row():
    found = Table({
        "targetid": [0, 0, 2, 0],
        "znum": [1, 0, 0, 2],
        "spectype": ["GALAXY", "QSO", "STAR", "GALAXY"],
        "z": [0.3, 0.2, 1e-4, 0.7],
        "zerr": [1e-4, 2e-4, 1e-5, 1e-4],
        "zwarn": [0, 4, 0, 0],
        "deltachi2": [20.0, 8.0, 30.0, 0.0],
    })  # fmt: skip
    rows = best_rows(found, np.array(["a", "b", "c"]))
    assert rows["class"].tolist() == ["QSO", "", "STAR"]
    np.testing.assert_array_equal(rows["z"], [0.2, np.nan, 1e-4])
    np.testing.assert_array_equal(rows["z_galaxy"], [0.3, np.nan, np.nan])
    assert rows["zwarn"].tolist() == [4, 512, 0]
    np.testing.assert_array_equal(rows["delta_chi2"], [8.0, np.nan, 30.0])


def test_answers_are_kept_by_spectrum_and_identity(tmp_path, rng):
    calls = []

    def classify(spectra):
        calls.append(len(spectra))
        z = np.asarray(spectra.flux, np.float64).mean(axis=1)
        return make_catalog({"id": spectra.ids, "class": ["STAR"] * len(spectra), "z": z})

    flux = rng.normal(size=(40, OBSERVED.n))
    spectra = Spectra.from_arrays(flux, np.ones_like(flux), loglam=OBSERVED.loglam)
    first, seconds = kept(classify, "a 1", spectra, tmp_path)
    again, same = kept(classify, "a 1", spectra, tmp_path)
    assert calls == [ROWS, 40 - ROWS]
    assert seconds == same > 0
    np.testing.assert_array_equal(first["z"], again["z"])
    assert first["id"].tolist() == list(spectra.ids)
    some, _ = kept(classify, "a 1", spectra[10:20], tmp_path)
    assert some["id"].tolist() == list(spectra.ids[10:20])
    assert len(calls) == 2
    kept(classify, "a 2", spectra[:5], tmp_path)
    kept(classify, "a 1", spectra[:5], tmp_path, fresh=True)
    assert calls[2:] == [5, 5]


@pytest.fixture
def scores():
    """Two classifiers on six spectra and two sky fibres; one without warnings."""
    ids = [f"a{i}" for i in range(8)]
    truth = Table({
        "id": ids,
        "class": ["STAR", "STAR", "GALAXY", "GALAXY", "QSO", "QSO", "SKY", "SKY"],
        "subclass": ["", "", "BROADLINE", "", "", "", "", ""],
        "z": [0.0, 1e-4, 0.1, 0.2, 1.0, 2.0, np.nan, np.nan],
    })  # fmt: skip
    found = truth["id", "class", "z"].copy()
    found["class"] = ["STAR", "STAR", "QSO", "GALAXY", "QSO", "GALAXY", "STAR", "STAR"]
    found["z"] = [0.0, 1e-4, 0.1, 0.2, 1.0, 0.3, 0.0, 0.0]
    stars = Table({"id": ["s0", "s1"], "class": ["STAR", "STAR"], "z": [np.nan, np.nan]})
    called = Table({"id": ["s0", "s1"], "class": ["STAR", "QSO"], "z": [0.0, 1.0]})
    of_stars = evaluate(called, stars).classes["STAR"]
    warned = found.copy()
    warned["zwarn"] = [0] * 7 + [4]
    return [
        Score("Encoder, amortised", evaluate(warned, truth), of_stars, warns=True),
        Score("Encoder, hybrid", evaluate(found, truth), of_stars, warns=False),
    ]


def test_the_table_tells_every_figure_with_its_n(scores):
    times = {"Encoder, amortised": 2.0, "Encoder, hybrid": 5.0}
    rows = {name: (n, cells) for name, n, cells in table_of(scores, times)}
    assert rows["class right"] == ("6", ["66.7 %", "66.7 %"])
    assert rows["class right, broad-line AGN either way"] == ("6", ["83.3 %", "83.3 %"])
    assert rows["class right, GALAXY"] == ("2", ["50.0 %", "50.0 %"])
    assert rows["GF (eq. 18), QSO"] == ("2", ["50.0 %", "50.0 %"])
    assert rows["Δz > 0.01, QSO"] == ("2", ["50.0 %", "50.0 %"])
    assert rows["median Δz (eq. 14), QSO"][1] == ["0.283", "0.283"]
    assert rows["sky fibres with an unflagged redshift"] == ("2", ["1", "–"])
    assert rows["stars without a known redshift called STAR"] == ("2", ["50.0 %", "50.0 %"])
    assert rows["CPU time / that of Encoder, amortised"] == ("", ["1", "2.5"])
    assert "GF′ (eq. 20), STAR" not in rows


def test_the_page_and_its_figure_are_written(scores, tmp_path):
    write_page(tmp_path, scores, {"Encoder, amortised": 2.0, "Encoder, hybrid": 5.0}, 4, 1)
    text = (tmp_path / "accuracy.md").read_text()
    assert "| class right | 6 | 66.7 % | 66.7 % |" in text
    assert "hybrid changes the share of right classes by +0.0 points" in text
    assert "for 2.5 times its CPU time" in text
    assert (tmp_path / "images" / "accuracy.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["accuracy.md", "images"]


def test_the_benchmark_says_why_it_skips(tmp_path, capsys):
    accuracy.main(["--shared", str(tmp_path)])
    assert f"{tmp_path / 'data'} is absent" in capsys.readouterr().out


def test_a_peer_that_is_not_installed_is_told_how_to_get(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(accuracy, "installed", lambda: False)
    assert accuracy.peer_contestants(["published", "redrock"], tmp_path, Console(width=200)) == []
    told = capsys.readouterr().out
    assert "pip install -e '.[benchmark]'" in told
    assert f"{tmp_path / 'reference' / 'weights'} is absent" in told


def test_models_of_a_directory_take_part_under_its_name(tmp_path):
    with pytest.raises(ModelError, match="no models in"):
        accuracy.our_contestants(str(tmp_path))
    for kind in ("json", "safetensors"):
        for path in SHIPPED.glob(f"encoder-*.{kind}"):
            shutil.copy(path, tmp_path)
    labels = [one.label for one in accuracy.our_contestants(str(tmp_path))]
    solvers = ("amortised", "exact", "hybrid")
    assert labels == [f"Encoder, {solver} ({tmp_path.name})" for solver in solvers]
    (tmp_path / "encoder-qso.json").unlink()
    with pytest.raises(ModelError, match="no Encoder for QSO"):
        accuracy.our_contestants(str(tmp_path))
