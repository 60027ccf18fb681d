"""Tabulate what ordinary spectra are like, and fit the density of their coefficients.

    python recipes/anomaly_fit.py

Ordinary are the real labelled spectra of the training groups, as they are and with noise added.
The density is fitted to the coefficients of the training population (``recipes/population.py``)
and of these. Writes models/anomaly/<architecture>.json and .safetensors.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mock_survey.instrument import noisier
from mock_survey.library import Floats, Survey
from numpy.typing import NDArray
from rich.console import Console
from scipy.ndimage import median_filter

from gasnet3 import rows as solved_rows
from gasnet3.anomaly.density import Density, fit_density
from gasnet3.anomaly.score import KINDS, AnomalyFit, kind_scores, largest, single_scores, tabulate
from gasnet3.anomaly.statistics import Statistics
from gasnet3.anomaly.stored import DIRECTORY, write_fits
from gasnet3.engine import Engine
from gasnet3.lattice import OBSERVED, shift_from_z
from gasnet3.pipeline import Pipeline
from gasnet3.prepare import prepare
from gasnet3.refine import fit_at
from gasnet3.spectra import Spectra
from gasnet3.subclass import unit_coefficients

SHARED = Path(__file__).resolve().parents[2] / "shared"
POPULATION = Path(__file__).resolve().parents[1] / "runs" / "population"

COPIES = 3
"""Noisier copies of each ordinary spectrum."""

POINTS, LEAST_SN = 1200, 5.0
"""Spectra of a class's population its density is fitted to, and the least S/N of one."""

TELLURIC = ((6845.0, 6960.0), (7590.0, 7710.0))
"""Bands of O2, vacuum Å."""

SKY_DIP, SKY_WIDTH = 0.7, 301
"""A sky line is where the inverse variance is below this share of its running median."""

TOO_STRANGE, CLIPS = 4.0, 3
"""Among ordinary spectra those with such a score of one statistic are not: cosmic rays, absorbers.
They are taken out, so many times."""

ABSORBER = 6.5
"""Evidence of a second redshift from which on a quasar has a real absorber: not ordinary."""

ROWS = 128


def sky_ranges(survey: Survey) -> tuple[tuple[float, float], ...]:
    """Ranges of strong sky lines, from the inverse variance of sky fibres; telluric bands."""
    _, ivar = survey.spectra
    level = np.median(
        [ivar[i] for i, row in enumerate(survey.rows) if row["role"] == "sky"], axis=0
    )
    low = level < SKY_DIP * median_filter(level, SKY_WIDTH, mode="nearest")
    edges = np.flatnonzero(np.diff(np.concatenate([[False], low, [False]]).astype(int)))
    half = 10.0**0.5e-4
    found = [
        (round(float(OBSERVED.wave[a] / half), 1), round(float(OBSERVED.wave[b - 1] * half), 1))
        for a, b in edges.reshape(-1, 2)
    ]
    return tuple(sorted([*found, *TELLURIC]))


def ordinary(survey: Survey) -> Spectra:
    """Real spectra of the training groups, with noisier copies."""
    rows = np.array(survey.labelled(validation=False))
    flux, ivar = (array[rows].astype(np.float64) for array in survey.spectra)
    rng = np.random.default_rng(5)
    parts = [(flux, ivar), *(noisier(rng, flux, ivar) for _ in range(COPIES))]
    both = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    return Spectra.from_arrays(*both, loglam=OBSERVED.loglam)


def densities(pipeline: Pipeline, directory: Path) -> dict[str, Density]:
    """Of each class's training population."""
    out = {}
    for engine in pipeline.engines:
        with np.load(directory / f"{engine.cls}-train.npz") as file:
            chosen = np.random.default_rng(6).permutation(len(file["z"]))[: 3 * POINTS]
            flux, ivar, z = (file[name][chosen] for name in ("flux", "ivar", "z"))
        spectra = Spectra.from_arrays(flux, ivar, loglam=OBSERVED.loglam)
        clear = np.flatnonzero(spectra.sn_median > LEAST_SN)[:POINTS]
        out[engine.cls] = fit_density(_unit(engine, spectra[clear], z[clear]))
    return out


