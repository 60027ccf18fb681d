"""Toy models with known eigenspectra, so that tests need no trained weights."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from gasnet3.nets.card import ModelCard
from gasnet3.nets.encoder import Encoder
from gasnet3.nets.model import Model, save_model
from gasnet3.solve.engine import Engine
from gasnet3.solve.prepare import legendre_basis
from gasnet3.solve.templates import Templates
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED, STEP, LogLattice, shift_from_z

Z_RANGE = {"STAR": (-0.005, 0.005), "GALAXY": (0.0, 0.1), "QSO": (0.0, 0.2)}
LINE_WIDTH = {"STAR": 2.5, "GALAXY": 3.0, "QSO": 15.0}


def toy_model(cls: str, m: int = 4, seed: int = 0, lattice: LogLattice = OBSERVED) -> Model:
    """An untrained Encoder whose eigenspectra are random lines of the class's own width."""
    z_min, z_max = Z_RANGE[cls]
    name, on = f"toy-{cls.lower()}", (lattice.k_min, lattice.n)
    card = ModelCard(name, cls, "encoder", {"m": m}, z_min, z_max, 5, *on)
    rng = np.random.default_rng([seed, *cls.encode()])
    pixel = np.arange(card.rest.n)
    lines = np.zeros((m, card.rest.n))
    for row in lines:
        for centre in rng.uniform(0, card.rest.n, 60):
            width = LINE_WIDTH[cls] * rng.uniform(0.8, 1.6)
            row += rng.normal() * np.exp(-0.5 * ((pixel - centre) / width) ** 2)
    torch.manual_seed(seed)
    network = Encoder(card.n, card.rest.n, m)
    with torch.no_grad():
        network.eigenspectra.copy_(torch.from_numpy(lines))
    population = {
        "z_edges": [z_min, 0.5 * (z_min + z_max), z_max],
        "z_count": [500, 500],
        "mean": [0.0] * m,
        "covariance": (4.0 * np.eye(m)).tolist(),
        "limit": 40.0,
        "z": rng.uniform(z_min, z_max, 20).tolist(),
        "coeff": rng.normal(size=(20, m)).tolist(),
        "continuum": np.column_stack([np.full(20, 8.0), rng.normal(size=(20, 5))]).tolist(),
    }
    full = ModelCard(**{**vars(card), "population": population})
    return Model(full, network.eval().requires_grad_(False))


def save_toys(
    directory: Path, classes: Iterable[str] = tuple(Z_RANGE), lattice: LogLattice = OBSERVED
) -> Path:
    """Write the toy models of some classes into a directory, and give it back."""
    for cls in classes:
        model = toy_model(cls, lattice=lattice)
        save_model(model.network, model.card, directory)
    return directory


def toy_engine(cls: str, m: int = 4, seed: int = 0) -> Engine:
    """The engine of a toy model."""
    return Engine(toy_model(cls, m, seed))


def toy_spectra(
    model: Model, z: np.ndarray, sn: float = 50.0, *, noise: bool = True, seed: int = 0
) -> Spectra:
    """Spectra of a toy model at given redshifts, on a tilted continuum of level 10."""
    rng = np.random.default_rng(seed)
    card = model.card
    templates = Templates.build(model.eigenspectra, card.shifts, legendre_basis(card.observed, 5))
    x = np.linspace(-1, 1, card.n)
    flux = np.empty((len(z), card.n))
    for row, shift in enumerate(shift_from_z(z)):
        shape = templates.at(torch.tensor([shift], dtype=torch.float64), card.n)[0].numpy()
        flux[row] = 10.0 + 3.0 * x - 2.0 * x**2 + rng.normal(size=len(shape)) @ shape
    sigma = 10.0 / sn
    if noise:
        flux += sigma * rng.standard_normal(flux.shape)
    ivar = np.full_like(flux, sigma**-2)
    labels = {"z": z, "classes": [card.cls] * len(z)}
    lattice = card.observed
    return Spectra.from_arrays(flux, ivar, loglam=lattice.loglam, lattice=lattice, **labels)


PIXEL = STEP * np.log(10.0)
