"""The whole way from spectra to decided rows, in memory: prepare, solve, decide, flag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

import gasnet3
from gasnet3 import decide, quality
from gasnet3.catalog import make_catalog
from gasnet3.domain import domain_distance
from gasnet3.flags import ZWarn
from gasnet3.nets.card import Model
from gasnet3.nets.registry import load_models
from gasnet3.prepare import MIN_GOOD, Prepared, prepare
from gasnet3.solve import SOLVERS, Candidates, Engine, Solver
from gasnet3.spectra import Spectra

if TYPE_CHECKING:
    from astropy.table import Table

ROWS = 128
"""Spectra held at every stage at once; memory, not answers, depends on it."""


@dataclass(frozen=True, eq=False)
class Inspection:
    """One spectrum with its solution, to look at (paper, Fig. 6).

    Attributes
    ----------
    id : str
        Identifier.
    wave : ndarray of float64, shape (n,)
        Observed wavelengths, vacuum Å.
    flux, ivar, continuum, model : ndarray of float64, shape (n,)
        Spectrum, subtracted continuum and whole model, in the input's flux units; the last two
        NaN where there is no solution.
    cls : str
        Chosen class, '' where there is none.
    z, z_err, rchi2 : float
        The solution.
    zwarn : int
        Warning bits.
    curves : dict of str to (z, chi2)
        Reduced χ² curve of each class, two arrays.
    best_z : dict of str to float
        Best redshift of each class.
    """

    id: str
    wave: NDArray[np.float64]
    flux: NDArray[np.float64]
    ivar: NDArray[np.float64]
    continuum: NDArray[np.float64]
    model: NDArray[np.float64]
    cls: str
    z: float
    z_err: float
    rchi2: float
    zwarn: int
    curves: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
    best_z: dict[str, float]


@dataclass(frozen=True, eq=False)
class Outcome:
    """Everything known about a batch after solving; prepared and candidates by engine."""

    spectra: Spectra
    prepared: list[Prepared]
    candidates: list[Candidates]
    ranked: decide.Ranked


@dataclass(frozen=True, eq=False)
class Pipeline:
    """Models and a solver, ready to classify.

    Parameters
    ----------
    engines : tuple of Engine
        One a class.
    solver : Solver
        How candidates are found.
    device : torch.device
        Where to compute.
    """

    engines: tuple[Engine, ...]
    solver: Solver
    device: torch.device

    @classmethod
    def load(
        cls,
        models: str | Path | Sequence[str | Path] = "encoder",
        solver: str = "hybrid",
        device: str = "cpu",
    ) -> Pipeline:
        """A pipeline of the given models.

        Parameters
        ----------
        models : str, Path or sequence of them
            See :func:`gasnet3.load_models`.
        solver : {"amortised", "exact", "hybrid"}
            See :mod:`gasnet3.solve`.
        device : str
            "cpu", "cuda", ...

        Raises
        ------
        ValueError
            If the solver is unknown, or the device is not there.
        ModelError
            If a model cannot be loaded, or has no eigenspectra and the solver needs them.
        """
        if solver not in SOLVERS:
            raise ValueError(f"unknown solver {solver!r}: choose one of {', '.join(SOLVERS)}")
        try:
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).partition("\n")[0]
            raise ValueError(f"device {device!r} cannot be used ({reason}): try 'cpu'") from None
        loaded: list[Model] = list(load_models(models).values())
        engines = tuple(Engine(model.to(device)) for model in loaded)
        if solver != "amortised":
            for engine in engines:
                _ = engine.eigenspectra  # raises for networks that have none
        return cls(engines, SOLVERS[solver], torch.device(device))

    @property
    def provenance(self) -> dict[str, Any]:
        """What made the numbers: version, solver, models with their hashes."""
        return {
            "gasnet3": gasnet3.__version__,
            "solver": self.solver.name,
            "models": {e.model.card.name: e.model.card.sha256 for e in self.engines},
            "device": self.device.type,
            "torch": torch.__version__,
        }

    def run(self, spectra: Spectra, n_best: int = 1) -> Table:
        """Classify spectra.

        Parameters
        ----------
        spectra : Spectra
            Any number of rows; none gives an empty catalog.
        n_best : int
            Solutions a spectrum, over class and redshift; ``znum`` counts them from 0.

        Returns
        -------
        astropy.table.Table
            The catalog, rows in the order of the spectra, solutions of one by ``znum``.

        Raises
        ------
        ValueError
            If ``n_best`` is less than 1, or the spectra are not on the lattice of the models.
        """
        if n_best < 1:
            raise ValueError(f"n_best must be 1 or more, got {n_best}")
        if len(spectra):
            starts = range(0, len(spectra), ROWS)
            parts = [self._columns(spectra[s : s + ROWS], n_best) for s in starts]
            columns = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
        else:
            masked = np.zeros((1, spectra.lattice.n))
            lattice = spectra.lattice
            blank = Spectra.from_arrays(masked, masked, loglam=lattice.loglam, lattice=lattice)
            columns = {name: c[:0] for name, c in self._columns(blank, n_best).items()}
        keys = {name: np.repeat(column, n_best, axis=0) for name, column in spectra.meta.items()}
        return make_catalog(columns, keys, self.provenance)

    def inspect(self, spectra: Spectra, row: int = 0) -> Inspection:
        """Solve one spectrum of a batch and keep its model and curves.

        Raises
        ------
        IndexError
            If there is no such row.
        ValueError
            If the spectra are not on the lattice of the models.
        """
        if not 0 <= row < len(spectra):
            raise IndexError(f"no row {row}: the batch has {len(spectra)} spectra")
        one = spectra[row : row + 1]
        outcome = self._solve(one, 2)
        table = self._assemble(outcome, 0)
        n_good = int(one.n_good[0])
        curves = {}
        for engine, prepared in zip(self.engines, outcome.prepared, strict=True):
            found = self.solver.curves(engine, prepared)
            chi2 = found.chi2[0].double().cpu().numpy() / max(n_good - engine.dof, 1)
            curves[engine.cls] = (found.z.numpy(), chi2)
        solved = bool(table["class"][0])
        nothing = np.full(one.lattice.n, np.nan)
        chosen = _chosen(outcome, 0)
        norm = float(outcome.prepared[outcome.ranked.cls[0, 0]].norm[0])
        return Inspection(
            id=str(one.ids[0]),
            wave=one.lattice.wave,
            flux=one.flux[0].astype(np.float64),
            ivar=one.ivar[0].astype(np.float64),
            continuum=norm * (chosen["total"] - chosen["model"])[0] if solved else nothing,
            model=norm * chosen["total"][0] if solved else nothing,
            cls=str(table["class"][0]),
            z=float(table["z"][0]),
            z_err=float(table["z_err"][0]),
            rchi2=float(table["rchi2"][0]),
            zwarn=int(table["zwarn"][0]),
            curves=curves,
            best_z={e.cls: float(table[f"z_{e.cls.lower()}"][0]) for e in self.engines},
        )

    def _solve(self, spectra: Spectra, k: int) -> Outcome:
        cache: dict[int, Prepared] = {}
        prepared, candidates = [], []
        for engine in self.engines:
            card = engine.model.card
            if spectra.lattice != card.observed:
                raise ValueError(
                    f"the spectra are on {spectra.lattice}, {card.name} needs {card.observed}: "
                    "build them with Spectra.from_arrays(..., lattice=card.observed)"
                )
            if card.degree not in cache:
                cache[card.degree] = prepare(spectra, card.degree, self.device)
            prepared.append(cache[card.degree])
            with torch.inference_mode():
                candidates.append(self.solver.solve(engine, prepared[-1], k))
        return Outcome(spectra, prepared, candidates, decide.rank(candidates, spectra.n_good))

    def _columns(self, spectra: Spectra, n_best: int) -> dict[str, NDArray[Any]]:
        outcome = self._solve(spectra, max(2, n_best))
        parts = [self._assemble(outcome, nth) for nth in range(n_best)]
        return {
            name: np.stack([p[name] for p in parts], axis=1).reshape(
                len(spectra) * n_best, *parts[0][name].shape[1:]
            )
            for name in parts[0]
        }

    def _assemble(self, outcome: Outcome, nth: int) -> dict[str, NDArray[Any]]:
        """All columns of the nth solution of each spectrum."""
        spectra, ranked, rows = outcome.spectra, outcome.ranked, len(outcome.spectra)
        has = np.isfinite(ranked.chi2[:, nth])
        cls_index = ranked.cls[:, nth]
        cls = np.where(has, np.array(ranked.classes)[cls_index], "")
        dof = np.array([c.dof for c in outcome.candidates])[cls_index]
        names = np.array([e.model.card.name for e in self.engines])
        p = decide.class_probabilities(ranked)
        coeff, domain = self._coefficients(outcome, nth)
        # Models may differ in m: the padding has no part in the amplitude.
        known = np.isfinite(coeff)
        size = np.sqrt((np.where(known, coeff, 0.0) ** 2).sum(axis=1))
        size = np.where(known.any(axis=1), size, np.nan)
        columns: dict[str, NDArray[Any]] = {
            "id": spectra.ids,
            "class": cls,
            "z": np.where(has, ranked.z[:, nth], np.nan),
            "z_err": np.where(has, ranked.z_err[:, nth], np.nan),
            "chi2": ranked.chi2[:, nth],
            "dof": np.where(has, spectra.n_good - dof, 0),
            "rchi2": ranked.rchi2[:, nth],
            "delta_chi2": decide.delta_chi2(ranked, nth),
            "robustness": decide.robustness(ranked, nth),
            **{f"p_{name.lower()}": p[name] for name in gasnet3.CLASSES},
            "znum": np.full(rows, nth),
            "coeff": coeff / np.where(size > 0, size, 1.0)[:, None],
            "amplitude": size,
            "model": np.where(has, names[cls_index], ""),
            "sn_median": spectra.sn_median,
            "n_good": spectra.n_good,
            **_wave_range(spectra),
            **self._per_class(outcome),
        }
        solved = self._solved(outcome, nth, columns, p, domain)
        score = quality.misfit(solved)
        zwarn = quality.warn(solved, spectra.zwarn)
        columns["zwarn"] = np.where(spectra.n_good < MIN_GOOD, zwarn | int(ZWarn.NODATA), zwarn)
        columns["anomaly_score"] = score
        columns["anomaly_kind"] = np.where(score > 1.0, "incomplete model", "")
        return columns

    def _per_class(self, outcome: Outcome) -> dict[str, NDArray[Any]]:
        rows = len(outcome.spectra)
        out = {}
        by_class = {c.cls: c for c in outcome.candidates}
        for cls in gasnet3.CLASSES:
            low = cls.lower()
            if cls not in by_class:
                for name in ("chi2", "z", "robustness"):
                    out[f"{name}_{low}"] = np.full(rows, np.nan)
                continue
            found = by_class[cls]
            ranked = decide.rank([found], outcome.spectra.n_good)
            out[f"chi2_{low}"] = ranked.chi2[:, 0]
            out[f"z_{low}"] = ranked.z[:, 0]
            out[f"robustness_{low}"] = decide.class_robustness(found)
        return out

    def _coefficients(
        self, outcome: Outcome, nth: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coefficients with amplitude, NaN-padded to the widest model, and domain distance."""
        ranked, rows = outcome.ranked, len(outcome.spectra)
        width = max(1, *(c.coeff.shape[2] for c in outcome.candidates))
        coeff, domain = np.full((rows, width), np.nan), np.full(rows, np.nan)
        has = np.isfinite(ranked.chi2[:, nth])
        for index, (engine, found) in enumerate(zip(self.engines, outcome.candidates, strict=True)):
            chosen = np.flatnonzero(has & (ranked.cls[:, nth] == index))
            which = torch.from_numpy(ranked.which[chosen, nth])
            row = torch.from_numpy(chosen)
            omega, measured = found.coeff[row, which], found.covariance[row, which]
            coeff[chosen, : omega.shape[1]] = omega.cpu().numpy()
            population = engine.model.card.population
            if self.solver.name != "amortised" and "mean" in population and len(chosen):
                mean = omega.new_tensor(population["mean"])
                spread = omega.new_tensor(population["covariance"])
                distance = domain_distance(omega, measured, mean, spread) / population["limit"]
                domain[chosen] = distance.cpu().numpy()
        return coeff, domain

    def _solved(
        self, outcome: Outcome, nth: int, columns: dict[str, NDArray[Any]],
        p: dict[str, NDArray[np.float64]], domain: NDArray[np.float64],
    ) -> quality.Solved:  # fmt: skip
        ranked = outcome.ranked
        probability = np.full(len(ranked.z), np.nan)
        for name in gasnet3.CLASSES:
            probability = np.where(columns["class"] == name, p[name], probability)
        n_good = outcome.spectra.n_good
        dof = {c.cls: c.dof for c in outcome.candidates}
        return quality.Solved(
            **_chosen(outcome, nth),
            good=outcome.spectra.ivar > 0,
            cls=columns["class"],
            z=columns["z"],
            rchi2=columns["rchi2"],
            delta_chi2=columns["delta_chi2"],
            probability=probability,
            sn_median=columns["sn_median"],
            edge=ranked.edge[:, nth],
            bad=ranked.bad[:, nth],
            domain=domain,
            rchi2_classes=np.stack(
                [columns[f"chi2_{c.lower()}"] / np.maximum(n_good - d, 1) for c, d in dof.items()],
                axis=1,
            ),
            lattice=outcome.spectra.lattice,
            populations={e.cls: e.model.card.population for e in self.engines},
        )


