"""Narrow emission lines: Gaussians tied in velocity, with one width a family."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gasnet3.machine.typing import Floats
from gasnet3.measurement.templates import PIXEL_KM_S
from gasnet3.measurement.window import Rest
from gasnet3.spectra.atlas import ABSORBED, BLOCKS, FORBIDDEN, PERMITTED
from gasnet3.spectra.lattice import STEP

REACH = 45
"""Pixels on either side of a line that are fitted with it."""

SLOTS = 2
"""Most lines of a block, and most members of a doublet."""

PRIOR_V = (0.0, 150.0)
"""Velocity of the gas about the redshift, km/s: what is expected of lines that are not seen."""

PRIOR_WIDTH = (np.log(120.0), 0.7)
"""ln of the width (σ, km/s), likewise."""

PRIOR_RATIO = 0.3
"""ln of the ratio of both families' widths scatters by this."""

WIDTHS = (15.0, 900.0)
"""Least and largest width, km/s."""

START_PIXELS = np.arange(-6, 7)
START_WIDTH = np.array([60.0, 130.0, 280.0])
"""Velocities (pixels) and widths (km/s) of which the best is where the fit starts."""

SEEN = 0.02
"""Share of it in good pixels below which a line or background cannot be solved for."""

STEPS = 12
"""Most steps of the fit."""

ENOUGH, STUCK = 0.003, 30.0
"""A row is done when a step gains less than this in χ², or when its damping is more than that."""

COVERED = 0.7
"""Share of a line's weight that must lie in good pixels."""


class _Layout(NamedTuple):
    """The lines by block, as arrays; lines that a block lacks have ratio 0.

    Attributes
    ----------
    first : ndarray of int64, shape (blocks,)
        First rest-frame pixel of each block.
    n : int
        Pixels of a block.
    place, ratio : ndarray of float64, shape (blocks, slots, members)
        Rest-frame place in pixels, and strength over that of the column.
    family : ndarray of int64, shape (blocks, slots)
        Of each line.
    used : ndarray of bool, shape (blocks, n)
        Pixels of a block that are near one of its lines.
    """

    first: NDArray[np.int64]
    n: int
    place: Floats
    ratio: Floats
    family: NDArray[np.int64]
    used: NDArray[np.bool_]


def _layout() -> _Layout:
    shape = (len(BLOCKS), SLOTS, SLOTS)
    place, ratio = np.zeros(shape), np.zeros(shape)
    family = np.full(shape[:2], FORBIDDEN)
    first, last = (np.zeros(len(BLOCKS), np.int64) for _ in range(2))
    for b, block in enumerate(BLOCKS):
        waves = np.log10([wave for line in block for wave in line.waves]) / STEP
        first[b] = int(np.floor(waves.min())) - REACH
        last[b] = int(np.ceil(waves.max())) + REACH
        place[b] = waves.mean()
        for slot, line in enumerate(block):
            family[b, slot] = line.family
            for member, wave in enumerate(line.waves):
                place[b, slot, member] = np.log10(wave) / STEP
                ratio[b, slot, member] = line.ratios[member]
    n = int((last - first).max()) + 1
    pixel = first[:, None] + np.arange(n)
    return _Layout(first, n, place, ratio, family, pixel <= last[:, None])


LAYOUT = _layout()
MEMBERS = [tuple(at) for at in np.argwhere(LAYOUT.ratio > 0).tolist()]
"""Block, slot and number in its doublet of each line that there is."""

SLOT = {line.key: (b, slot) for b, block in enumerate(BLOCKS) for slot, line in enumerate(block)}
"""Block and slot of each line."""


@dataclass(frozen=True)
class NarrowFit:
    """Narrow lines, by block and slot.

    Attributes
    ----------
    flux, err : ndarray of float64, shape (rows, blocks, slots)
        Flux times Å, observed frame, and its error with that of velocity and widths; NaN where the
        line is not covered.
    noise : ndarray of float64, shape (rows, blocks, slots)
        The error without that of the starlight.
    level : ndarray of float64, shape (rows, blocks, slots)
        What the fit puts below each line beside the starlight, flux.
    kinematics, kinematics_err : ndarray of float64, shape (rows, 3)
        Velocity of the gas about z, σ of permitted and of forbidden lines, km/s.
    rchi2 : ndarray of float64, shape (rows, blocks)
        Reduced χ² of each block.
    """

    flux: Floats
    err: Floats
    noise: Floats
    level: Floats
    kinematics: Floats
    kinematics_err: Floats
    rchi2: Floats

    def with_rows(self, which: NDArray[np.int64], found: NarrowFit) -> NarrowFit:
        """The same with some rows replaced."""
        whole = {field.name: getattr(self, field.name).copy() for field in fields(self)}
        for name, values in whole.items():
            values[which] = getattr(found, name)
        return NarrowFit(**whole)


