"""Build the training and validation sets of one class: mock survey and real spectra.

    python recipes/population.py --class GALAXY --out runs/population

writes GALAXY-train.npz and GALAXY-valid.npz, which `gasnet3 train recipes/encoder-galaxy.toml`
reads. The same seed gives the same files.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from mock_survey.instrument import MIN_PIXELS, Instrument, moved_along, tilt
from mock_survey.library import SHARED, Z_RANGE, Floats, Survey
from mock_survey.sources import SOURCES, Source
from numpy.typing import NDArray
from rich.progress import track

from gasnet3.io import write_npz
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED, shift_from_z, z_from_shift

LAMOST_SHARE = {"STAR": 0.35, "GALAXY": 0.05, "QSO": 0.05}
MOCKS = {"STAR": 16000, "GALAXY": 16000, "QSO": 18000}
"""Mocks to train on."""

COPIES = {"STAR": 6, "GALAXY": 6, "QSO": 12}
"""Copies of each real spectrum; of quasars there are few, and they hold the zero point."""

FARTHEST = {"STAR": 12, "GALAXY": 300, "QSO": 300}
"""Most pixels a copy is moved along the lattice: the same object at another redshift."""

VALIDATION_SHARE = 0.1
TRIES = 50


def mocks(cls: str, n: int, seed: int, survey: Survey) -> Spectra:
    """Draw n mock spectra of a class."""
    rng = np.random.default_rng(seed)
    source: Source = SOURCES[cls](survey)
    instrument = Instrument(survey, LAMOST_SHARE[cls])
    flux, ivar = np.zeros((2, n, OBSERVED.n), np.float32)
    z = np.zeros(n)
    for row in track(range(n), description=f"{cls} mocks"):
        flux[row], ivar[row], z[row] = _one(source, instrument, rng)
    return _labelled(flux, ivar, z, cls, f"mock-{seed}")


def _one(
    source: Source, instrument: Instrument, rng: np.random.Generator
) -> tuple[Floats, Floats, float]:
    for _ in range(TRIES):
        z = source.redshift(rng)
        sn = float(np.exp(rng.uniform(*np.log(source.sn_range))))
        observed = instrument.observe(rng, source.rest(rng, z), z, sn)
        if observed is not None:
            return *observed, z
    raise RuntimeError(f"no usable mock in {TRIES} tries: the templates cover too little")


def real(cls: str, survey: Survey, *, validation: bool, copies: int, seed: int) -> Spectra:
    """The real labelled spectra of a class; each copy but the first moved, tilted and noisier."""
    rng = np.random.default_rng(seed)
    rows, z = survey.of_class(cls, validation=validation)
    flux, ivar = survey.spectra
    out_flux, out_ivar = np.zeros((2, len(rows) * copies, OBSERVED.n), np.float32)
    out_z = np.repeat(z, copies)
    for i, row in enumerate(rows):
        for copy in range(copies):
            at = i * copies + copy
            out_flux[at], out_ivar[at] = flux[row], ivar[row]
            if copy:
                spoiled = _spoiled(rng, flux[row], ivar[row])
                out_flux[at], out_ivar[at], out_z[at] = _moved(rng, *spoiled, z[i], cls)
    name = "real-valid" if validation else "real"
    return _labelled(out_flux, out_ivar, out_z, cls, name)


def _moved(
    rng: np.random.Generator, flux: Floats, ivar: Floats, z: float, cls: str
) -> tuple[Floats, Floats, float]:
    """The spectrum at another redshift of its class's range, by whole pixels.

    A network that has seen one quasar at one redshift twelve times knows that quasar there.
    """
    low, high = Z_RANGE[cls]
    for pixels in rng.integers(-FARTHEST[cls], FARTHEST[cls] + 1, size=TRIES):
        there = float(z_from_shift(shift_from_z(z) + pixels))
        if low < there < high and (moved_along(ivar, pixels) > 0).sum() >= MIN_PIXELS:
            return moved_along(flux, pixels), moved_along(ivar, pixels), there
    return flux, ivar, z


def _spoiled(rng: np.random.Generator, flux: Floats, ivar: Floats) -> tuple[Floats, Floats]:
    """A tilted copy with, more often than not, 0.3 to 5 times its own noise added."""
    shape, good = tilt(rng), ivar > 0
    variance = np.divide(shape**2, ivar, out=np.zeros(OBSERVED.n), where=good)
    more = np.exp(rng.uniform(np.log(0.3), np.log(5.0))) if rng.uniform() < 0.6 else 0.0
    noise = more * np.sqrt(variance) * rng.standard_normal(OBSERVED.n)
    weight = np.divide(1.0, variance * (1 + more**2), out=np.zeros(OBSERVED.n), where=good)
    return np.where(good, flux * shape + noise, 0.0), weight


def _labelled(flux: NDArray[Any], ivar: NDArray[Any], z: Floats, cls: str, name: str) -> Spectra:
    return Spectra.from_arrays(
        flux,
        ivar,
        loglam=OBSERVED.loglam,
        ids=[f"{name}-{cls}-{i:06d}" for i in range(len(z))],
        z=z,
        classes=np.full(len(z), cls),
    )


def main() -> None:
    """Write both sets."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--class", dest="cls", choices=list(SOURCES), required=True)
    parser.add_argument("--n", type=int, help="training mocks, by class")
    parser.add_argument("--copies", type=int, help="copies of each real spectrum, by class")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shared", type=Path, default=SHARED, help="directory of the real data")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    survey = Survey(arguments.shared)
    arguments.out.mkdir(parents=True, exist_ok=True)
    copies = arguments.copies or COPIES[arguments.cls]
    total = arguments.n or MOCKS[arguments.cls]
    for name, validation, n, repeats, seed in (
        ("train", False, total, copies, 2 * arguments.seed),
        ("valid", True, int(total * VALIDATION_SHARE), 1, 2 * arguments.seed + 1),
    ):
        parts = [
            mocks(arguments.cls, n, seed, survey),
            real(arguments.cls, survey, validation=validation, copies=repeats, seed=seed),
        ]
        path = arguments.out / f"{arguments.cls}-{name}.npz"
        write_npz(path, Spectra.concatenate(parts))
        print(f"{path}: {len(parts[0])} mocks, {len(parts[1])} real")


if __name__ == "__main__":
    main()
