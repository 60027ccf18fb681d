"""What answers depend on but the networks themselves: found without loading one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from gasnet3.anomaly import stored
from gasnet3.decide import confidence, subclass
from gasnet3.io.saved_curves import SavedCurves
from gasnet3.nets.card import common_lattice
from gasnet3.nets.registry import find_trunk, fit_directories
from gasnet3.solve.numbers import Expected, Numbers
from gasnet3.solve.priors import Priors

if TYPE_CHECKING:
    from gasnet3.anomaly.score import AnomalyFit
    from gasnet3.nets.card import ModelCard, TrunkCard
    from gasnet3.pipeline.choices import Choices
    from gasnet3.pipeline.request import Request


@dataclass(frozen=True, eq=False)
class Fitted:
    """What was fitted to the answers of a set of networks, and belongs to their weights.

    Attributes
    ----------
    confidence : PosteriorFit, Confidence or None
        What decides the class and says how sure it is; None: the least reduced χ² does.
    subclasses : dict of str to SubclassModel
        What tells subclasses, for classes whose network has a fit; none for the amortised solver.
    anomaly : AnomalyFit or None
        What ordinary spectra are like; None: only χ² says which are strange.
    """

    confidence: confidence.Confidence | confidence.PosteriorFit | None = None
    subclasses: dict[str, subclass.SubclassModel] = field(default_factory=dict)
    anomaly: AnomalyFit | None = None


NOTHING = Fitted()
"""The least reduced χ² decides."""


@dataclass(frozen=True, eq=False)
class Resolved:
    """What a request comes to.

    Attributes
    ----------
    cards : tuple of ModelCard
        Of the models that are tried, over the range of redshifts to look at.
    fitted, priors, saved, numbers
        See :class:`~gasnet3.pipeline.classifier.Classifier`.
    trunk : TrunkCard or None
        Of what gives the coefficients, where that is no network of the models.
    """

    cards: tuple[ModelCard, ...]
    fitted: Fitted
    priors: Priors | None
    saved: SavedCurves | None
    numbers: Numbers | None = None
    trunk: TrunkCard | None = None

    def expected(self, card: ModelCard) -> Expected | None:
        """What is expected beforehand of a class, for its engine."""
        return None if self.numbers is None else self.numbers.expected(card.cls, card.shifts)


def resolve(request: Request, cards: Mapping[str, ModelCard]) -> Resolved:
    """What a request comes to with models, by the cards of all of them.

    ModelError if a network has no eigenspectra and the solver needs them, or the models are on
    different lattices; ValueError if no model can do what is chosen
    (:class:`~gasnet3.solve.priors.PriorsError`, :class:`~gasnet3.solve.numbers.NumbersError` and
    :class:`~gasnet3.io.saved_curves.CurvesError` are such).
    """
    solver, choices = request.solver, request.choices
    tried = tuple(
        cards[key].narrowed(*ends) if ends else cards[key]
        for key, ends in chosen_models(cards, choices).items()
    )
    common_lattice(tried)
    for card in tried:
        if solver == "amortised":
            card.need_network()
        else:
            card.need_eigenspectra()
    beside = find_trunk(request.models) if solver == "amortised" else None
    trunk = None if beside is None else beside.card
    # Fits belong to all models together, whichever are tried.
    hashes = weights_of(cards.values(), trunk)
    confidences, subclasses, anomalies = (
        fit_directories(request.models, module.DIRECTORY)
        for module in (confidence, subclass, stored)
    )
    # Coefficients that are not solved for have no covariance to judge them by.
    solved = {} if solver == "amortised" else hashes
    found = {key: subclass.find_subclass(sha256, subclasses) for key, sha256 in solved.items()}
    kind = confidence.solution_kind(solver)
    fitted = Fitted(
        confidence.find_confidence(hashes, solver, confidences),
        {key: fit for key, fit in found.items() if fit},
        stored.find_anomaly(hashes, kind, anomalies),
    )
    priors = Priors.read(choices.priors) if choices.priors else None
    numbers = Numbers.read(choices.nz) if choices.nz else None
    saved = _saved_curves(choices, solver, tried, trunk)
    return Resolved(tried, fitted, priors, saved, numbers, trunk)


def weights_of(cards: Iterable[ModelCard], trunk: TrunkCard | None) -> dict[str, str]:
    """Hashes of weights: by key of each model, and "trunk" where one gives the coefficients."""
    found = {card.key: card.sha256 for card in cards}
    return found if trunk is None else found | {"trunk": trunk.sha256}


def chosen_models(cards: Mapping[str, ModelCard], choices: Choices) -> dict[str, tuple[float, ...]]:
    """The models to try, with the range of redshifts to look at where one is chosen.

    Of several that compete in a class each looks where it can, and those that cannot see any of
    the range are left out. ValueError if there is no model of a chosen class.
    """
    known = {card.cls for card in cards.values()}
    missing = [name for name in choices.classes if name not in known]
    if missing:
        raise ValueError(f"there is no model of {missing[0]}: there are {', '.join(cards)}")
    ranges = {name: (low, high) for name, low, high in choices.z_ranges}
    out: dict[str, tuple[float, ...]] = {}
    for key, card in cards.items():
        if card.cls in (choices.classes or known):
            seen = _shared(ranges[card.cls], card, cards) if card.cls in ranges else ()
            if seen is not None:
                out[key] = seen
    return out


def _shared(
    ends: tuple[float, float], card: ModelCard, cards: Mapping[str, ModelCard]
) -> tuple[float, float] | None:
    """What of a chosen range a model is to look at; None for nothing."""
    low, high = ends
    others = [one for one in cards.values() if one.cls == card.cls]
    if low < min(one.z_min for one in others) or high > max(one.z_max for one in others):
        return ends  # which is then refused, as nobody can
    low, high = max(low, card.z_min), min(high, card.z_max)
    return (low, high) if low < high else None


def _saved_curves(
    choices: Choices, solver: str, cards: tuple[ModelCard, ...], trunk: TrunkCard | None
) -> SavedCurves | None:
    """The saved curves that are chosen, if they serve the solver and these models."""
    if not choices.curves:
        return None
    saved = SavedCurves(choices.curves)
    saved.check(solver, weights_of(cards, trunk), {card.key: card.shifts for card in cards})
    return saved


def fingerprint(of: Resolved) -> dict[str, str]:
    """Hashes of all that was fitted or is known: networks, cards, confidence, ..., priors, n(z)."""
    fitted, found = of.fitted, weights_of(of.cards, of.trunk)
    for card in of.cards:
        # How it was trained and what it scored do not enter an answer.
        found[f"card {card.key}"] = _digest(replace(card, metrics={}, training={}))
    if of.trunk is not None:
        found["card trunk"] = _digest(replace(of.trunk, metrics={}, training={}))
    parts = {"curves": of.saved, "priors": of.priors, "nz": of.numbers, "anomaly": fitted.anomaly}
    for name, part in parts.items():
        if part is not None:
            found[name] = part.digest
    if fitted.confidence is not None:
        found["confidence"] = _digest(fitted.confidence)
    return found | {f"subclass {cls}": _digest(fit) for cls, fit in fitted.subclasses.items()}


def _digest(fit: Any) -> str:
    text = json.dumps(asdict(fit), default=_plain, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else repr(value)
