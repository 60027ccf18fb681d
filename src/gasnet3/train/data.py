"""Labelled spectra, prepared once and held in memory as the networks see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gasnet3.io import ReadFailure, ReadOptions, iter_batches
from gasnet3.io.options import DEFAULT
from gasnet3.nets.card import ModelCard
from gasnet3.solve.prepare import prepare
from gasnet3.spectra.lattice import LogLattice, shift_from_z
from gasnet3.train.windows import seen_through

READ_BATCH = 1024


@dataclass(frozen=True)
class TrainingSet:
    """Prepared spectra with their shifts.

    Attributes
    ----------
    flux, ivar : Tensor of float32, shape (rows, n)
        Prepared spectra.
    start : Tensor of int64, shape (rows,)
        First rest-frame pixel each one shows.
    z : Tensor of float64, shape (rows,)
        Labelled redshift.
    continuum : Tensor of float64, shape (rows, degree + 1)
        Subtracted continuum in units of ``norm``.
    left_out : int
        Labelled rows that could not be used: outside the redshift range, or no good pixels.
    lattice : LogLattice
        Observed-frame lattice of the pixels.
    """

    flux: Tensor
    ivar: Tensor
    start: Tensor
    z: Tensor
    continuum: Tensor
    left_out: int
    lattice: LogLattice

    def __len__(self) -> int:
        return len(self.flux)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Flux, ivar and start of the given rows."""
        return self.flux[rows], self.ivar[rows], self.start[rows]

    def seen(self, rows: Tensor, windows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Flux, ivar and start of the given rows, of which only windows were observed.

        ``windows`` holds the first and the last pixel of every row of the set.
        """
        flux, ivar, start = self.batch(rows)
        degree = self.continuum.shape[1] - 1
        return *seen_through(flux, ivar, windows[rows], self.lattice, degree), start


def load_training_set(
    inputs: Sequence[str], card: ModelCard, options: ReadOptions = DEFAULT
) -> TrainingSet:
    """Read and prepare all spectra of the card's class with a redshift in its range.

    Parameters
    ----------
    inputs : sequence of str
        Files, directories and globs.
    card : ModelCard
        The class, the redshift range and the degree of the continuum.
    options : ReadOptions
        What the files do not say.

    Raises
    ------
    ValueError
        If a file cannot be read, or nothing usable is found.
    """
    failures: list[ReadFailure] = []
    parts: list[tuple[Tensor, ...]] = []
    left_out = 0
    shifts = card.shifts
    batches = iter_batches(inputs, READ_BATCH, failures, options=options, lattice=card.observed)
    for spectra in batches:
        labelled = spectra[(spectra.classes == card.cls) & np.isfinite(spectra.z)]
        if not len(labelled):
            continue
        prepared = prepare(labelled, card.degree)
        # A label such as -1 stands for no redshift, and has no shift.
        possible = np.maximum(labelled.z, -0.99)
        nearest = np.rint(shift_from_z(possible)).astype(np.int64)
        inside = (nearest >= shifts.first) & (nearest <= shifts.last)
        keep = torch.from_numpy(inside) & prepared.usable
        left_out += int((~keep).sum())
        start = torch.from_numpy(shifts.start(nearest))
        continuum = prepared.continuum / prepared.norm[:, None]
        z = torch.from_numpy(labelled.z.copy())
        parts.append(tuple(x[keep] for x in (prepared.flux, prepared.ivar, start, z, continuum)))
    if failures:
        raise ValueError("; ".join(f"{f.path}: {f.reason}" for f in failures[:3]))
    if not sum(len(part[0]) for part in parts):
        raise ValueError(
            f"no usable {card.cls} spectra with a redshift in {card.z_min}..{card.z_max} "
            f"in {', '.join(inputs)}"
        )
    flux, ivar, start, z, continuum = (torch.cat(column) for column in zip(*parts, strict=True))
    return TrainingSet(flux, ivar, start, z, continuum, left_out, card.observed)
