"""The settings that answers depend on, resolved once and checked wherever the work is done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from gasnet3.io.options import DEFAULT, ReadOptions
from gasnet3.pipeline.choices import ANYTHING, Choices
from gasnet3.pipeline.classifier import Classifier
from gasnet3.pipeline.loading import load_classifier
from gasnet3.run.kept import KINDS
from gasnet3.run.plan import Plan, PlanError
from gasnet3.version import __version__


def make_config(
    models: Any = "encoder",
    solver: str = "hybrid",
    n_best: int = 1,
    options: ReadOptions = DEFAULT,
    choices: Choices = ANYTHING,
    keep: Sequence[str] = (),
) -> dict[str, Any]:
    """The settings of a run as its plan holds them: all that an answer depends on.

    Parameters
    ----------
    models, solver
        See :func:`gasnet3.pipeline.loading.load_classifier`. The models are loaded, to know them.
    n_best : int
        Solutions a spectrum.
    options : ReadOptions
        What the files do not say.
    choices : Choices
        What may be the answer.
    keep : sequence of {"curves", "models"}
        What to keep beside the catalog, see :mod:`gasnet3.run.kept`.

    Raises
    ------
    ModelError
        If a model cannot be loaded.
    ValueError
        If the solver is unknown, ``n_best`` less than 1, or no model can do what is chosen.
    """
    if n_best < 1:
        raise ValueError(f"n_best must be 1 or more, got {n_best}")
    unknown = sorted(set(keep) - set(KINDS))
    if unknown:
        raise ValueError(f"{unknown[0]!r} cannot be kept: choose of {', '.join(KINDS)}")
    single = isinstance(models, str | Path)
    # A worker may be started in another directory.
    named = [str(Path(m).absolute()) if Path(m).exists() else str(m) for m in _listed(models)]
    pipeline = load_classifier(named[0] if single else named, solver, choices=choices)
    return {
        "gasnet3": __version__,
        "models": named[0] if single else named,
        "solver": solver,
        "n_best": n_best,
        "reading": options.to_json(),
        "choices": choices.to_json(),
        "keep": sorted(set(keep)),
        "fingerprint": _fingerprint(pipeline),
    }


def _listed(models: Any) -> list[str | Path]:
    return [models] if isinstance(models, str | Path) else list(models)


def _fingerprint(pipeline: Classifier) -> dict[str, str]:
    """Hashes of all that was fitted: networks, cards, confidence, subclasses, anomalies."""
    found = {engine.cls: engine.model.card.sha256 for engine in pipeline.engines}
    for engine in pipeline.engines:
        # How it was trained and what it scored do not enter an answer.
        text = json.dumps(
            asdict(replace(engine.model.card, metrics={}, training={})), sort_keys=True
        )
        found[f"card {engine.cls}"] = hashlib.sha256(text.encode()).hexdigest()
    if pipeline.saved is not None:
        found["curves"] = pipeline.saved.digest
    if pipeline.priors is not None:
        found["priors"] = pipeline.priors.digest
    if pipeline.anomaly is not None:
        found["anomaly"] = pipeline.anomaly.digest
    fits = {"confidence": pipeline.confidence, **pipeline.subclasses}
    for name, fit in fits.items():
        if fit is not None:
            text = json.dumps(asdict(fit), default=_plain, sort_keys=True)
            key = name if name == "confidence" else f"subclass {name}"
            found[key] = hashlib.sha256(text.encode()).hexdigest()
    return found


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else repr(value)


def pipeline_of(plan: Plan, device: str = "cpu") -> Classifier:
    """The pipeline that a plan asks for, kept for the next call.

    Raises
    ------
    PlanError
        If its models, or this gasnet3, are not those of the plan.
    """
    return _pipeline(json.dumps(plan.config, sort_keys=True), plan.directory, device)


@lru_cache(maxsize=1)
def _pipeline(text: str, directory: Path, device: str) -> Classifier:
    config = json.loads(text)
    if config["gasnet3"] != __version__:
        raise PlanError(
            f"{directory}: planned with gasnet3 {config['gasnet3']}, this is "
            f"{__version__}: numbers may differ; use that version, or plan again"
        )
    choices = Choices.from_json(config["choices"])
    pipeline = load_classifier(config["models"], config["solver"], device, choices)
    if _fingerprint(pipeline) != config["fingerprint"]:
        raise PlanError(
            f"{directory}: the models ({config['models']}), their fits or the priors are not "
            "those of the plan any more; put these back, or plan again"
        )
    return pipeline
