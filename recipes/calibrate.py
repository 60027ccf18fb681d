"""Fit confidence and redshift errors of the networks, and measure both on the validation third.

    python recipes/calibrate.py

The posterior of exact solutions is fitted to the real spectra of the training groups (once as they
are, twice made faint with sky fibres), to real faint ones, to sky fibres (also upside down) and to
strangers made of them; its continua to the training mocks and real spectra. The confidence of the
others is fitted to the same real spectra, twice with noise added, and to half of the validation
mocks, which no network was trained on. Writes confidence/<architecture>.json beside the networks
and their cards; prints, and with ``--figure`` draws, how true the probabilities are on what is held
out, and what the warnings cost.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from faint.sets import real_sets
from mock_survey.faint import labelled_as, made_faint
from mock_survey.library import SHARED, Survey
from numpy.typing import NDArray
from pages import table, write_part
from population import COPIES as REAL_COPIES
from population import FAR_COPIES, kind_of, set_of
from rich.console import Console
from rich.table import Table

from gasnet3 import io
from gasnet3.decide.confidence import DIRECTORY
from gasnet3.decide.continua import Continua
from gasnet3.decide.posterior import RIGHT
from gasnet3.evaluate.reliability import pulls, reliability, summarize_pulls
from gasnet3.nets.card import ModelCard
from gasnet3.nets.registry import directory_of, list_models
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.report.confidence import plot_confidence
from gasnet3.report.figures import save_figure
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import WIDE, LogLattice
from gasnet3.train.anomaly import noisier
from gasnet3.train.calibrate import (
    SOLVER_OF,
    Errors,
    Fit,
    fit_confidence,
    fit_errors,
    judge_sets,
    posterior_errors,
    solve_labelled,
    solver_kinds,
    uncalibrated,
    write_confidence,
    write_errors,
)
from gasnet3.train.posterior import SKY, fit_continua, fit_posterior

POPULATION = Path(__file__).resolve().parents[1] / "runs" / "population"
MOCKS = 600
"""Mocks a class."""

COPIES = 2
"""Noisier and fainter copies of each real spectrum."""

FAINT_SN = (0.7, 10.0)
"""Median S/N a pixel of the fainter ones, even in the logarithm."""

CONTINUA = 4000
"""Training mocks a class that continua are learned from."""

SEED = 11


def real(survey: Survey, *, validation: bool) -> Spectra:
    """Labelled spectra, stars without a redshift and sky fibres of the groups of one part."""
    chosen = survey.of_role("labelled", "star-no-z", "sky", validation=validation)
    flux, ivar = survey.spectra
    return labelled_as(survey, chosen, flux[chosen], ivar[chosen], "real")


def noisy_copies(survey: Survey, *, validation: bool, seed: int) -> Spectra:
    """The labelled spectra of a part with 1 to 12 times their own noise added."""
    chosen = survey.labelled(validation=validation)
    flux, ivar = (x[chosen].astype(np.float64) for x in survey.spectra)
    flux, ivar = noisier(np.random.default_rng(seed), flux, ivar)
    arrays = flux.astype(np.float32), ivar.astype(np.float32)
    return labelled_as(survey, chosen, *arrays, f"noisier-{seed}")


def fainter_copies(survey: Survey, seed: int) -> Spectra:
    """The labelled spectra of the training groups, made faint."""
    n = len(survey.labelled(validation=False))
    low, high = np.log(FAINT_SN)
    sn = np.exp(np.random.default_rng(seed).uniform(low, high, n))
    return made_faint(survey, sn, validation=False, seed=seed)


def continua_of(population: Path, card: ModelCard, models: str | Path) -> dict[str, Continua]:
    """Populations of continua, of the training sets: mocks, and real spectra as they are."""
    parts = []
    for cls in RIGHT:
        kind = kind_of(cls, models)
        spectra = io.read([set_of(population, kind, "train")], lattice=WIDE)
        drawn, real, far = (
            np.flatnonzero(np.char.startswith(spectra.ids, part))
            for part in ("mock", "real", "far")
        )
        # Copies of a real spectrum follow it.
        real, far = real[:: REAL_COPIES[kind]], far[:: FAR_COPIES[kind] or 1]
        parts.append(spectra[np.concatenate([drawn[:CONTINUA], real, far])])
    return fit_continua(Spectra.concatenate(parts).on(card.observed), card.degree)


def mocks(population: Path, models: str | Path) -> Spectra:
    """Mocks of the validation sets."""
    parts = []
    for cls in RIGHT:
        spectra = io.read([set_of(population, kind_of(cls, models), "valid")], lattice=WIDE)
        rows = np.flatnonzero(np.char.startswith(spectra.ids, "mock"))[:MOCKS]
        parts.append(spectra[rows])
    return Spectra.concatenate(parts)


@dataclass(frozen=True, eq=False)
class Sets:
    """What is fitted and what is measured, by kind of spectrum."""

    fitted: dict[str, Spectra]
    faint: list[Spectra]
    held_out: dict[str, Spectra]

    @classmethod
    def read(cls, shared: Path, population: Path, models: str | Path, lattice: LogLattice) -> Sets:
        """The sets of the shared spectra and of the mocks, on a lattice."""
        survey, drawn = Survey(shared), mocks(population, models)
        even = np.arange(len(drawn)) % 2 == 0
        copies = [noisy_copies(survey, validation=False, seed=SEED + i) for i in range(COPIES)]
        fitted = {
            "real": real(survey, validation=False),
            "noisier": Spectra.concatenate(copies),
            "mock": drawn[even],
        }
        held_out = {
            "real": real(survey, validation=True),
            "noisier": noisy_copies(survey, validation=True, seed=SEED + 100),
            "mock": drawn[~even],
        }
        faint = [fainter_copies(survey, SEED + 200 + i) for i in range(COPIES)]
        # Those of supernovae are the redshifts of their hosts.
        named = real_sets(shared, validation=False)
        observed = [s for name, s in named.items() if name != "ozdes_sn"]
        faint = [Spectra.concatenate(observed), *faint]
        kinds = ({kind: s.on(lattice) for kind, s in of.items()} for of in (fitted, held_out))
        return cls(next(kinds), [s.on(lattice) for s in faint], next(kinds))


def fit(
    models: str | Path, sets: Sets, population: Path, console: Console, only: Sequence[str] = ()
) -> Errors:
    """Fit every kind of solution, or only some; write the fits and the scales of the errors."""
    pipeline = Pipeline.load(models, "amortised")
    fits: dict[str, Fit] = {}
    errors: Errors = {}
    weights: dict[str, dict[str, str]] = {}
    n = {kind: len(spectra) for kind, spectra in sets.fitted.items()}
    n["faint"] = sum(map(len, sets.faint))
    kinds = only or solver_kinds(pipeline)
    continua = continua_of(population, pipeline.cards[0], models) if "exact" in kinds else {}
    for kind in kinds:
        pipeline = Pipeline.load(models, SOLVER_OF[kind])
        fits[kind], errors[kind] = fit_kind(kind, pipeline, sets, continua)
        weights[kind] = pipeline.weights
    architecture = pipeline.engines[0].model.card.architecture
    directory = directory_of(models)
    path = directory / DIRECTORY.name / f"{architecture}.json"
    write_confidence(path, weights, fits, {"fitted_to": n})
    write_errors(directory, weights, errors)
    console.print(f"wrote {path}")
    return errors


def fit_kind(
    kind: str, pipeline: Pipeline, sets: Sets, continua: dict[str, Continua]
) -> tuple[Fit, dict[str, dict[str, float]]]:
    """Fit one kind of solution: what decides, and the scales of the errors."""
    if kind == "exact":
        judged, strangers = judge_sets(pipeline, continua, [sets.fitted["real"], *sets.faint])
        posterior = fit_posterior(judged, continua, strangers)
        return posterior, posterior_errors(judged, posterior)
    every = Spectra.concatenate(list(sets.fitted.values()))
    solutions = solve_labelled(uncalibrated(pipeline), every)
    confidence = fit_confidence(solutions)
    # Not of mocks: they have no calibration errors, and perfect labels. Of the real spectra
    # alone the scale is too large for faint ones: few are.
    observed = np.arange(len(every)) < len(every) - len(sets.fitted["mock"])
    return confidence, fit_errors(solutions[observed], confidence)


@dataclass(frozen=True, eq=False)
class Answers:
    """What a pipeline says of labelled spectra, and whether it is right; all (rows,)."""

    class_right: NDArray[np.bool_]
    z_right: NDArray[np.bool_]
    z_known: NDArray[np.bool_]
    cls: NDArray[np.str_]
    p_class: NDArray[np.float64]
    p_z: NDArray[np.float64]
    pulls: NDArray[np.float64]
    clean: NDArray[np.bool_]

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Rows with a class and a redshift."""
        return self.z_known & (self.cls != SKY)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Rows whose class and redshift are both right."""
        return self.class_right & self.z_right


def answers(pipeline: Pipeline, spectra: Spectra) -> Answers:
    """Classify, and compare with the labels."""
    table = pipeline.run(spectra)
    cls, z = np.asarray(table["class"]), np.asarray(table["z"])
    p = np.stack([np.asarray(table[f"p_{c.lower()}"]) for c in RIGHT], axis=1)
    limit = np.array([RIGHT.get(c, np.nan) for c in spectra.classes])
    with np.errstate(invalid="ignore"):
        near = np.abs(np.log1p(z) - np.log1p(spectra.z)) < limit
    return Answers(
        class_right=cls == spectra.classes,
        z_right=near,
        z_known=np.isfinite(spectra.z) | (spectra.classes == SKY),
        cls=spectra.classes,
        p_class=p.max(axis=1),
        p_z=np.asarray(table["p_z"]),
        pulls=pulls(z, table["z_err"], np.nan_to_num(spectra.z)),
        clean=np.asarray(table["zwarn"]) == 0,
    )


COLUMNS = (
    "spectra", "class right (n)", "ECE class", "redshift right (n)", "ECE redshift",
    "width of pulls STAR / GALAXY / QSO", "no warning", "of these right", "sky without a warning",
)  # fmt: skip


def worth(name: str, said: Answers) -> tuple[str, ...]:
    """One row of what probabilities, errors and warnings are worth."""
    known, rows, sky = said.cls != SKY, said.labelled, said.cls == SKY
    widths = [summarize_pulls(said.pulls[rows & said.right & (said.cls == c)]) for c in RIGHT]
    p_class = reliability(said.p_class[known], said.class_right[known])
    p_z = reliability(said.p_z[said.z_known], said.z_right[said.z_known])
    return (
        name,
        f"{said.class_right[known].mean():.4f} ({known.sum()})",
        f"{p_class.expected_calibration_error:.4f}",
        f"{said.z_right[rows].mean():.4f} ({rows.sum()})",
        f"{p_z.expected_calibration_error:.4f}",
        " / ".join(f"{w.width:.2f}" for w in widths),
        f"{said.clean[rows].mean():.4f}",
        f"{said.right[rows & said.clean].mean():.4f}",
        f"{int((sky & said.clean).sum())} of {int(sky.sum())}" if sky.any() else "",
    )


def measure(
    models: str | Path, sets: Sets, console: Console, only: Sequence[str] = ()
) -> dict[str, Answers]:
    """Classify what was held out, and print what the answers are worth.

    Returns
    -------
    dict of str to Answers
        By kind of spectrum, of the best solver of the networks, or of those that are fitted only.
    """
    kind = (only or solver_kinds(Pipeline.load(models, "amortised")))[-1]
    pipeline = Pipeline.load(models, SOLVER_OF[kind])
    table = Table(*COLUMNS, title=f"held out, solver {SOLVER_OF[kind]}")
    out = {}
    for name, spectra in sets.held_out.items():
        out[name] = answers(pipeline, spectra)
        table.add_row(*worth(name, out[name]))
    console.print(table)
    return out


def write_page(path: Path, said: dict[str, Answers], models: str | Path) -> None:
    """Replace the measured part of a page."""
    rows = [worth(name, one) for name, one in said.items()]
    cards = [info.card for info in list_models(directory_of(models))]
    errors = [
        f"- {card.cls}: scale {error['scale']:g}, floor {error['floor']:g} (n = {error['n']})"
        for card in cards
        for error in [card.calibration.get("z_err", {}).get("exact")]
        if error
    ]
    legend = (
        "Held out from the networks and from the fit, hybrid solver. real: the validation third "
        "of the labelled spectra, stars without a redshift and sky fibres; noisier: the labelled "
        "ones with 1 to 12 times their noise added; mock: the mock survey."
    )
    write_part(
        path, "measured", [legend, "", table(COLUMNS, rows), "Redshift errors:", "", *errors]
    )


def main() -> None:
    """Fit, unless told not to, and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", default="encoder", help="architecture or directory")
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--population", type=Path, default=POPULATION)
    parser.add_argument(
        "--only", nargs="+", default=(), choices=list(SOLVER_OF), help="kinds of solution to fit"
    )
    parser.add_argument("--measure-only", action="store_true", help="take the fits that are there")
    parser.add_argument("--figure", type=Path, help="picture to draw, PNG or PDF")
    parser.add_argument("--page", type=Path, help="page whose measured part is written anew")
    arguments = parser.parse_args()
    console = Console(width=160)
    lattice = Pipeline.load(arguments.models, "amortised").lattice
    sets = Sets.read(arguments.shared, arguments.population, arguments.models, lattice)
    only = arguments.only
    if not arguments.measure_only:
        console.print(fit(arguments.models, sets, arguments.population, console, only))
    said = measure(arguments.models, sets, console, only)
    if arguments.page:
        write_page(arguments.page, said, arguments.models)
    if arguments.figure:
        save_figure(plot_confidence(said), arguments.figure)


if __name__ == "__main__":
    main()
