"""The settings that answers depend on, resolved once and checked wherever the work is done."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from gasnet3.pipeline.classifier import Classifier
from gasnet3.pipeline.fitted import fingerprint
from gasnet3.pipeline.loading import load, look_up
from gasnet3.pipeline.request import Request
from gasnet3.run.measuring import MEASURE, CatalogMeasurer, measurer_of
from gasnet3.run.plan import Plan, PlanError
from gasnet3.version import __version__


def make_config(request: Request) -> dict[str, Any]:
    """The settings of a run as its plan holds them: all that an answer depends on.

    ModelError if a model is not there, or damaged. None is loaded. ValueError if no model can do
    what is chosen.
    """
    request = request.absolute()
    return {
        "gasnet3": __version__, **request.to_json(), "fingerprint": fingerprint(look_up(request)),
    }  # fmt: skip


@lru_cache(maxsize=1)
def pipeline_of(plan: Plan, device: str = "cpu") -> Classifier | CatalogMeasurer:
    """The pipeline that a plan asks for, kept for the next call.

    PlanError if its models, or this gasnet3, are not those of the plan.
    """
    version = plan.config["gasnet3"]
    if version != __version__:
        raise PlanError(
            f"{plan.directory}: planned with gasnet3 {version}, this is {__version__}: numbers "
            "may differ; use that version, or plan again"
        )
    if MEASURE in plan.config:
        return measurer_of(plan)
    pipeline = load(plan.request, device)
    if fingerprint(pipeline.resolved) != plan.config["fingerprint"]:
        raise PlanError(
            f"{plan.directory}: the models ({plan.config['models']}), their fits, the priors or "
            "n(z) are not those of the plan any more; put these back, or plan again"
        )
    return pipeline
