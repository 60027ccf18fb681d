"""Build the training and validation sets of one class: mock survey and real spectra.

    python recipes/population.py --class GALAXY --out runs/population
    python recipes/population.py --class GALAXY --deep --out runs/population-deep

writes GALAXY-train.npz and GALAXY-valid.npz, which `gasnet3 train recipes/encoder-galaxy.toml`
reads. The same seed gives the same files.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from mock_survey.instrument import MIN_PIXELS, Instrument, moved_along, tilt
from mock_survey.library import DEEP, SHARED, Z_RANGE, Floats, Survey, class_of
from mock_survey.sources import SOURCES, Source
from numpy.typing import NDArray
from rich.progress import track

from gasnet3.io import write_npz
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import WIDE, shift_from_z, z_from_shift

LAMOST_SHARE = {"STAR": 0.35, "GALAXY": 0.05, "QSO": 0.05, DEEP: 0.0}
MOCKS = {"STAR": 32000, "GALAXY": 34000, "QSO": 34000, DEEP: 34000}
"""Mocks to train on."""

COPIES = {"STAR": 9, "GALAXY": 8, "QSO": 18, DEEP: 4}
"""Copies of each real spectrum; of quasars there are few, and they hold the zero point."""

FAR_COPIES = {"STAR": 0, "GALAXY": 12, "QSO": 18, DEEP: 10}
"""Copies of each of the faint and far ones."""

FARTHEST = {"STAR": 12, "GALAXY": 300, "QSO": 300, DEEP: 300}
"""Most pixels a copy is moved along the lattice: the same object at another redshift."""

VALIDATION_SHARE = 0.1
PARTS = ("mocks", "real", "far")
TRIES = 50


def kind_of(cls: str, models: str | Path) -> str:
    """Of what kind the training spectra of a class are, by the set of models."""
    return DEEP if (cls, str(models)) == ("GALAXY", "deep") else cls


def set_of(population: Path, kind: str, part: str) -> Path:
    """The file of a kind below the directory of the population; part is "train" or "valid"."""
    directory = population.with_name(f"{population.name}-deep") if kind == DEEP else population
    return directory / f"{class_of(kind)}-{part}.npz"


def mocks(kind: str, n: int, seed: int, survey: Survey) -> Spectra:
    """Draw n mock spectra of a kind."""
    rng = np.random.default_rng(seed)
    source = SOURCES[kind](survey)
    instrument = Instrument(survey, LAMOST_SHARE[kind])
    flux, ivar = np.zeros((2, n, WIDE.n), np.float32)
    z = np.zeros(n)
    for row in track(range(n), description=f"{kind} mocks"):
        flux[row], ivar[row], z[row] = _one(source, instrument, rng)
    return _labelled(flux, ivar, z, kind, f"mock-{seed}")


def _one(
    source: Source, instrument: Instrument, rng: np.random.Generator
) -> tuple[Floats, Floats, float]:
    for _ in range(TRIES):
        z = source.redshift(rng)
        sn = float(np.exp(rng.uniform(*np.log(source.sn_range))))
        observed = instrument.observe(rng, source.rest(rng, z), z, sn, source.dark)
        if observed is not None:
            return *observed, z
    raise RuntimeError(f"no usable mock in {TRIES} tries: the templates cover too little")


def real(kind: str, survey: Survey, *, validation: bool, copies: int, seed: int) -> Spectra:
    """The real labelled spectra of a kind; each copy but the first moved, tilted and noisier."""
    rows, z = survey.of_class(kind, validation=validation)
    flux, ivar = (x[rows] for x in survey.spectra)
    return _copied(kind, flux, ivar, z, "real-valid" if validation else "real", copies, seed)


def far(kind: str, survey: Survey, *, validation: bool, copies: int, seed: int) -> Spectra:
    """Copies of the faint and far ones, likewise."""
    spectra, z = survey.far(kind, validation=validation)
    name = "far-valid" if validation else "far"
    return _copied(kind, spectra.flux, spectra.ivar, z, name, copies, seed)


def _copied(
    kind: str, flux: NDArray[Any], ivar: NDArray[Any], z: Floats, name: str, copies: int, seed: int
) -> Spectra:
    rng = np.random.default_rng(seed)
    out_flux, out_ivar = np.zeros((2, len(z) * copies, WIDE.n), np.float32)
    out_z = np.repeat(z, copies)
    for row in range(len(z)):
        for copy in range(copies):
            at = row * copies + copy
            out_flux[at], out_ivar[at] = flux[row], ivar[row]
            if copy:
                spoiled = _spoiled(rng, flux[row], ivar[row])
                out_flux[at], out_ivar[at], out_z[at] = _moved(rng, *spoiled, z[row], kind)
    return _labelled(out_flux, out_ivar, out_z, kind, name)


def _moved(
    rng: np.random.Generator, flux: Floats, ivar: Floats, z: float, kind: str
) -> tuple[Floats, Floats, float]:
    """The spectrum at another redshift of its kind's range, by whole pixels.

    A network that has seen one quasar at one redshift twelve times knows that quasar there.
    """
    low, high = Z_RANGE[kind]
    for pixels in rng.integers(-FARTHEST[kind], FARTHEST[kind] + 1, size=TRIES):
        there = float(z_from_shift(shift_from_z(z) + pixels))
        if low < there < high and (moved_along(ivar, pixels) > 0).sum() >= MIN_PIXELS:
            return moved_along(flux, pixels), moved_along(ivar, pixels), there
    return flux, ivar, z


def _spoiled(rng: np.random.Generator, flux: Floats, ivar: Floats) -> tuple[Floats, Floats]:
    """A tilted copy with, more often than not, 0.3 to 5 times its own noise added."""
    shape, good = tilt(rng), ivar > 0
    variance = np.divide(shape**2, ivar, out=np.zeros(WIDE.n), where=good)
    more = np.exp(rng.uniform(np.log(0.3), np.log(5.0))) if rng.uniform() < 0.6 else 0.0
    noise = more * np.sqrt(variance) * rng.standard_normal(WIDE.n)
    weight = np.divide(1.0, variance * (1 + more**2), out=np.zeros(WIDE.n), where=good)
    return np.where(good, flux * shape + noise, 0.0), weight


def _labelled(flux: NDArray[Any], ivar: NDArray[Any], z: Floats, kind: str, name: str) -> Spectra:
    return Spectra.from_arrays(
        flux,
        ivar,
        loglam=WIDE.loglam,
        ids=[f"{name}-{kind}-{i:06d}" for i in range(len(z))],
        z=z,
        classes=np.full(len(z), class_of(kind)),
        lattice=WIDE,
    )


def main() -> None:
    """Write both sets."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--class", dest="cls", choices=["STAR", "GALAXY", "QSO"], required=True)
    parser.add_argument("--deep", action="store_true", help="galaxies to z = 6.5")
    parser.add_argument("--n", type=int, help="training mocks, by class")
    parser.add_argument("--copies", type=int, help="copies of each real spectrum, by class")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shared", type=Path, default=SHARED, help="directory of the real data")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.deep and arguments.cls != "GALAXY":
        parser.error("--deep is a set of galaxies: give --class GALAXY")
    kind = DEEP if arguments.deep else arguments.cls
    survey = Survey(arguments.shared)
    arguments.out.mkdir(parents=True, exist_ok=True)
    total = arguments.n or MOCKS[kind]
    for name, validation, n, seed in (
        ("train", False, total, 2 * arguments.seed),
        ("valid", True, int(total * VALIDATION_SHARE), 2 * arguments.seed + 1),
    ):
        copies = 1 if validation else arguments.copies or COPIES[kind]
        far_copies = min(1, FAR_COPIES[kind]) if validation else FAR_COPIES[kind]
        parts = [
            mocks(kind, n, seed, survey),
            real(kind, survey, validation=validation, copies=copies, seed=seed),
            far(kind, survey, validation=validation, copies=far_copies, seed=seed + 100),
        ]
        path = arguments.out / f"{arguments.cls}-{name}.npz"
        write_npz(path, Spectra.concatenate(parts))
        print(f"{path}: " + ", ".join(f"{len(p)} {w}" for p, w in zip(parts, PARTS, strict=True)))


if __name__ == "__main__":
    main()
