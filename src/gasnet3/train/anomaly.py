"""What ordinary spectra are like to trained networks: the tables and densities of the scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import median_filter

from gasnet3.anomaly import stored
from gasnet3.anomaly.density import Density, fit_density
from gasnet3.anomaly.measure import measure
from gasnet3.anomaly.score import KINDS, AnomalyFit, kind_scores, largest, single_scores, tabulate
from gasnet3.anomaly.statistics import Statistics
from gasnet3.classes import CLASSES
from gasnet3.machine.progress import Progress
from gasnet3.machine.typing import Bools, Floats
from gasnet3.pipeline.columns import solutions
from gasnet3.pipeline.levels import batches
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.coefficients import unit_coefficients
from gasnet3.solve.engine import Engine
from gasnet3.solve.prepare import prepare
from gasnet3.solve.refine import fit_at
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import LogLattice, shift_from_z
from gasnet3.spectra.target import STANDARD
from gasnet3.train.mock import draw

COPIES = 3
"""Noisier copies of each ordinary spectrum."""

NOISIEST = 12.0
"""Most noise added to a copy, in units of its own."""

POINTS, LEAST_SN = 1200, 5.0
"""Spectra of a class's population its density is fitted to, and the least S/N of one."""

FEWEST_POINTS = 60
"""Solutions a model card must keep of its population for a density to be fitted to them."""

LONELINESS = ("lof", "forest", "domain")
"""Statistics of the coefficients: ordinary is what the training population has."""

PLENTY = 600
"""Spectra of a class's population that tell what coefficients are ordinary."""

MOCK_SN, MOCKS = (4.0, 12.0, 36.0), 200
"""S/N of mocks that stand for the population of one's own networks, and how many of each."""

FEWEST_SKY = 10
"""Sky fibres from which the places of sky lines are measured."""

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

Measured = tuple[Statistics, NDArray[np.str_], Floats]
"""Statistics, class and median S/N of a batch."""


def fit_anomaly(
    pipeline: Pipeline, spectra: Spectra, sky: tuple[tuple[float, float], ...],
    densities: Mapping[str, Density], population: Spectra | None = None,
    on_progress: Progress | None = None,
) -> tuple[AnomalyFit, dict[str, Any]]:  # fmt: skip
    """Tabulate the statistics of ordinary spectra.

    Surveys have few kinds of stars, quasars of few redshifts: what coefficients are ordinary is
    told by the training population as well. Of its pixels nothing is: mocks have no defects.

    Parameters
    ----------
    pipeline : Pipeline
        The networks and the kind of solution; with their confidence, if they have one.
    spectra : Spectra
        Ordinary spectra of all classes, see :func:`with_copies`.
    sky : tuple of (float, float)
        Ranges of strong sky lines and telluric bands, vacuum Å.
    densities : mapping of str to Density
        By class; none for solutions without a covariance.
    population : Spectra, optional
        Spectra like those that were trained on, all types of each class alike often.
    on_progress : callable, optional
        Called with the number of spectra done, and of all.

    Returns
    -------
    AnomalyFit
        What :func:`gasnet3.anomaly.score.judge` compares with.
    dict
        ``n``: spectra tabulated, by class; ``population``: those of the population.
    """
    fit = AnomalyFit(sky, {}, dict(densities))
    both = spectra if population is None else Spectra.concatenate([spectra, population])
    parts = _joined(list(_measured(pipeline, both, fit, on_progress)))
    real = np.arange(len(both)) < len(spectra)
    for name, values in parts[0].value.items():
        if name not in LONELINESS:
            values[~real] = np.nan
    fit, cls = replace(fit, tables=_clipped_tables(fit, *parts, real)), parts[1]
    counts = {"n": real, **({} if real.all() else {"population": ~real})}
    return fit, {
        name: {str(c): int((rows & (cls == c)).sum()) for c in fit.tables}
        for name, rows in counts.items()
    }


