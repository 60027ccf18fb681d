"""Template libraries as redrock and spec1d write them, with templates that tests know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

STAR_GRID = 3200.0 + 0.5 * np.arange(14000)
"""Å: what star templates need for spectra of 3600 to 9200 Å, and finer than the lattice there."""


def shapes(m: int, grid: np.ndarray, seed: int = 0, width: float = 0.002) -> np.ndarray:
    """Positive templates: a slope, and lines of their own, shape (m, pixels)."""
    rng = np.random.default_rng(seed)
    ln = np.log(grid)
    out = np.empty((m, len(grid)))
    for row in range(m):
        out[row] = 2.0 + rng.uniform(-1, 1) * (ln - ln.mean())
        for centre in rng.uniform(ln[0], ln[-1], 80):
            out[row] += rng.normal(0, 0.4) * np.exp(-0.5 * ((ln - centre) / width) ** 2)
    return out


def write_redrock(
    path: Path,
    flux: np.ndarray,
    grid: np.ndarray,
    cls: str,
    subclass: str = "",
    *,
    z: tuple[float, float] | None = None,
    coeff: np.ndarray | None = None,
    log: bool = False,
    without: tuple[str, ...] = (),
    **more: Any,
) -> Path:
    """Write an ``rrtemplate-*.fits``; ``grid`` is log10 of Å where ``log``."""
    image = fits.PrimaryHDU(flux)
    image.header["EXTNAME"] = "BASIS_VECTORS"
    keywords = {
        "CRVAL1": grid[0], "CDELT1": grid[1] - grid[0], "LOGLAM": log, "RRTYPE": cls,
        "RRSUBTYP": subclass, "VERSION": "0.1", **more,
    }  # fmt: skip
    image.header.update({key: v for key, v in keywords.items() if key not in without})
    hdus = [image]
    if z is not None:
        hdus.append(fits.ImageHDU(np.linspace(*z, 50), name="REDSHIFTS"))
    if coeff is not None:
        hdus.append(fits.ImageHDU(coeff, name="ARCHETYPE_COEFF"))
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def write_spec1d(path: Path, flux: np.ndarray, k0: int, cls: str, names: tuple[str, ...]) -> Path:
    """Write an ``spEigen*.fits``; without names its templates are one basis."""
    image = fits.PrimaryHDU(flux.astype(np.float32))
    image.header.update({"OBJECT": cls, "COEFF0": k0 * 1e-4, "COEFF1": 1e-4})
    kind = {f"NAME{i}": name for i, name in enumerate(names)} or {"EIGEN0": 1.0}
    image.header.update(kind)
    image.writeto(path, overwrite=True)
    return path


def star_library(directory: Path) -> list[Path]:
    """Two kinds of stars, of three templates each."""
    return [
        write_redrock(
            directory / f"rrtemplate-STAR-{sub}.fits", shapes(3, STAR_GRID, seed), STAR_GRID,
            "STAR", sub, coeff=np.random.default_rng(seed).uniform(0.5, 1.0, (20, 3)),
        )
        for sub, seed in (("K", 1), ("M", 2))
    ]  # fmt: skip


def qso_library(directory: Path) -> list[Path]:
    """Quasars of two ranges of redshift, which overlap."""
    made = []
    for sub, (low, high), seed in (("LOZ", (0.05, 1.6), 3), ("HIZ", (1.4, 3.5), 4)):
        first, last = np.log10(3590 / (1 + high)), np.log10(9220 / (1 + low))
        grid = np.round(first, 4) + 1e-4 * np.arange(int((last - first) / 1e-4) + 2)
        flux = shapes(2, 10**grid, seed, width=0.01)
        made.append(
            write_redrock(
                directory / f"rrtemplate-QSO-{sub}.fits", flux, grid, "QSO", sub,
                z=(low, high), log=True, RRIGM="Kamble20",
            )
        )  # fmt: skip
    return made
