"""A run is of the models it was planned with, or refused."""

import json

import numpy as np
import pytest

from gasnet3.io import expand, write_npz
from gasnet3.nets.model import save_model
from gasnet3.pipeline.request import Request
from gasnet3.run.config import make_config, pipeline_of
from gasnet3.run.plan import PlanError, make_plan
from toy import toy_model, toy_spectra


@pytest.fixture
def planned(tmp_path):
    model = toy_model("GALAXY")
    card = save_model(model.network, model.card, tmp_path / "models")
    write_npz(tmp_path / "two.npz", toy_spectra(model, np.array([0.02, 0.05])))
    config = make_config(Request(tmp_path / "models", "exact"))
    return card, make_plan(expand([tmp_path / "two.npz"]), tmp_path / "run", config)


def changed(card, **entries):
    card.write_text(json.dumps(json.loads(card.read_text()) | entries))


def test_models_as_planned_are_loaded(planned):
    assert pipeline_of(planned[1]).engines[0].cls == "GALAXY"


def test_what_only_tells_of_the_training_may_change(planned):
    card, plan = planned
    changed(card, metrics={"score": 1}, training={"epochs": 3})
    assert pipeline_of(plan).engines[0].model.card.metrics == {"score": 1}


def test_a_card_that_gives_other_errors_is_refused(planned):
    card, plan = planned
    changed(card, calibration={"z_err": {"exact": {"scale": 2.0, "floor": 0.0}}})
    with pytest.raises(PlanError, match="not those of the plan any more"):
        pipeline_of(plan)
