"""A second redshift in what a reconstruction leaves: lenses, superpositions, absorbers.

Lines of a known list are looked for together, at every redshift: a comb over the significance
of narrow features. One line agrees with any redshift, so what counts is the strength of all
lines but the strongest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.kernels import comb as kernel
from gasnet3.kernels.library import compiled
from gasnet3.machine.typing import Bools, Floats
from gasnet3.solve.arrays import (
    as_numpy,
    clipped,
    contiguous,
    copied,
    largest,
    like,
    namespace,
    wide,
    widened,
)
from gasnet3.spectra.lattice import STEP, LogLattice
from gasnet3.spectra.lines import LINES

EMISSION = (
    "[O II]", "[Ne III]", "Hγ", "Hβ", "[O III]", "Hα", "[N II]", "[S II]",
)  # fmt: skip
"""Narrow lines of emission-line galaxies, by their names in :data:`gasnet3.spectra.lines.LINES`."""

STRONG = {"[O II]", "[O III]", "Hβ", "Hα", "Mg II", "C IV", "Fe II"}
"""A line of these is among the strongest of a second redshift."""

NEARLY = 0.5
"""How strong it is, squared, beside the strongest."""

ABSORPTION: tuple[tuple[str, float], ...] = (
    ("Si IV", 1393.76), ("Si IV", 1402.77), ("Si II", 1526.71), ("C IV", 1548.20),
    ("C IV", 1550.77), ("Al II", 1670.79), ("Fe II", 2344.21), ("Fe II", 2382.76),
    ("Fe II", 2586.65), ("Fe II", 2600.17), ("Mg II", 2796.35), ("Mg II", 2803.53),
    ("Mg I", 2852.96), ("Ca K", 3934.78), ("Ca H", 3969.59), ("Na D", 5891.58), ("Na D", 5897.56),
)  # fmt: skip
"""Resonance lines of intervening gas: vacuum Å (Morton 2003)."""

MAX_Z = {"emission": 1.5, "absorption": 4.5}
"""Greatest second redshift looked for."""

LEAST, MOST = 3.0, 20.0
"""Significance from which on a feature counts as a line, and beyond which it counts as this."""

APART = {"emission": 0.009, "absorption": 0.01}
"""Least distance of a second redshift from the first, in 1 + z."""

WEAK = (
    3889.74, 3968.59, 4069.75, 4472.73, 4659.35, 4712.69, 4741.49, 5017.08, 5200.53, 5519.24,
    5539.41, 5722.3, 6088.7, 6313.81, 6365.54, 6376.3, 6680.00, 7067.14, 7137.76, 7283.36, 7321.94,
    7332.21, 7753.24, 7894.0, 8448.57, 8619.32, 8667.40, 8752.88, 8865.26, 9017.39, 9231.55,
)  # fmt: skip
"""Weak lines of nebulae and coronal lines, vacuum Å: an object's own may be told by no list."""

OWN_LINE = 10
"""Pixels about the object's own lines that belong to no second redshift."""

OWN_BROAD_LINE = 60
"""Likewise about the broad lines of a quasar."""

REST_K_MIN, REST_K_MAX = 20000, 50000
"""Rest-frame lattice wide enough for every redshift: 100 Å to 10 micron."""

LYMAN_ALPHA = 1215.67

ONE_LINE = 35
"""Lines of a list nearer than so many pixels count as one: a broad feature agrees with both."""

DOUBLETS = {"C IV", "Mg II"}
"""But not these: a narrow pair at their ratio is what people go by."""

AROUND = 3
"""Pixels about the first place of the lines where the best is looked for."""


@dataclass(frozen=True, eq=False)
class SecondRedshift:
    """The best second redshift of each row.

    Attributes
    ----------
    evidence : ndarray of float64, shape (rows,)
        Root of the summed squared significance of all its lines but the strongest; 0 where no
        two lines agree.
    z, wave : ndarray of float64, shape (rows,)
        The redshift, and the observed wavelength of its strongest line in Å; NaN for none.
    absorption : ndarray of bool, shape (rows,)
        Whether it is seen in absorption.
    names : list of str
        Its lines, strongest first.
    """

    evidence: Floats
    z: Floats
    wave: Floats
    absorption: Bools
    names: list[str]