class _Data(NamedTuple):
    """What is fitted: residual and weights by block, and where the pixels are."""

    resid: Floats  # (rows, blocks, n)
    ivar: Floats
    place: Floats  # (rows, blocks, n)
    pixel: Floats  # Å a pixel at each line, (rows, blocks, slots)
    spread: Floats  # σ of the spectrograph in pixels, (rows,)


class _State(NamedTuple):
    """The fit at some velocity and widths."""

    kinematics: Floats  # (rows, 3): v, ln σ permitted, ln σ forbidden
    cost: Floats  # (rows,)
    coeff: Floats  # (rows, blocks, slots + 2)
    cov: Floats  # of the coefficients at fixed kinematics
    cross: Floats  # (rows, blocks, slots + 2, 3)
    normal: Floats  # (rows, 3, 3) of the kinematics
    gradient: Floats  # (rows, 3)
    core: Floats  # share of each line in good pixels (rows, blocks, slots)
    chi2: Floats  # (rows, blocks)


def fit_narrow(rest: Rest, resid: Floats, spread: Floats, depth_err: Floats) -> NarrowFit:
    """Fit all narrow lines of spectra.

    Parameters
    ----------
    rest : Rest
        The spectra at their redshifts.
    resid : ndarray of float64, shape (rows, n)
        Flux less what is not of narrow lines.
    spread : ndarray of float64, shape (rows,)
        σ of the line spread in pixels.
    depth_err : ndarray of float64, shape (rows, lines)
        Errors of starlight below the lines of :data:`~gasnet3.spectra.atlas.ABSORBED`.
    """
    data = _gathered(rest, resid, spread)
    state = _evaluate(data, _start(data))
    damping, active = np.full(len(rest), 1e-3), np.arange(len(rest))
    for _ in range(STEPS):
        if not len(active):
            break
        here = _State(*(part[active] for part in state))
        trial = _evaluate(_Data(*(part[active] for part in data)), _stepped(here, damping[active]))
        gain = here.cost - trial.cost
        better = gain > 0
        for new, all_rows in zip(trial, state, strict=True):
            all_rows[active[better]] = new[better]
        damping[active] *= np.where(better, 0.2, 8.0)
        active = active[~(better & (gain < ENOUGH)) & (damping[active] < STUCK)]
    return _result(data, state, depth_err)


def _gathered(rest: Rest, resid: Floats, spread: Floats) -> _Data:
    values = rest.take(resid, LAYOUT.first, LAYOUT.n)
    ivar = rest.take(rest.ivar, LAYOUT.first, LAYOUT.n) * LAYOUT.used
    ivar = np.where(np.isfinite(values), ivar, 0.0)
    place = LAYOUT.first[:, None] + np.arange(LAYOUT.n) - rest.part[:, None, None]
    shift = (rest.whole + rest.part)[:, None, None]
    pixel = 10.0 ** ((LAYOUT.place[..., 0] + shift) * STEP) * (STEP * np.log(10.0))
    return _Data(np.where(ivar > 0, values, 0.0), ivar, place, pixel, spread)


def _profiles(data: _Data, kinematics: Floats) -> tuple[Floats, Floats, Floats]:
    """Lines of flux 1, and what a change of velocity (km/s) and of ln σ makes of them.

    Each of shape (rows, blocks, slots, n).
    """
    own = np.exp(kinematics[:, 1:]) / PIXEL_KM_S
    total = np.sqrt(own**2 + data.spread[:, None] ** 2)
    narrowed = (own / total) ** 2
    shape = (len(kinematics), *LAYOUT.family.shape, LAYOUT.n)
    line, by_v, by_width = (np.zeros(shape) for _ in range(3))
    for b, slot, member in MEMBERS:
        family = LAYOUT.family[b, slot]
        width = total[:, family, None]
        centre = LAYOUT.place[b, slot, member] + kinematics[:, :1] / PIXEL_KM_S
        u = (data.place[:, b] - centre) / width
        one = np.exp(-0.5 * u**2)
        one *= LAYOUT.ratio[b, slot, member] / np.sqrt(2 * np.pi) / width
        one /= data.pixel[:, b, slot, None]
        line[:, b, slot] += one
        by_width[:, b, slot] += one * (u**2 - 1.0) * narrowed[:, family, None]
        by_v[:, b, slot] += one * u / (width * PIXEL_KM_S)
    return line, by_v, by_width


