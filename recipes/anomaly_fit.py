"""Tabulate what ordinary spectra are like, and fit the density of their coefficients.

    python recipes/anomaly_fit.py

Ordinary are the real labelled spectra of the training groups, as they are and with noise added.
The density is fitted to the coefficients of the training population (``recipes/population.py``),
and what density is ordinary is told by its validation part as well. Writes
anomaly/<architecture>.json and .safetensors beside the models of each set.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mock_survey.library import SHARED, Survey
from population import kind_of, set_of
from rich.console import Console

from gasnet3.anomaly.stored import DIRECTORY, write_fits
from gasnet3.classes import CLASSES
from gasnet3.decide.confidence import solution_kind
from gasnet3.nets.registry import directory_of
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import WIDE
from gasnet3.train.anomaly import (
    fit_anomaly,
    population_densities,
    population_spectra,
    sky_ranges,
    with_copies,
)

POPULATION = Path(__file__).resolve().parents[1] / "runs" / "population"


def sets_of(population: Path, models: str, part: str) -> dict[str, Path]:
    """The sets of the population by class, for a set of models."""
    return {cls: set_of(population, kind_of(cls, models), part) for cls in CLASSES}


def survey_sky(survey: Survey) -> tuple[tuple[float, float], ...]:
    """Ranges of strong sky lines in the sky fibres."""
    fibres = [i for i, row in enumerate(survey.rows) if row["role"] == "sky"]
    return sky_ranges(survey.spectra[1][fibres], WIDE)


def ordinary(survey: Survey) -> Spectra:
    """Real spectra of the training groups, with noisier copies."""
    rows = survey.labelled(validation=False)
    flux, ivar = survey.spectra
    return with_copies(flux[rows], ivar[rows], WIDE)


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--population", type=Path, default=POPULATION)
    parser.add_argument("--models", nargs="+", default=["encoder", "unet"], help="sets")
    parser.add_argument("--only", nargs="+", choices=("hybrid", "amortised"), help="solvers")
    arguments = parser.parse_args()
    console, survey = Console(), Survey(arguments.shared)
    spectra, sky = ordinary(survey), survey_sky(survey)
    console.print(f"{len(sky)} sky ranges, {len(spectra)} ordinary spectra")
    for models in arguments.models:
        fits = {}
        solvers = ("amortised",) if models == "unet" else ("hybrid", "amortised")
        for solver in arguments.only or solvers:
            pipeline, kind = Pipeline.load(models, solver), solution_kind(solver)
            exact = kind == "exact"
            train, valid = (sets_of(arguments.population, models, p) for p in ("train", "valid"))
            densities = population_densities(pipeline, train) if exact else {}
            # Without coefficients that are solved for nothing is lonely.
            lattice = pipeline.lattice
            like_trained = population_spectra(valid.values(), lattice) if exact else None
            seen = spectra.on(lattice)
            fit, told = fit_anomaly(pipeline, seen, sky, densities, like_trained)
            fits[kind] = (pipeline.weights, fit, told)
            console.print(models, solver, told)
        directory = directory_of(models) / DIRECTORY.name
        directory.mkdir(exist_ok=True)
        write_fits(fits, directory / f"{pipeline.cards[0].architecture}.json")


if __name__ == "__main__":
    main()
