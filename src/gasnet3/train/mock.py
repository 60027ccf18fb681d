"""Mock spectra drawn from trained models, with their truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from gasnet3.nets.card import ModelError, common_lattice
from gasnet3.nets.model import Model
from gasnet3.solve.prepare import legendre_basis
from gasnet3.solve.templates import Templates
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import C_KM_S, shift_from_z, z_from_shift

BLOCK_ROWS = 1024
"""Spectra drawn together by :func:`draw_blocks`."""

FLUX = 10.0
"""Median flux of a mock, 1e-17 erg/s/cm²/Å."""

DARK = 2e-4
"""Share of negative light beyond which a sample of the population is not drawn from."""

JITTER_PIXELS = 20.0
"""Galaxies and quasars move so far, either way, from a solution of the population."""

STAR_KM_S = 300.0
"""Stellar velocities are even within so much of 0."""

BLUE_NOISE, BLUE_PIXELS = 3.0, 500.0
"""Noise at the blue end over that in the red, and its decay length in pixels, as in SDSS."""


def draw(
    models: Mapping[str, Model],
    n: int,
    *,
    sn: float = 20.0,
    seed: int = 0,
    classes: Sequence[str] | None = None,
    noise: bool = True,
) -> Spectra:
    """Draw spectra from the populations of trained models.

    A solution of the population (coefficients and continuum) is taken at random, moved to a new
    redshift nearby, scaled to a median flux of 10, freed of negative flux, and given noise.

    Parameters
    ----------
    models : mapping of str to Model
        By class, with populations in their cards (:func:`gasnet3.load_models`).
    n : int
        Number of spectra; the classes take turns.
    sn : float
        Median S/N a pixel.
    seed : int
        Same seed, same spectra.
    classes : sequence of str, optional
        Classes to draw, all of ``models`` by default.
    noise : bool
        Whether to add noise; without it ``ivar`` still says ``sn``.

    Returns
    -------
    Spectra
        With redshifts and classes as labels.

    Raises
    ------
    ModelError
        If a class has no model, or its model no population.
    ValueError
        If ``n`` is negative or ``sn`` is not positive.
    """
    if n < 0 or not sn > 0:
        raise ValueError(f"need n >= 0 and sn > 0, got n = {n} and sn = {sn}")
    rng = np.random.default_rng(seed)
    return _draw(models, range(n), rng, sn, f"mock-{seed}", list(classes or models), noise)


def draw_blocks(
    models: Mapping[str, Model],
    n: int,
    *,
    sn: float = 20.0,
    seed: int = 0,
    classes: Sequence[str] | None = None,
) -> Iterator[Spectra]:
    """Draw any number of spectra, a block at a time.

    Parameters
    ----------
    models, n, sn, seed, classes
        See :func:`draw`. Up to :data:`BLOCK_ROWS` spectra are those of :func:`draw`. Of more,
        every block is drawn from the seed and the number of the block, so that with one seed a
        longer run begins with the spectra of a shorter one, both being longer than a block.

    Yields
    ------
    Spectra
        At most :data:`BLOCK_ROWS` of them, with redshifts and classes as labels.

    Raises
    ------
    ModelError, ValueError
        See :func:`draw`.
    """
    if n <= BLOCK_ROWS:
        yield draw(models, n, sn=sn, seed=seed, classes=classes)
        return
    chosen = list(classes or models)
    for block, start in enumerate(range(0, n, BLOCK_ROWS)):
        rng = np.random.default_rng([seed, block])
        numbers = range(start, start + BLOCK_ROWS)
        spectra = _draw(models, numbers, rng, sn, f"mock-{seed}", chosen, noise=True)
        yield spectra[: n - start]


def _draw(
    models: Mapping[str, Model],
    numbers: range,
    rng: np.random.Generator,
    sn: float,
    name: str,
    chosen: Sequence[str],
    noise: bool,
) -> Spectra:
    """The mocks of some numbers; the classes take turns by number."""
    n = len(numbers)
    labels = np.array([chosen[i % len(chosen)] for i in numbers], dtype=np.str_)
    lattice = common_lattice(model.card for model in models.values())
    flux, z = np.zeros((n, lattice.n)), np.zeros(n)
    for cls in chosen:
        rows = np.flatnonzero(labels == cls)
        if cls not in models:
            raise ModelError(f"no model for class {cls}; there are {', '.join(models)}")
        flux[rows], z[rows] = _draw_class(models[cls], len(rows), rng)
    sigma = FLUX / sn * _noise_shape(lattice.n)
    if noise:
        flux += sigma * rng.standard_normal(flux.shape)
    return Spectra.from_arrays(
        flux,
        np.broadcast_to(sigma**-2, flux.shape),
        loglam=lattice.loglam,
        lattice=lattice,
        ids=[f"{name}-{i:06d}" for i in numbers],
        z=z,
        classes=[models[key].card.cls for key in labels],
    )


def _noise_shape(n: int) -> NDArray[np.float64]:
    """Noise along a lattice of n pixels, median 1."""
    pixel = np.arange(n)
    shape = 1.0 + (BLUE_NOISE - 1.0) * np.exp(-pixel / BLUE_PIXELS)
    return np.asarray(shape / np.median(shape))


def _draw_class(
    model: Model, n: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    card, eigenspectra = model.card, model.eigenspectra
    population = card.population
    if eigenspectra is None or not population.get("coeff"):
        raise ModelError(f"{card.name} has no population to draw mock spectra from")
    basis = legendre_basis(card.observed, card.degree)
    templates = Templates.build(eigenspectra, card.shifts, basis)
    coeff, continuum = np.array(population["coeff"]), np.array(population["continuum"])
    usable = np.flatnonzero(_median_level(templates, population, coeff, continuum) > 0)
    pick = rng.choice(usable, n)
    if card.cls == "STAR":
        shift = shift_from_z(rng.uniform(-STAR_KM_S, STAR_KM_S, n) / C_KM_S)
    else:
        shift = shift_from_z(np.array(population["z"])[pick])
        shift = shift + rng.uniform(-JITTER_PIXELS, JITTER_PIXELS, n)
    # A few pixels inside the range: a minimum at its very edge is flagged, rightly.
    shift = np.clip(shift, card.shifts.first + 3.0, card.shifts.last - 3.0)
    flux = _model_flux(templates, shift, coeff[pick], continuum[pick])
    # A polynomial passes below 0 where a spectrum is dark, or had no data: light does not.
    flux = np.maximum(flux / np.median(flux, axis=1, keepdims=True), 0.0)
    return FLUX * flux, z_from_shift(shift)


def _median_level(
    templates: Templates,
    population: Mapping[str, Sequence[float]],
    coeff: NDArray[np.float64],
    continuum: NDArray[np.float64],
) -> NDArray[np.float64]:
    shift = shift_from_z(population["z"])
    flux = _model_flux(templates, shift, coeff, continuum)
    # A spectrum whose scatter dwarfs its level cannot be scaled to a level; one that is dark, or
    # knew nothing somewhere, is not what its model says once its light is no longer negative.
    level, dark = np.median(flux, axis=1), np.maximum(-flux, 0.0).sum(axis=1)
    bad = (level <= 0.3 * flux.std(axis=1)) | (dark > DARK * np.abs(flux).sum(axis=1))
    return np.where(bad, -1.0, level)


def _model_flux(
    templates: Templates,
    shift: NDArray[np.float64],
    coeff: NDArray[np.float64],
    continuum: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Spectra of whole models at fractional shifts, shape (rows, n)."""
    assert templates.basis is not None
    basis = templates.basis.numpy()
    flux = np.empty((len(shift), basis.shape[1]))
    for row in range(len(shift)):  # one at a time: m × n × 8 bytes each
        shape = templates.at(torch.from_numpy(shift[row : row + 1].copy()), basis.shape[1])
        flux[row] = coeff[row] @ shape[0].numpy() + continuum[row] @ basis
    return flux