def fit_own_anomalies(
    pipelines: Mapping[str, Pipeline],
    spectra: Spectra,
    path: Path,
    on_progress: Progress | None = None,
) -> None:
    """Fit networks of one's own and write the fits where a pipeline of them finds them.

    The densities are fitted to the solutions of training spectra that the cards keep.

    Parameters
    ----------
    pipelines : mapping of str to Pipeline
        Kind of solution ("exact", "amortised") to the networks that give it.
    spectra : Spectra
        Labelled spectra that were not trained on; class "SKY" for no object.
    path : Path
        JSON file; its directory is made.
    on_progress : callable, optional
        The same, for one pipeline after the other.
    """
    is_sky = ~np.isin(spectra.classes, CLASSES)
    sky, ordinary = own_sky_ranges(spectra[is_sky].ivar, spectra.lattice), spectra[~is_sky]
    copied = with_copies(ordinary.flux, ordinary.ivar, spectra.lattice)
    fits = {}
    for kind, pipeline in pipelines.items():
        found = card_densities(pipeline) if kind == "exact" else {}
        mocks = card_mocks(pipeline, found)
        fit, notes = fit_anomaly(pipeline, copied, sky, found, mocks, on_progress)
        fits[kind] = (pipeline.weights, fit, notes)
    path.parent.mkdir(parents=True, exist_ok=True)
    stored.write_fits(fits, path)


def noisier(rng: np.random.Generator, flux: ArrayLike, ivar: ArrayLike) -> tuple[Floats, Floats]:
    """Spectra with 1 to 12 times their own noise added, and their inverse variance.

    All have shape (rows, n); the arrays given are left as they are.
    """
    flux, ivar = np.asarray(flux), np.asarray(ivar)
    more = np.exp(rng.uniform(0.0, np.log(NOISIEST), len(flux)))[:, None]
    sigma = np.divide(1.0, np.sqrt(ivar), out=np.zeros(ivar.shape), where=ivar > 0)
    return flux + more * sigma * rng.standard_normal(ivar.shape), ivar / (1 + more**2)


def with_copies(flux: NDArray[Any], ivar: NDArray[Any], lattice: LogLattice = STANDARD) -> Spectra:
    """Spectra on a lattice, shape (rows, n), and noisier copies of each."""
    flux, ivar = flux.astype(np.float64), ivar.astype(np.float64)
    rng = np.random.default_rng(5)
    parts = [(flux, ivar), *(noisier(rng, flux, ivar) for _ in range(COPIES))]
    both = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    return Spectra.from_arrays(*both, loglam=lattice.loglam, lattice=lattice)


def sky_ranges(
    ivar: NDArray[Any], lattice: LogLattice = STANDARD
) -> tuple[tuple[float, float], ...]:
    """Ranges of strong sky lines, and telluric bands, vacuum Å.

    From the inverse variance of sky fibres on a lattice, shape (rows, n).
    """
    level = np.median(ivar, axis=0)
    low = level < SKY_DIP * median_filter(level, SKY_WIDTH, mode="nearest")
    low &= level > 0  # where nothing is seen is no line
    edges = np.flatnonzero(np.diff(np.concatenate([[False], low, [False]]).astype(int)))
    half = 10.0**0.5e-4
    found = [
        (round(float(lattice.wave[a] / half), 1), round(float(lattice.wave[b - 1] * half), 1))
        for a, b in edges.reshape(-1, 2)
    ]
    return tuple(sorted([*found, *TELLURIC]))


def own_sky_ranges(
    ivar: NDArray[Any], lattice: LogLattice = STANDARD
) -> tuple[tuple[float, float], ...]:
    """Those of the sky fibres given; with few of them those of the shipped fits."""
    return sky_ranges(ivar, lattice) if len(ivar) >= FEWEST_SKY else stored.shipped_sky()


def card_densities(pipeline: Pipeline) -> dict[str, Density]:
    """Of the training solutions that the cards keep; classes with few of them are left out."""
    kept = {e.cls: np.array(e.model.card.population.get("coeff", [])) for e in pipeline.engines}
    # Coefficients scaled to unit length need no covariance here.
    return {
        cls: fit_density(coeff / np.linalg.norm(coeff, axis=1, keepdims=True))
        for cls, coeff in kept.items()
        if len(coeff) >= FEWEST_POINTS
    }


def card_mocks(pipeline: Pipeline, densities: Mapping[str, Density]) -> Spectra | None:
    """Mocks of the training solutions that the cards keep, of the classes with a density."""
    if not densities:
        return None
    models = {e.cls: e.model for e in pipeline.engines if e.cls in densities}
    return Spectra.concatenate([draw(models, MOCKS, sn=sn, seed=7) for sn in MOCK_SN])


