"""Subclasses that the shipped fit tells, from spectra to the catalog."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

import gasnet3
from gasnet3 import samples
from gasnet3.decide.subclass import DIRECTORY, find_subclass, standard_label
from gasnet3.io import read
from gasnet3.nets.registry import list_models
from gasnet3.pipeline.pipeline import Pipeline
from toy import save_toys, toy_model, toy_spectra

LABELS = {
    "STAR": {"OB", "A", "F", "G", "K", "M", "L", "WD", "C", "CV"},
    "GALAXY": {"QUIESCENT", "STARFORMING", "STARBURST", "AGN"},
}


@pytest.fixture(scope="module")
def pipeline():
    return Pipeline.load("encoder", "hybrid")


def test_shipped_fits_belong_to_the_shipped_encoders():
    cards = {info.card.cls: info.card for info in list_models() if "encoder" in info.name}
    for cls in ("STAR", "GALAXY"):
        fit = find_subclass(cards[cls].sha256)
        assert fit is not None
        assert 0.5 <= fit.threshold < 1
        assert set(fit.labels) <= LABELS[cls]
    assert find_subclass(cards["QSO"].sha256) is None


def test_classes_and_subclasses_of_raw_sdss_spectra(shared_dir, pipeline):
    table = pipeline.run(read([shared_dir / "data/raw/sdss-spec"]))
    names = [str(name).rsplit("/", 1)[-1] for name in table["file"]]
    with (shared_dir / "data/raw/truth.csv").open() as file:
        truth = {row["file"].rsplit("/", 1)[-1]: row for row in csv.DictReader(file)}
    labels = [truth[name] for name in names]
    expected = np.array([standard_label(row["cls"], row["sub"]) for row in labels])
    said = np.asarray(table["subclass"])
    told = (said != "") & (table["class"] == [row["cls"] for row in labels]) & (expected != "")
    assert told.sum() >= 10
    assert (said == expected)[told].mean() >= 0.75
    assert (said[np.asarray(table["class"]) == "QSO"] == "").all()


def test_samples_get_subclasses_where_coefficients_are_solved_for(pipeline):
    spectra = read(samples.paths())
    table = pipeline.run(spectra, n_best=2)
    said = np.asarray(table["subclass"])
    for cls, fit in pipeline.fitted.subclasses.items():
        rows = np.asarray(table["class"]) == cls
        assert set(said[rows]) <= {*fit.labels, ""}
    assert (said[np.asarray(table["znum"]) == 0] != "").any()
    amortised = Pipeline.load("encoder", "amortised").run(spectra)
    assert set(amortised["subclass"]) == {""}


def test_other_weights_get_none_until_they_have_a_fit_beside_them(tmp_path):
    models = {cls: toy_model(cls) for cls in gasnet3.CLASSES}
    save_toys(tmp_path)
    spectra = toy_spectra(models["STAR"], np.zeros(3))
    without = Pipeline.load(tmp_path)
    assert without.fitted.subclasses == {}
    assert set(without.run(spectra)["subclass"]) == {""}

    # A fit that always says B.
    weight = np.zeros((2, 4 + 10 + 1))
    weight[1, -1] = 9.0
    sha256 = {info.card.cls: info.card.sha256 for info in list_models(tmp_path)}
    fit = {"sha256": sha256["STAR"], "labels": ["A", "B"], "weight": weight.tolist(),
           "threshold": 0.9}  # fmt: skip
    (tmp_path / DIRECTORY.name).mkdir()
    (tmp_path / DIRECTORY.name / "encoder.json").write_text(json.dumps({"STAR": fit}))
    table = Pipeline.load(tmp_path).run(spectra)
    stars = np.asarray(table["class"]) == "STAR"
    assert stars.any()
    assert set(table["subclass"][stars]) == {"B"}
    assert set(table["subclass"][~stars]) <= {""}