@cache
def comb(kind: str) -> tuple[tuple[str, ...], Floats]:
    """Names and rest wavelengths (vacuum Å) of the lines of one kind."""
    if kind == "absorption":
        return tuple(name for name, _ in ABSORPTION), np.array([wave for _, wave in ABSORPTION])
    lines = [line for line in LINES if line.name in EMISSION and line.wave > 3700.0]
    return tuple(line.name for line in lines), np.array([line.wave for line in lines])


def find_second(
    significance: Any, z: Floats, cls: NDArray[np.str_], lattice: LogLattice
) -> SecondRedshift:
    """Look for a second redshift in each row.

    Emission in all rows; absorption in quasars alone, up to their own redshift: stars and galaxies
    have absorption lines of their own at every wavelength.

    Parameters
    ----------
    significance : Tensor or ndarray, shape (rows, n)
        Of narrow features, signed; 0 where none is to be looked for.
    z, cls : ndarray, shape (rows,)
        The first redshift, and the class.
    lattice : LogLattice
        Observed lattice.
    """
    own = np.log10(1.0 + np.where(np.isfinite(z), z, 0.0)) / STEP
    quasar = cls == "QSO"
    forest = _before(lattice, np.where(quasar, np.log10(LYMAN_ALPHA) / STEP + own, 0.0))
    blank = forest | _own_lines(own, quasar, lattice)
    limit = np.full(len(z), np.log10(1.0 + MAX_Z["emission"]) / STEP)
    best = _search(significance, 1.0, blank, "emission", lattice, own, limit)
    absorbed = np.zeros(len(z), bool)
    if quasar.any():
        rows = np.flatnonzero(quasar)
        some, its = significance[rows.tolist()], own[rows]
        evidence, shift = _search(some, -1.0, blank[rows], "absorption", lattice, its, its)
        more = evidence > best[0][rows]
        absorbed[rows] = more
        best[0][rows[more]], best[1][rows[more]] = evidence[more], shift[more]
    return _described(significance, *best, absorbed, lattice)


def _before(lattice: LogLattice, k: Floats) -> Bools:
    """Pixels of lower index than k, shape (rows, n)."""
    return np.asarray(lattice.k_min + np.arange(lattice.n) < k[:, None])


def _own_lines(own: Floats, quasar: Bools, lattice: LogLattice) -> Bools:
    """Pixels about the emission lines of the object, at its own redshift."""
    out = np.empty((len(own), lattice.n), bool)
    for row, shift in enumerate(np.rint(own).astype(int)):
        first = lattice.k_min - shift - REST_K_MIN
        out[row] = _rest_lines(bool(quasar[row]))[first : first + lattice.n]
    return out


@cache
def _rest_lines(quasar: bool) -> Bools:
    """Pixels about emission lines on a rest-frame lattice from ``REST_K_MIN`` on."""
    k = np.arange(REST_K_MIN, REST_K_MAX)
    out = np.zeros(len(k), bool)
    for line in LINES:
        if line.kind != "absorption":
            reach = OWN_BROAD_LINE if quasar and line.broad else OWN_LINE
            out |= np.abs(k - np.log10(line.wave) / STEP) <= reach
    for wave in WEAK:
        out |= np.abs(k - np.log10(wave) / STEP) <= OWN_LINE
    return out


def _lines(significance: Any, blank: Bools) -> Any:
    """Squared significance of what may be lines, at most one pixel off."""
    xp = namespace(significance)
    shown = xp.where(like(significance, blank), 0.0, significance)
    peak = copied(shown)
    peak[:, 1:] = xp.maximum(peak[:, 1:], shown[:, :-1])
    peak[:, :-1] = xp.maximum(peak[:, :-1], shown[:, 1:])
    return xp.where(peak >= LEAST, clipped(peak, high=MOST) ** 2, 0.0)