def _unit(engine: Engine, spectra: Spectra, z: NDArray[Any]) -> Floats:
    """Unit coefficients at known redshifts."""
    prepared = prepare(spectra, engine.model.card.degree)
    shift = torch.from_numpy(np.asarray(shift_from_z(z)))
    rows = torch.arange(len(spectra))
    fits = fit_at(engine.templates, prepared.flux, prepared.ivar, rows, shift)
    return unit_coefficients(fits.coeff.numpy(), fits.covariance.numpy())[0]


Measured = tuple[Statistics, NDArray[np.str_], Floats]
"""Statistics, class and median S/N of a batch."""


def measured(pipeline: Pipeline, spectra: Spectra, fit: AnomalyFit) -> Iterator[Measured]:
    """What is measured of spectra, batch by batch."""
    for start in range(0, len(spectra), ROWS):
        outcome = replace(pipeline, anomaly=None).solve(spectra[start : start + ROWS], 2)
        _, solved, solution = solved_rows.solutions(outcome, 0)
        statistics = solved_rows.measured(outcome, solved, solution, fit)[0]
        yield statistics, solution.cls, solution.sn


def tables(fit: AnomalyFit, parts: list[Measured]) -> dict[str, dict[str, Floats]]:
    """Tables of what is left when the strange ones among the ordinary are taken out."""
    cls, sn = (np.concatenate([part[i] for part in parts]) for i in (1, 2))
    values = {
        name: np.concatenate([part[0].value[name] for part in parts]) for name in parts[0][0].value
    }
    kept = (cls != "QSO") | (values["comb"] < ABSORBER)
    for _ in range(CLIPS):
        out = _tables(fit, {name: v[kept] for name, v in values.items()}, cls[kept], sn[kept])
        single = single_scores(replace(fit, tables=out), Statistics(values, {}, {}), cls, sn)
        kept = np.asarray(np.nan_to_num(largest(list(single.values()))) <= TOO_STRANGE)
    return _tables(fit, {name: v[kept] for name, v in values.items()}, cls[kept], sn[kept])


def _tables(
    fit: AnomalyFit, values: dict[str, Floats], cls: NDArray[np.str_], sn: Floats
) -> dict[str, dict[str, Floats]]:
    """Tables of statistics, of kinds and of the whole, in turn."""
    everything = Statistics(values, {}, {})
    out: dict[str, dict[str, Floats]] = {name: {} for name in np.unique(cls[cls != ""])}

    def add(columns: dict[str, Floats]) -> AnomalyFit:
        for one, of in out.items():
            for name, column in columns.items():
                table = tabulate(column[cls == one], sn[cls == one])
                if table is not None:
                    of[name] = table
        return replace(fit, tables=out)

    single = single_scores(add(values), everything, cls, sn)
    raw = {kind: largest([single[name] for name in names]) for kind, names in KINDS.items()}
    kinds = kind_scores(add(raw), single, cls, sn)
    add({"score": largest(list(kinds.values()))})
    return out


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--population", type=Path, default=POPULATION)
    parser.add_argument("-o", "--output", type=Path, default=DIRECTORY)
    arguments = parser.parse_args()
    console, survey = Console(), Survey(arguments.shared)
    arguments.output.mkdir(exist_ok=True)
    spectra, sky = ordinary(survey), sky_ranges(survey)
    console.print(f"{len(sky)} sky ranges, {len(spectra)} ordinary spectra")
    for architecture, solvers in (("encoder", ("hybrid", "amortised")), ("unet", ("amortised",))):
        fits = {}
        for solver in solvers:
            pipeline = Pipeline.load(architecture, solver)
            kind = "amortised" if solver == "amortised" else "exact"
            fitted = densities(pipeline, arguments.population) if kind == "exact" else {}
            fit = AnomalyFit(sky, {}, fitted)
            parts = list(measured(pipeline, spectra, fit))
            fit = replace(fit, tables=tables(fit, parts))
            hashes = {e.cls: e.model.card.sha256 for e in pipeline.engines}
            cls = np.concatenate([names for _, names, _ in parts])
            told = {"n": {str(c): int((cls == c).sum()) for c in fit.tables}}
            fits[kind] = (hashes, fit, told)
            console.print(architecture, solver, told)
        write_fits(fits, arguments.output / f"{architecture}.json")


if __name__ == "__main__":
    main()
