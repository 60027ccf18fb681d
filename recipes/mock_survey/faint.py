"""Bright labelled spectra made faint with the noise of real sky fibres."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import WIDE
from gasnet3.train.posterior import SKY
from mock_survey.library import Floats, Survey

HALVINGS = 50


def labelled_as(
    survey: Survey, rows: Sequence[int] | NDArray[np.int64], flux: NDArray[np.float32],
    ivar: NDArray[np.float32], kind: str,
) -> Spectra:  # fmt: skip
    """Spectra with the labels of rows of the shared table; sky fibres have the class SKY."""
    chosen = [survey.rows[i] for i in rows]
    return Spectra.from_arrays(
        flux,
        ivar,
        loglam=WIDE.loglam,
        lattice=WIDE,
        ids=[f"{kind}/{row['survey']}/{row['name']}" for row in chosen],
        z=np.array([
            float(row["z"] or "nan") if row["role"] == "labelled" else np.nan for row in chosen
        ]),
        classes=np.array([SKY if row["role"] == "sky" else row["cls"] for row in chosen]),
    )  # fmt: skip


def made_faint(survey: Survey, sn: ArrayLike, *, validation: bool, seed: int) -> Spectra:
    """The labelled spectra of a part, scaled down under the noise of its sky fibres.

    Parameters
    ----------
    survey : Survey
        The shared spectra.
    sn : array_like, shape () or (rows,)
        Median S/N a pixel that they are to have.
    validation : bool
        Those of the validation groups, or of the training groups.
    seed : int
        Of the noise, and of which sky fibre it is like.
    """
    rng = np.random.default_rng(seed)
    rows = survey.labelled(validation=validation)
    fibres = survey.of_role("sky", validation=validation)
    flux, ivar = survey.spectra
    out = np.zeros((2, len(rows), WIDE.n), np.float32)
    for at, (row, wanted) in enumerate(zip(rows, np.broadcast_to(sn, len(rows)), strict=True)):
        sky = ivar[rng.choice(fibres)].astype(np.float64)
        bright = flux[row].astype(np.float64), ivar[row].astype(np.float64)
        out[0, at], out[1, at] = _under(sky, *bright, float(wanted), rng)
    return labelled_as(survey, rows, out[0], out[1], f"faint-{seed}")


def _under(
    sky: Floats, flux: Floats, ivar: Floats, sn: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """One spectrum under the noise of a sky fibre, and its inverse variance; shapes (n,)."""
    good = (ivar > 0) & (sky > 0)
    own, noise = (np.where(good, 1.0 / np.where(x > 0, x, 1.0), 0.0) for x in (ivar, sky))
    low, high = 1e-6, 1e6
    for _ in range(HALVINGS):
        scale = np.sqrt(low * high)
        total = np.sqrt(scale**2 * own + noise)[good]
        fainter = np.median(scale * flux[good] / total) < sn
        low, high = (scale, high) if fainter else (low, scale)
    scale = np.sqrt(low * high)
    variance = scale**2 * own + noise
    spoiled = scale * flux + rng.normal(size=len(flux)) * np.sqrt(noise)
    weight = np.where(good, 1.0 / np.where(variance > 0, variance, 1.0), 0.0)
    return np.where(good, spoiled, 0.0), weight