def _search(
    significance: Any, sign: float, blank: Bools, kind: str, lattice: LogLattice, own: Floats,
    limit: Floats,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Evidence of the best shift of each row, and the shift; 0 where there is none."""
    teeth = _teeth(kind, lattice.k_min)
    if compiled(significance):
        shown = contiguous(significance)[0]
        return kernel.search(teeth, shown, sign=sign, blank=blank, own=own, limit=limit)
    return _found(teeth, _lines(sign * significance, blank), own, limit)


def _found(teeth: kernel.Comb, strength: Any, own: Floats, limit: Floats) -> tuple[Floats, Floats]:
    """What the search finds, on a GPU or where nothing could be compiled."""
    places, n_shifts = teeth.places, teeth.shifts
    reach = (
        max(0, -int(places.min())), max(0, int(places.max()) + n_shifts - strength.shape[1])
    )  # fmt: skip
    xp, padded = namespace(strength), widened(strength, *reach)
    total = xp.zeros_like(padded[:, :n_shifts])
    strongest, strong = copied(total), copied(total)
    groups = np.split(places, teeth.ends[:-1])
    for group, is_strong in zip(groups, teeth.strong, strict=True):
        lines = [padded[:, at + reach[0] : at + reach[0] + n_shifts] for at in group.tolist()]
        line = reduce(xp.maximum, lines)
        total += line
        strongest = xp.maximum(strongest, line)
        if is_strong:
            strong = xp.maximum(strong, line)
    shifts = np.arange(n_shifts)
    allowed = (np.abs(shifts - own[:, None]) > teeth.apart) & (shifts <= limit[:, None])
    counts = like(total, allowed) & (strong >= NEARLY * strongest)
    best, place_of = largest(xp.where(counts, total - strongest, 0.0))
    return as_numpy(wide(xp.sqrt(clipped(best, 0.0)))), as_numpy(wide(place_of))


@cache
def _teeth(kind: str, k_min: int) -> kernel.Comb:
    """Pixels of the lines at rest, those that count together beside each other."""
    names, rest = comb(kind)
    places = np.rint(np.log10(rest) / STEP).astype(np.int64) - k_min
    groups: list[list[int]] = []
    for i in np.argsort(places):
        near = bool(groups) and places[i] - places[groups[-1][-1]] < ONE_LINE
        if near and names[i] not in DOUBLETS:
            groups[-1].append(int(i))
        else:
            groups.append([int(i)])
    return kernel.Comb(
        places=places[[i for group in groups for i in group]],
        ends=np.cumsum([len(group) for group in groups]),
        strong=np.array([any(names[i] in STRONG for i in group) for group in groups]),
        shifts=int(np.log10(1.0 + MAX_Z[kind]) / STEP),
        apart=float(np.log10(1.0 + APART[kind]) / STEP),
        least=LEAST, most=MOST, nearly=NEARLY,
    )  # fmt: skip


def _described(
    significance: Any, evidence: Floats, shift: Floats, absorbed: Bools,
    lattice: LogLattice,
) -> SecondRedshift:  # fmt: skip
    """The lines of the second redshifts found."""
    z, wave, names = np.full(len(shift), np.nan), np.full(len(shift), np.nan), [""] * len(shift)
    for kind, sign, these in (("emission", 1.0, ~absorbed), ("absorption", -1.0, absorbed)):
        rows = np.flatnonzero(these & (evidence > 0))
        if not len(rows):
            continue
        labels, rest = comb(kind)
        values = sign * as_numpy(significance[rows.tolist()])
        middle = np.log10(rest) / STEP + shift[rows, None]
        moved, strength = _shown(values, np.rint(middle).astype(int) - lattice.k_min)
        shift[rows] += moved
        z[rows] = 10.0 ** (STEP * shift[rows]) - 1.0
        order, count = np.argsort(-strength, axis=1, kind="stable"), (strength >= LEAST).sum(axis=1)
        wave[rows] = np.where(count > 0, rest[order[:, 0]] * (1.0 + z[rows]), np.nan)
        for row, by_strength, many in zip(rows, order.tolist(), count.tolist(), strict=True):
            names[row] = ", ".join(dict.fromkeys(labels[i] for i in by_strength[:many]))
    return SecondRedshift(evidence, z, wave, absorbed, names)


def _shown(
    values: NDArray[np.floating[Any]], middle: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.floating[Any]]]:
    """By how many pixels lines are best moved, (rows,); and how strong they then are."""
    pixel = middle[..., None] + np.arange(-AROUND, AROUND + 1)
    inside = (pixel >= 0) & (pixel < values.shape[1])
    row = np.arange(len(values))[:, None, None]
    near = np.where(inside, values[row, np.where(inside, pixel, 0)], 0.0)
    best = np.clip(near, 0.0, MOST).sum(axis=1).argmax(axis=1)
    about = np.clip(best[:, None] + np.arange(-1, 2), 0, 2 * AROUND)
    return best - AROUND, np.take_along_axis(near, about[:, None], axis=2).max(axis=2)
