"""Calibration of networks: as a user runs it, and what it must make true."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

import gasnet3
from gasnet3.anomaly.density import fit_density
from gasnet3.anomaly.stored import find_anomaly, write_fits
from gasnet3.cli import app
from gasnet3.evaluate.reliability import pulls, summarize_pulls
from gasnet3.io import write_npz
from gasnet3.nets.card import read_card
from gasnet3.nets.model import save_model
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.spectra.batch import Spectra
from gasnet3.train.calibrate import calibrate_models
from toy import Z_RANGE, save_toys, toy_model, toy_spectra

pytestmark = pytest.mark.slow

N = 60
LABEL_ERROR = 2e-4


@pytest.fixture(scope="module")
def toy_models():
    return {cls: toy_model(cls) for cls in gasnet3.CLASSES}


def labelled(models, seed):
    """Spectra of a wide range of S/N whose redshifts are known to 2e-4 only, and sky."""
    rng = np.random.default_rng(seed)
    parts = []
    for i, (cls, model) in enumerate(models.items()):
        low, high = Z_RANGE[cls]
        z = rng.uniform(0.9 * low + 0.1 * high, 0.1 * low + 0.9 * high, N)
        for k, sn in enumerate((0.3, 1.0, 5.0, 40.0)):
            one = toy_spectra(model, z[k::4], sn, seed=[seed, i, k])
            one.z[:] = z[k::4] + LABEL_ERROR * (1 + z[k::4]) * rng.standard_normal(len(one))
            parts.append(one)
    noise = rng.standard_normal((20, parts[0].lattice.n))
    sky = Spectra.from_arrays(
        noise,
        np.ones_like(noise),
        loglam=parts[0].lattice.loglam,
        classes=["SKY"] * 20,
        lattice=parts[0].lattice,
    )
    return Spectra.concatenate([*parts, sky])


@pytest.fixture(scope="module")
def calibrated(toy_models, tmp_path_factory):
    directory = save_toys(tmp_path_factory.mktemp("models"))
    write_npz(directory / "labelled.npz", labelled(toy_models, 1))
    call = ["calibrate", str(directory / "labelled.npz"), "--models", str(directory)]
    result = CliRunner().invoke(app, call)
    assert result.exit_code == 0, result.output
    assert result.output.count("z_err times") == 3
    return directory


def test_classify_takes_the_fit_from_the_directory(calibrated, toy_models):
    pipeline = Pipeline.load(calibrated, "hybrid")
    assert pipeline.fitted.confidence is not None
    assert pipeline.provenance["confidence"] == "fitted"
    spectra = labelled(toy_models, 2)
    table = pipeline.run(spectra)
    known = spectra.classes != "SKY"
    p = np.stack([table[f"p_{cls.lower()}"] for cls in gasnet3.CLASSES], axis=1)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    right = np.asarray(table["class"]) == spectra.classes
    assert right[known].mean() > 0.7
    assert p.max(axis=1)[known & right].mean() > p.max(axis=1)[known & ~right].mean()
    # Of sky no redshift is right, and the probability knows it.
    assert table["p_z"][~known].mean() < 0.3 < table["p_z"][known].mean()


def test_pulls_against_imperfect_labels_have_unit_width(calibrated, toy_models):
    spectra = labelled(toy_models, 3)
    table = Pipeline.load(calibrated, "hybrid").run(spectra)
    bright = (spectra.sn_median > 3) & (np.asarray(table["class"]) == spectra.classes)
    pull = pulls(table["z"][bright], table["z_err"][bright], spectra.z[bright])
    assert 0.7 < summarize_pulls(pull).width < 1.4


def test_cards_hold_the_scale_of_the_errors(calibrated):
    card = read_card(calibrated / "toy-galaxy.json")
    assert card.calibration["z_err"]["exact"]["n"] >= 30
    assert card.calibration["z_err"]["exact"]["floor"] == pytest.approx(LABEL_ERROR, rel=0.5)


def test_every_exact_solution_has_a_redshift_probability(calibrated, toy_models):
    spectra = toy_spectra(toy_models["QSO"], np.array([0.05, 0.1]))
    table = Pipeline.load(calibrated, "hybrid").run(spectra, n_best=2)
    assert np.isfinite(table["p_z"]).all()
    table = Pipeline.load(calibrated, "amortised").run(spectra, n_best=2)
    assert np.isfinite(table["p_z"][table["znum"] == 0]).all()
    assert np.isnan(table["p_z"][table["znum"] == 1]).all()


def test_strange_spectra_of_own_networks_have_a_score(calibrated, toy_models):
    every = labelled(toy_models, 4)
    ordinary = every[np.flatnonzero((every.classes != "SKY") & (every.sn_median > 3))]
    odd = dataclasses.replace(ordinary, flux=ordinary.flux.copy())
    odd.flux[:, 2000] += 60.0 / np.sqrt(odd.ivar[:, 2000])
    pipeline = Pipeline.load(calibrated, "hybrid")
    plain, hit = pipeline.run(ordinary)["anomaly_score"], pipeline.run(odd)
    assert np.isfinite(plain).mean() > 0.95
    assert np.mean(plain >= 2.0) < 0.1
    assert np.mean(hit["anomaly_score"] >= 2.0) > 0.9
    assert np.median(np.abs(hit["anomaly_wave"] - odd.lattice.wave[2000])) < 5.0
    amortised = Pipeline.load(calibrated, "amortised").run(ordinary)
    assert np.isfinite(amortised["anomaly_score"]).mean() > 0.95


def test_a_new_fit_takes_the_place_of_the_last(calibrated, toy_models, tmp_path):
    """Also in a process that has used the last one, densities included."""
    pipeline, fit = Pipeline.load(calibrated), Pipeline.load(calibrated).fitted.anomaly
    unit = np.random.default_rng(1).normal(size=(60, 4))
    hashes = {engine.cls: engine.model.card.sha256 for engine in pipeline.engines}
    for scale in (1.0, 2.0):
        density = fit_density(scale * unit, trees=2)
        new = dataclasses.replace(fit, densities={"STAR": density})
        write_fits({"exact": (hashes, new, {})}, tmp_path / "fit.json")
        read = find_anomaly(hashes, "exact", [tmp_path])
        np.testing.assert_array_equal(read.densities["STAR"].mean, density.mean)


def test_other_weights_do_not_use_the_fit(calibrated, toy_models, tmp_path):
    for cls, model in toy_models.items():
        save_model(toy_model(cls, seed=1).network, model.card, tmp_path)
    for name in ("confidence", "anomaly"):
        shutil.copytree(calibrated / name, tmp_path / name)
    pipeline = Pipeline.load(tmp_path, "hybrid")
    assert pipeline.fitted.confidence is None
    assert pipeline.fitted.anomaly is None
    table = pipeline.run(toy_spectra(toy_models["STAR"], np.array([0.0])))
    assert np.isnan(table["p_z"][0])
    assert np.isnan(table["anomaly_score"][0])


def test_too_few_spectra_are_refused(calibrated, toy_models):
    with pytest.raises(ValueError, match="labelled STAR: 30 are the least"):
        calibrate_models(calibrated, toy_spectra(toy_models["QSO"], np.full(40, 0.1)))


def test_misuse_is_told_in_one_line(tmp_path):
    result = CliRunner().invoke(app, ["calibrate", "x.npz", "--models", str(tmp_path / "none")])
    assert result.exit_code == 2
    assert "is no directory" in result.output


def test_fits_are_plain_numbers(calibrated):
    content = json.loads((calibrated / "confidence" / "fit.json").read_text())
    assert set(content["solvers"]) == {"amortised", "exact"}
    exact = content["solvers"]["exact"]
    assert np.shape(exact["bright"]) == (3, 17)
    assert np.shape(exact["redshift"]["hidden"]) == (6, 12)
    assert np.shape(exact["continua"]["QSO"]["centre"])[1] == 6
    assert np.shape(content["solvers"]["amortised"]["class"]) == (3, 8)