def _basis(data: _Data) -> Floats:
    """The local background: a constant and a slope, shape (1, blocks, 2, n)."""
    slope = np.linspace(-1.0, 1.0, LAYOUT.n)
    both = np.stack([np.ones(LAYOUT.n), slope])
    return np.broadcast_to(both, (len(data.spread), len(BLOCKS), 2, LAYOUT.n))


def _evaluate(data: _Data, kinematics: Floats) -> _State:
    """Solve for fluxes and backgrounds at given kinematics."""
    line, by_v, by_width = _profiles(data, kinematics)
    design = np.concatenate([line, _basis(data)], axis=2)
    weighted = design * data.ivar[:, :, None, :]
    gram = weighted @ design.swapaxes(-1, -2)
    right = (weighted @ data.resid[..., None])[..., 0]
    # Where a line is bright its pixels weigh little: what counts is that they are there.
    square, good = design**2, (data.ivar > 0).astype(np.float64)
    seen_of = (square @ good[..., None])[..., 0]
    cov = _inverse(gram, ~(seen_of > SEEN * square.sum(axis=-1)))
    coeff = (cov @ right[..., None])[..., 0]
    left = data.resid - (coeff[:, :, None, :] @ design)[:, :, 0]
    # Only light that is there says where lines are: absorption that stars do not explain does not.
    seen = np.maximum(coeff[..., :SLOTS], 0.0)
    bend = np.stack([
        (seen[:, :, None, :] @ by_v)[:, :, 0],
        *(((seen * (LAYOUT.family == family))[:, :, None, :] @ by_width)[:, :, 0]
          for family in (PERMITTED, FORBIDDEN)),
    ], axis=2)  # fmt: skip
    cross = weighted @ bend.swapaxes(-1, -2)
    heavy = bend * data.ivar[:, :, None, :]
    own = heavy @ bend.swapaxes(-1, -2) - cross.swapaxes(-1, -2) @ cov @ cross
    chi2 = (data.ivar * left**2).sum(axis=-1)
    pull, stiff = _prior(kinematics)
    cost = chi2.sum(axis=1) + _prior_cost(kinematics)
    negative = np.minimum(coeff[..., :SLOTS], 0.0)
    variance = np.diagonal(cov, axis1=-2, axis2=-1)[..., :SLOTS]
    # χ² may not be lowered by negative lines.
    gain = np.divide(negative**2, variance, out=np.zeros_like(negative), where=variance > 0)
    cost = cost + gain.sum(axis=(1, 2))
    return _State(
        kinematics, cost, coeff, cov, cross, own.sum(axis=1) + stiff,
        (heavy @ left[..., None])[..., 0].sum(axis=1) + pull, _core(data, line), chi2,
    )  # fmt: skip


def _core(data: _Data, line: Floats) -> Floats:
    """Share of each line that lies in good pixels."""
    good = (data.ivar > 0).astype(np.float64)
    whole = LAYOUT.ratio.sum(axis=-1) / data.pixel
    inside = (line @ good[..., None])[..., 0]
    return np.divide(inside, whole, out=np.zeros_like(inside), where=whole > 0)


def _inverse(gram: Floats, dead: NDArray[np.bool_]) -> Floats:
    """Inverse of small matrices; what is dead, as no pixel sees it, has no coefficient."""
    diagonal = np.diagonal(gram, axis1=-2, axis2=-1)
    scale = np.sqrt(np.where(dead, 1.0, diagonal))
    both = dead[..., :, None] | dead[..., None, :]
    unit = np.where(both, 0.0, gram / scale[..., :, None] / scale[..., None, :])
    unit += (1e-9 + dead[..., None]) * np.eye(gram.shape[-1])
    out = np.linalg.inv(unit) / scale[..., :, None] / scale[..., None, :]
    return np.where(both, 0.0, out)


def _prior_cost(kinematics: Floats) -> Floats:
    v, permitted, forbidden = kinematics.T
    return (
        ((v - PRIOR_V[0]) / PRIOR_V[1]) ** 2
        + ((forbidden - PRIOR_WIDTH[0]) / PRIOR_WIDTH[1]) ** 2
        + ((permitted - forbidden) / PRIOR_RATIO) ** 2
    )


def _prior(kinematics: Floats) -> tuple[Floats, Floats]:
    """Half the slope down and half the curvature of the prior's cost."""
    v, permitted, forbidden = kinematics.T
    between = (permitted - forbidden) / PRIOR_RATIO**2
    pull = np.stack([
        -(v - PRIOR_V[0]) / PRIOR_V[1] ** 2, -between,
        between - (forbidden - PRIOR_WIDTH[0]) / PRIOR_WIDTH[1] ** 2,
    ], axis=1)  # fmt: skip
    tie = 1.0 / PRIOR_RATIO**2
    stiff = np.array([
        [PRIOR_V[1] ** -2.0, 0.0, 0.0],
        [0.0, tie, -tie],
        [0.0, -tie, tie + PRIOR_WIDTH[1] ** -2.0],
    ])  # fmt: skip
    return pull, stiff