def _chosen(outcome: Outcome, nth: int) -> dict[str, NDArray[Any]]:
    """Prepared flux and ivar of the nth solution, as its model's continuum degree makes them.

    With its model, and the model with the continuum put back, all in units of the row's norm;
    the latter two are NaN where there is no solution.
    """
    ranked, first = outcome.ranked, outcome.prepared[0]
    flux, ivar = first.flux.cpu().numpy().copy(), first.ivar.cpu().numpy().copy()
    model, total = np.full(flux.shape, np.nan), np.full(flux.shape, np.nan)
    both = zip(outcome.prepared, outcome.candidates, strict=True)
    for index, (prepared, found) in enumerate(both):
        chosen = np.flatnonzero((ranked.cls[:, nth] == index) & np.isfinite(ranked.chi2[:, nth]))
        which, row = torch.from_numpy(ranked.which[chosen, nth]), torch.from_numpy(chosen)
        flux[chosen] = prepared.flux[row].cpu().numpy()
        ivar[chosen] = prepared.ivar[row].cpu().numpy()
        model[chosen] = found.model[row, which].cpu().numpy()
        continuum = prepared.evaluate_continuum() / prepared.norm[:, None]
        total[chosen] = model[chosen] + continuum[row].cpu().numpy()
    return {"flux": flux, "ivar": ivar, "model": model, "total": total}


def _wave_range(spectra: Spectra) -> dict[str, NDArray[np.float64]]:
    """First and last good wavelength of each row, Å; NaN where there is none."""
    good = spectra.ivar > 0
    wave, any_good = spectra.lattice.wave, good.any(axis=1)
    last = good.shape[1] - 1 - good[:, ::-1].argmax(axis=1)
    return {
        "wave_min": np.where(any_good, wave[good.argmax(axis=1)], np.nan),
        "wave_max": np.where(any_good, wave[last], np.nan),
    }