def population_densities(pipeline: Pipeline, sets: Mapping[str, Path]) -> dict[str, Density]:
    """Of each class's training spectra, in a npz file with flux, ivar and z."""
    out = {}
    for engine in pipeline.engines:
        with np.load(sets[engine.cls]) as file:
            chosen = np.random.default_rng(6).permutation(len(file["z"]))[: 3 * POINTS]
            flux, ivar, z = (file[name][chosen] for name in ("flux", "ivar", "z"))
        lattice = pipeline.lattice
        spectra = Spectra.from_arrays(flux, ivar, loglam=lattice.loglam, lattice=lattice)
        clear = np.flatnonzero(spectra.sn_median > LEAST_SN)[:POINTS]
        out[engine.cls] = fit_density(_unit(engine, spectra[clear], z[clear]))
    return out


def population_spectra(sets: Iterable[Path], lattice: LogLattice = STANDARD) -> Spectra:
    """Some of the population that were not trained on, of npz files on a lattice."""
    parts = []
    for path in sets:
        with np.load(path) as file:
            chosen = np.random.default_rng(8).permutation(len(file["z"]))[:PLENTY]
            flux, ivar = (file[name][chosen] for name in ("flux", "ivar"))
        parts.append(Spectra.from_arrays(flux, ivar, loglam=lattice.loglam, lattice=lattice))
    return Spectra.concatenate(parts)


def _unit(engine: Engine, spectra: Spectra, z: NDArray[Any]) -> Floats:
    """Unit coefficients at known redshifts."""
    prepared = prepare(spectra, engine.model.card.degree)
    shift = torch.from_numpy(np.asarray(shift_from_z(z)))
    rows = torch.arange(len(spectra))
    # Bound by their population, as those of a catalog are.
    known = prepared.size, prepared.arms
    fits = fit_at(engine.templates, prepared.flux, prepared.ivar, rows, shift, *known)
    return unit_coefficients(fits.coeff.numpy(), fits.covariance.numpy())[0]


def _measured(
    pipeline: Pipeline, spectra: Spectra, fit: AnomalyFit, on_progress: Progress | None
) -> Iterator[Measured]:
    """What is measured of spectra, batch by batch."""
    done = 0
    for batch in batches(spectra, ROWS):
        _, solution = solutions(pipeline.solve(batch, 2), 0)
        statistics, _ = measure(solution, fit.sky_pixels(solution.lattice), fit.densities)
        yield statistics, solution.cls, solution.sn_median
        done += len(batch)
        if on_progress:
            on_progress(done, len(spectra))


def _joined(parts: list[Measured]) -> Measured:
    """All batches as one; no place in the spectrum is kept."""
    value = {n: np.concatenate([part[0].value[n] for part in parts]) for n in parts[0][0].value}
    cls, sn = (np.concatenate([part[i] for part in parts]) for i in (1, 2))
    return Statistics(value, {}, {}), cls, sn


def _clipped_tables(
    fit: AnomalyFit, measured: Statistics, cls: NDArray[np.str_], sn: Floats, real: Bools
) -> dict[str, dict[str, Floats]]:
    """Tables of what is left when the strange ones among the ordinary are taken out."""
    values = measured.value

    def tables(kept: Bools) -> dict[str, dict[str, Floats]]:
        some = {name: v[kept] for name, v in values.items()}
        return _tables(fit, some, cls[kept], sn[kept], real[kept])

    kept = (cls != "QSO") | ~(values["comb"] >= ABSORBER)
    for _ in range(CLIPS):
        single = single_scores(replace(fit, tables=tables(kept)), measured, cls, sn)
        kept = np.asarray(np.nan_to_num(largest(list(single.values()))) <= TOO_STRANGE)
    return tables(kept)


def _tables(
    fit: AnomalyFit, values: dict[str, Floats], cls: NDArray[np.str_], sn: Floats, real: Bools
) -> dict[str, dict[str, Floats]]:
    """Tables of statistics, of kinds and of the whole, in turn; the whole is that of real ones."""
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
    add({"score": np.where(real, largest(list(kinds.values())), np.nan)})
    return out