def _stepped(state: _State, damping: Floats) -> Floats:
    """Kinematics after a damped Newton step, kept within bounds."""
    diagonal = np.diagonal(state.normal, axis1=1, axis2=2)
    normal = state.normal + (damping[:, None] * diagonal)[:, :, None] * np.eye(3)
    step = np.linalg.solve(normal, state.gradient[..., None])[..., 0]
    step = np.clip(step, [-100.0, -0.6, -0.6], [100.0, 0.6, 0.6])
    out = state.kinematics + step
    low, high = np.log(WIDTHS)
    return np.concatenate([np.clip(out[:, :1], -800.0, 800.0), np.clip(out[:, 1:], low, high)], 1)


def _start(data: _Data) -> Floats:
    """Velocity and width at which lines one by one take most off χ², shape (rows, 3)."""
    best = np.full(len(data.spread), -np.inf)
    out = np.zeros((len(data.spread), 3))
    seen, most = data.resid * data.ivar, int(START_PIXELS.max())
    inner = slice(most, LAYOUT.n - most)
    for width in np.log(START_WIDTH):
        line = _profiles(data, np.tile([0.0, width, width], (len(best), 1)))[0][..., inner]
        for step in START_PIXELS.tolist():
            moved = slice(most + step, LAYOUT.n - most + step)
            top = (line @ seen[..., moved, None])[..., 0]
            bottom = (line**2 @ data.ivar[..., moved, None])[..., 0]
            there = (top > 0) & (bottom > 0)
            gain = np.divide(top**2, bottom, out=np.zeros_like(top), where=there)
            trial = np.tile([step * PIXEL_KM_S, width, width], (len(best), 1))
            total = gain.sum(axis=(1, 2)) - _prior_cost(trial)
            take = total > best
            best = np.where(take, total, best)
            out[take] = trial[take]
    return out


def _result(data: _Data, state: _State, depth_err: Floats) -> NarrowFit:
    """Fluxes with the errors of everything, and what was fitted below the lines."""
    whole = np.linalg.inv(state.normal)
    spread = state.cov @ state.cross  # (rows, blocks, slots + 2, 3)
    extra = ((spread @ whole[:, None]) * spread).sum(axis=-1)
    variance = np.diagonal(state.cov, axis1=-2, axis2=-1) + extra
    good = (data.ivar > 0).sum(axis=-1)
    rchi2 = state.chi2 / np.maximum(good - state.coeff.shape[-1], 1)
    told = (state.core >= COVERED) & (LAYOUT.ratio.sum(axis=-1) > 0)
    err = np.sqrt(variance[..., :SLOTS] * np.maximum(rchi2, 1.0)[..., None])
    noise = np.where(told, err, np.nan)
    err = np.hypot(noise, _of_starlight(data, state, depth_err))
    centre = LAYOUT.place[..., 0] - LAYOUT.first[:, None]
    at = 2.0 * centre / (LAYOUT.n - 1) - 1.0
    level = state.coeff[..., SLOTS, None] + state.coeff[..., SLOTS + 1, None] * at
    sigma = np.exp(state.kinematics[:, 1:])
    kin_err = np.sqrt(np.diagonal(whole, axis1=1, axis2=2))
    return NarrowFit(
        np.where(told, state.coeff[..., :SLOTS], np.nan), err, noise, level,
        np.concatenate([state.kinematics[:, :1], sigma], axis=1),
        np.concatenate([kin_err[:, :1], kin_err[:, 1:] * sigma], axis=1), rchi2,
    )  # fmt: skip


def line_width(sigma: Floats, spread: Floats) -> Floats:
    """Flux over flux density, in pixels, that a fit of a line makes of a step below it."""
    return 2.0 * np.sqrt(np.pi) * np.hypot(sigma / PIXEL_KM_S, spread)


def _of_starlight(data: _Data, state: _State, depth_err: Floats) -> Floats:
    """Error of fluxes by that of the starlight below, shape (rows, blocks, slots)."""
    out = np.zeros(data.pixel.shape)
    for column, key in enumerate(ABSORBED):
        b, slot = SLOT[key]
        width = line_width(np.exp(state.kinematics[:, 1 + PERMITTED]), data.spread)
        out[:, b, slot] = depth_err[:, column] * width * data.pixel[:, b, slot]
    return out
