"""Arms of one spectrum that lie in arrays of their own: joined where they tile the wavelengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.flags import ZWarn
from gasnet3.io.generic.noise import NOISE_KEY
from gasnet3.io.generic.roles import PIXEL_ROLES, Held, Roles, RolesError, recognise
from gasnet3.io.options import DEFAULT, ReadOptions
from gasnet3.spectra.batch import COARSE, NATIVE_PIXEL, UNCALIBRATED, Spectra

MOST = 6
"""So many arms a spectrum may have; more are orders of an echelle, or objects."""

SHARED = 0.5
"""Arms have less than this part of the shorter one's range in common; spectra have more."""


def arms_among(arrays: Sequence[Held], options: ReadOptions = DEFAULT) -> list[list[Held]]:
    """Arrays of each of several arms, by what their names begin with; [] where there are none.

    An arm has a flux and wavelengths of its own, as ``spectra_b.flux`` and
    ``spectra_b.wavelength``. Where the user says which array is what there are none.
    """
    if any(role in PIXEL_ROLES for role, _ in options.columns):
        return []
    groups: dict[str, list[Held]] = {}
    for one in arrays:
        prefix = one.name.rpartition(".")[0]
        if one.along == "pixels" and prefix:
            groups.setdefault(prefix, []).append(one)
    arms = [group for group in groups.values() if _is_whole(group)]
    return arms if 2 <= len(arms) <= MOST else []


def _is_whole(arrays: Sequence[Held]) -> bool:
    try:
        recognise(arrays)
    except RolesError:
        return False
    return True


def tile(roles: Sequence[Roles]) -> bool:
    """Whether the first spectra of several sets of arrays have wavelengths next to each other."""
    if not 2 <= len(roles) <= MOST:
        return False
    ends = []
    for one in roles:
        wave = one.arrays.get("wave", one.arrays.get("loglam"))
        values = None if wave is None else _first(wave.load(slice(0, 1)))
        if values is None or values.size < 2:
            return False
        ends.append((float(values.min()), float(values.max())))
    return all(
        min(one[1], other[1]) - max(one[0], other[0])
        < SHARED * min(one[1] - one[0], other[1] - other[0])
        for one, other in combinations(ends, 2)
    )


def _first(values: Any) -> NDArray[Any] | None:
    row = values[0] if isinstance(values, list) or np.ndim(values) == 2 else values
    numbers = np.asarray(row, np.float64)
    return numbers[np.isfinite(numbers) & (numbers > 0)] if numbers.ndim == 1 else None


def joined(arms: Sequence[Spectra], names: Sequence[str]) -> Spectra:
    """The mean of arms on one lattice, weighted by ivar; labels and keys are those of the first.

    ValueError if they cover the same wavelengths in a spectrum: then they are no arms.
    """
    good = [arm.ivar > 0 for arm in arms]
    for one, other in combinations(range(len(arms)), 2):
        shared = (good[one] & good[other]).sum(axis=1)
        least = np.minimum(good[one].sum(axis=1), good[other].sum(axis=1))
        if (shared > SHARED * least).any():
            raise ValueError(
                f"{names[one]} and {names[other]} have a flux each, over the same wavelengths: say "
                "which it is with --column flux=NAME"
            )
    weight = sum(arm.ivar.astype(np.float64) for arm in arms)
    total = sum(arm.flux.astype(np.float64) * arm.ivar for arm in arms)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        flux = np.where(weight > 0, total / weight, 0.0)
    zwarn = np.bitwise_or.reduce([arm.zwarn for arm in arms]) & ~int(ZWarn.NODATA)
    empty = np.bitwise_and.reduce([arm.zwarn for arm in arms]) & int(ZWarn.NODATA)
    kind = arms[0].flux.dtype
    return replace(
        arms[0], flux=flux.astype(kind), ivar=np.asarray(weight).astype(kind), zwarn=zwarn | empty,
        meta={**arms[0].meta, **_keys(arms, good)},
    )  # fmt: skip


def _keys(arms: Sequence[Spectra], good: Sequence[NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """Key columns that all arms have a part in."""
    keys: dict[str, NDArray[Any]] = {}
    for name in (NOISE_KEY, UNCALIBRATED):
        if any(name in arm.meta for arm in arms):
            none = np.zeros(len(arms[0]), bool)
            keys[name] = np.logical_or.reduce([arm.meta.get(name, none) for arm in arms])
    if any(NATIVE_PIXEL in arm.meta for arm in arms):
        count = np.array([one.sum(axis=1) for one in good], np.float64)
        sizes = [arm.meta.get(NATIVE_PIXEL, np.ones(len(arm))) for arm in arms]
        own = (count / np.nan_to_num(sizes, nan=1.0)).sum(axis=0)
        size = np.divide(count.sum(axis=0), own, out=np.ones(len(own)), where=own > 0)
        keys[NATIVE_PIXEL] = np.where(size > COARSE, size, np.nan)
    return keys
