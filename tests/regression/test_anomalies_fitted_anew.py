"""A run was gone on with after its anomaly scores had been fitted anew: parts of two fits mixed."""

from dataclasses import replace

import numpy as np
import pytest

from gasnet3.anomaly import stored
from gasnet3.anomaly.score import AnomalyFit
from gasnet3.pipeline.request import Request
from gasnet3.run.config import make_config


def test_the_settings_of_a_run_know_the_anomaly_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    before = make_config(Request("encoder", "hybrid"))["fingerprint"]
    find = stored.find_anomaly

    def fitted_anew(*where):
        fit = find(*where)
        tables = {c: dict(of) for c, of in fit.tables.items()}
        tables["STAR"]["score"] = tables["STAR"]["score"] + 0.1
        return replace(fit, tables=tables)

    monkeypatch.setattr(stored, "find_anomaly", fitted_anew)
    after = make_config(Request("encoder", "hybrid"))["fingerprint"]
    assert {name for name in before if before[name] != after[name]} == {"anomaly"}


@pytest.mark.parametrize("changed", [{"sky": ((1.0, 2.0),)}, {"tables": {"STAR": {}}}])
def test_a_fit_is_known_by_its_contents(changed: dict) -> None:
    fit = AnomalyFit((), {"STAR": {"score": np.arange(9.0)}}, {})
    assert replace(fit).digest == fit.digest
    assert replace(fit, **changed).digest != fit.digest
