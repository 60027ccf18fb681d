"""From spectra to decided rows, whatever runs the networks: what torch and ONNX share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gasnet3.catalog.schema import catalog_rows
from gasnet3.decide.confidence import Evidence, PosteriorFit, solution_kind
from gasnet3.decide.posterior import weigh
from gasnet3.decide.rank import class_probabilities, rank
from gasnet3.io.saved_curves import SavedCurves
from gasnet3.machine.threads import side_by_side
from gasnet3.pipeline.choices import ANYTHING, Choices
from gasnet3.pipeline.columns import Columns, catalog_columns
from gasnet3.pipeline.fitted import NOTHING, Fitted, Resolved, weights_of
from gasnet3.pipeline.levels import batches, by_level
from gasnet3.pipeline.outcome import Outcome, under_priors
from gasnet3.solve.arrays import Array, as_numpy, placed, places
from gasnet3.solve.candidates import ALL, Candidates
from gasnet3.solve.curves import Curves
from gasnet3.solve.engine import Engine
from gasnet3.solve.numbers import Numbers
from gasnet3.solve.prepare import Prepared, prepare
from gasnet3.solve.priors import Priors
from gasnet3.solve.solvers import Proposals, Solver, looks_at
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.resolution import sigma_of_level
from gasnet3.version import __version__

if TYPE_CHECKING:
    from astropy.table import Table

    from gasnet3.catalog.rows import Rows
    from gasnet3.nets.card import ModelCard, TrunkCard
    from gasnet3.spectra.lattice import LogLattice

Keep = Callable[[Outcome], None]
"""What takes a solved batch."""

LEAST_ROWS = 64
"""Spectra that a thread gets at least: in smaller batches each one costs more."""

LEVELS_KEPT = 3
"""Levels of resolution whose models are kept for the next batch; they take room."""


@dataclass(frozen=True, eq=False)
class Classifier(ABC):
    """Models, a solver and what was fitted to them, ready to classify.

    Parameters
    ----------
    engines : tuple of Engine
        One a class, or several that compete in it: the model, with its card.
    solver : Solver
        How candidates are found.
    device : torch.device or None
        Where to compute; None: with NumPy.
    fitted : Fitted
        What was fitted to the models' answers.
    choices : Choices
        What may be the answer.
    priors : Priors or None
        What is known of redshifts beforehand.
    saved : SavedCurves or None
        Curves in the place of scans.
    numbers : Numbers or None
        How many objects there are of each class at each redshift; the engines have their parts.
    """

    engines: tuple[Engine, ...]
    solver: Solver
    device: Any = None
    fitted: Fitted = NOTHING
    choices: Choices = ANYTHING
    priors: Priors | None = None
    saved: SavedCurves | None = None
    numbers: Numbers | None = None
    _of_level: dict[int, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    @abstractmethod
    def batch_rows(self) -> int:
        """Spectra held at every stage at once; memory depends on it, not answers."""

    @property
    @abstractmethod
    def computed_with(self) -> dict[str, str]:
        """Device and versions of what ran the networks."""

    def computing(self) -> AbstractContextManager[Any]:
        """What solving is done in."""
        return nullcontext()

    def suited(self, spectra: Spectra) -> Self:
        """This classifier, with its models as broad as the spectra are where these are broader.

        Parameters
        ----------
        spectra : Spectra
            A batch of one level of resolution; :func:`~gasnet3.pipeline.levels.batches` makes such.

        Raises
        ------
        ValueError
            If it is of several.
        """
        found = np.unique(spectra.resolution_levels)
        if found.size > 1:
            raise ValueError("the spectra differ in resolution: solve them with run, or apart")
        return self._at(int(found[0])) if found.any() else self

    def _at(self, level: int) -> Self:
        """This classifier with its models at a level of resolution."""
        known: Self | None = self._of_level.get(level)
        if known is None:
            sigma = sigma_of_level(level)
            known = replace(self, engines=tuple(e.broadened(sigma) for e in self.engines))
            for old in list(self._of_level)[: 1 - LEVELS_KEPT]:
                self._of_level.pop(old, None)
            self._of_level[level] = known
        return known

    def solve(self, spectra: Spectra, k: int) -> Outcome:
        """Solve and rank a batch, keeping everything; :meth:`run` gives the catalog.

        Parameters
        ----------
        spectra : Spectra
            A batch that fits into memory with its models, of one level of resolution
            (:func:`~gasnet3.pipeline.levels.batches`).
        k : int
            Solutions a class.

        Raises
        ------
        ValueError
            If the spectra are on a lattice without all pixels of that of the models, or differ
            in resolution.
        """
        return self.suited(spectra)._solve(self._on_lattice(spectra), k)

    def _solve(self, spectra: Spectra, k: int) -> Outcome:
        prepared = self._prepare(spectra)
        with self.computing():
            each = list(zip(self.engines, prepared, strict=True))
            known = self._known_curves(spectra)
            proposals = [
                self.solver.propose(engine, p, k, known.get(engine.key)) for engine, p in each
            ]
            n_good = placed(spectra.n_independent, self.device)
            looks = looks_at(proposals, self.engines, n_good)
            candidates = [
                self.solver.settle(engine, p, proposed, k, few)
                for (engine, p), proposed, few in zip(each, proposals, looks, strict=True)
            ]
            curves = {
                engine.key: engine.under(proposed.scanned, p.prior)
                for (engine, p), proposed in zip(each, proposals, strict=True)
                if proposed.scanned
            }
            outcome = self._decided(spectra, prepared, candidates, curves)
            # Rarely, a class that was thought out of reach has won.
            while len(rows := self._settle_winners(outcome, proposals, looks, k)):
                at = placed(rows, self.device)
                some = [p.rows(at) for p in prepared], [c.rows(at) for c in candidates]
                these = {key: curve.rows(at) for key, curve in curves.items()}
                outcome.put(rows, self._decided(spectra[rows], *some, these))
        scanned = {e.key: p.scanned for (e, _), p in zip(each, proposals, strict=True) if p.scanned}
        return replace(outcome, scanned=scanned)

    def _prepare(self, spectra: Spectra) -> list[Prepared]:
        """The spectra as the model of each engine wants them; the same where they want the same."""
        prior = None if self.priors is None else self.priors.of(spectra.ids, self.device)
        degrees = {engine.card.degree for engine in self.engines}
        by_degree = {
            degree: replace(prepare(spectra, degree, self.device), prior=prior)
            for degree in degrees
        }
        return [by_degree[engine.card.degree] for engine in self.engines]

    def _known_curves(self, spectra: Spectra) -> dict[str, Curves]:
        """Saved curves of a batch by class, where they are to be used."""
        if self.saved is None:
            return {}
        found, grids = self.saved.of(spectra), self.saved.header.grids
        inside = {
            engine.key: Curves(grids[engine.key].shifts, found[engine.key]).within(
                engine.card.shifts
            )
            for engine in self.engines
        }
        return {
            key: Curves(placed(one.shift, self.device), placed(one.chi2, self.device))
            for key, one in inside.items()
        }

    def _settle_winners(
        self, outcome: Outcome, proposals: list[Proposals], looks: list[Array], k: int
    ) -> Array:
        """Solve classes that have won like any other, in place; of which rows that was."""
        ranked, found = outcome.ranked, [np.zeros(0, np.int64)]
        for index, engine in enumerate(self.engines):
            won = (ranked.cls[:, 0] == index) & np.isfinite(ranked.chi2[:, 0])
            rows = places(placed(won, self.device) & (looks[index] < ALL))[0]
            if len(rows):
                found.append(as_numpy(rows))
                looks[index][rows] = ALL
                again = outcome.prepared[index].rows(rows), proposals[index].rows(rows)
                better = self.solver.settle(engine, *again, k, looks[index][rows])
                outcome.candidates[index].put(rows, better)
        return np.concatenate(found)  # a row has one winner

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """Cards of the models, one an engine."""
        return tuple(engine.card for engine in self.engines)

    @property
    def resolved(self) -> Resolved:
        """What the request for it came to."""
        return Resolved(self.cards, self.fitted, self.priors, self.saved, self.numbers, self.trunk)

    @property
    def trunk(self) -> TrunkCard | None:
        """Card of what gives the coefficients of all classes, where no network of a class does."""
        trunk = self.engines[0].trunk
        return None if trunk is None else trunk.card

    @property
    def weights(self) -> dict[str, str]:
        """Hashes of the weights that answer, see :func:`~gasnet3.pipeline.fitted.weights_of`."""
        return weights_of(self.cards, self.trunk)

    @property
    def lattice(self) -> LogLattice:
        """The lattice of the models: spectra must be on it, or on a wider one, which is cut."""
        return self.cards[0].observed

    @property
    def provenance(self) -> dict[str, Any]:
        """What made the numbers: version, solver, models with their hashes."""
        chosen = {} if self.choices == ANYTHING else {"choices": self.choices.to_json()}
        trunk = {} if self.trunk is None else {"trunk": self.trunk.sha256}
        return chosen | {
            "gasnet3": __version__,
            "solver": self.solver.name,
            "models": {card.name: card.sha256 for card in self.cards} | trunk,
            "confidence": "fitted" if self.fitted.confidence else "least reduced chi2",
            **self.computed_with,
        }

    def run(
        self, spectra: Spectra, n_best: int = 1, keep: Keep | None = None, threads: int = 1
    ) -> Table:
        """Classify spectra.

        Parameters
        ----------
        spectra : Spectra
            Any number of rows; none gives an empty catalog.
        n_best : int
            Solutions a spectrum, over class and redshift; ``znum`` counts them from 0.
        keep : callable, optional
            Called with every solved batch, in their order, to keep more than the catalog has.
        threads : int
            Batches solved at once, each by one thread. With 1, PyTorch uses as many as it has
            been set to.

        Returns
        -------
        astropy.table.Table
            The catalog, in the order of spectra and ``znum``; no number depends on ``threads``.

        Raises
        ------
        TypeError
            If ``spectra`` are no :class:`~gasnet3.spectra.batch.Spectra`.
        ValueError
            If ``n_best`` or ``threads`` is less than 1, or the spectra are on a lattice without all
            pixels of that of the models.
        """
        return self.rows(spectra, n_best, keep, threads).table()

    def rows(
        self, spectra: Spectra, n_best: int = 1, keep: Keep | None = None, threads: int = 1
    ) -> Rows:
        """What :meth:`run` makes a table of."""
        if n_best < 1:
            raise ValueError(f"n_best must be 1 or more, got {n_best}")
        if not isinstance(spectra, Spectra):
            raise TypeError(
                f"run takes Spectra, got {type(spectra).__name__}: make them of arrays with "
                "Spectra.from_arrays(flux, ivar, wave), or of files with gasnet3.io.read"
            )
        if threads < 1:
            raise ValueError(f"threads must be 1 or more, got {threads}")
        if len(spectra):
            # Who keeps outcomes gets them in the order of the rows.
            order = None if keep else by_level(spectra)
            taken = spectra if order is None else spectra[order]
            parts = list(self._parts(taken, n_best, keep, threads))
            columns = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
            if order is not None:
                back = (np.argsort(order)[:, None] * n_best + np.arange(n_best)).ravel()
                columns = {name: column[back] for name, column in columns.items()}
        else:
            masked = np.zeros((1, spectra.lattice.n))
            lattice = spectra.lattice
            blank = Spectra.from_arrays(masked, masked, loglam=lattice.loglam, lattice=lattice)
            none = catalog_columns(self.solve(blank, max(2, n_best)), n_best)
            columns = {name: column[:0] for name, column in none.items()}
        keys = {name: np.repeat(column, n_best, axis=0) for name, column in spectra.meta.items()}
        return catalog_rows(columns, keys, self.provenance)

    def _parts(
        self, spectra: Spectra, n_best: int, keep: Keep | None, threads: int
    ) -> Iterator[Columns]:
        """Columns of the batches, in their order."""
        fair = max(LEAST_ROWS, -(-len(spectra) // threads))
        rows = min(self.batch_rows, fair) if threads > 1 else self.batch_rows

        def solved(batch: Spectra) -> tuple[Outcome | None, Columns]:
            outcome = self.solve(batch, max(2, n_best))
            return outcome if keep else None, catalog_columns(outcome, n_best)

        for outcome, columns in side_by_side(solved, batches(spectra, rows), threads):
            if keep and outcome:
                keep(outcome)
            yield columns

    def _on_lattice(self, spectra: Spectra) -> Spectra:
        """Spectra without what the models cannot see; ValueError if they see more than these have.

        Padding is not done by itself: the pixels may be there where the spectra come from.
        """
        if not spectra.lattice.holds(self.lattice):
            name, (low, high) = self.cards[0].name, self.lattice.wave[[0, -1]]
            raise ValueError(
                f"the spectra are on {spectra.lattice}, {name} needs {self.lattice} "
                f"({low:.0f} to {high:.0f} Å): make them with lattice=pipeline.lattice, in "
                "Spectra.from_arrays or gasnet3.io.read; if they have no more pixels take "
                "spectra.on(pipeline.lattice)"
            )
        return spectra.on(self.lattice)

    def _decided(
        self, spectra: Spectra, prepared: list[Prepared], candidates: list[Candidates],
        curves: dict[str, Curves],
    ) -> Outcome:  # fmt: skip
        """Put the solutions of all classes in order."""
        kind, n_good = solution_kind(self.solver.name), spectra.n_independent
        exact = kind == "exact"
        errors = {engine.cls: engine.errors(kind) for engine in self.engines}
        fit, weights = self.fitted.confidence, None
        if isinstance(fit, PosteriorFit):
            evidence = Evidence.of(spectra, self.engines, candidates, exact=exact)
            weights = weigh(
                self.engines, prepared, candidates, curves, n_good, fit.continua,
                spectra.calibrated & self.choices.continuum,
            )  # fmt: skip
            weights = weights.of_classes(fit.classes(weights.evidence, evidence))
            probabilities = weights.probabilities
            assert weights.bare is not None
            both = weights.solutions, weights.bare.solutions
            ranked = rank(candidates, n_good, probabilities, errors, *both)
        elif fit is None:
            ranked = rank(candidates, n_good, errors=errors)
            probabilities = class_probabilities(ranked)
        else:
            evidence = Evidence.of(spectra, self.engines, candidates, exact=exact)
            probabilities = under_priors(fit.classes(evidence), self.engines, candidates)
            ranked = rank(candidates, n_good, probabilities, errors)
        return Outcome(
            spectra, self.engines, prepared, candidates, ranked, probabilities, exact, self.fitted,
            weights,
        )  # fmt: skip
