"""Rest-frame spectra of the three classes, drawn from the template libraries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter1d

from gasnet3.spectra.lattice import C_KM_S, WIDE, shift_from_z
from mock_survey.intergalactic import LYMAN_ALPHA, TRUSTED, extended, forest
from mock_survey.library import DEEP, K_MIN, PIXELS, WAVE, Floats, Survey, level_one
from mock_survey.lines import (
    QUASAR_LINES,
    broad_absorption,
    broad_balmer,
    chromosphere,
    emission,
    nebula,
    smooth,
)
from mock_survey.ultraviolet import FOREST_Z, with_ultraviolet

PIXEL_KM_S = 69.0

ULTRAVIOLET_Z = 0.9
"""Redshift from which a galaxy's template, if it is a stack, ends in the observed window."""

RARE = {"CalciumWD", "Carbon", "Ldwarf", "WDcooler", "WDhotter", "WDmagnetic"}
"""Kinds of star with one archetype for the whole kind."""

RARE_WEIGHT = 4.0
"""How much more often those are drawn than an archetype that has neighbours."""


ACTIVE_SHARE = 0.25
"""Share of M archetypes drawn with the emission lines of an active chromosphere."""

WHITE_DWARFS = 6
"""Place of the white dwarfs among the stellar bases."""


class Source(ABC):
    """One class: where its redshifts and its rest-frame spectra come from."""

    sn_range: tuple[float, float]
    """Median S/N a pixel, drawn evenly in its logarithm."""

    dark = 0.0
    """Rest wavelength in Å blueward of which nothing need be seen."""

    @abstractmethod
    def redshift(self, rng: np.random.Generator) -> float:
        """A redshift."""

    @abstractmethod
    def rest(self, rng: np.random.Generator, z: float) -> Floats:
        """A rest-frame spectrum, NaN outside its coverage, shape (PIXELS,)."""


class Star(Source):
    """Stars from O to L, white dwarfs, carbon stars, cataclysmic variables, close pairs."""

    sn_range = (2.0, 100.0)

    def __init__(self, survey: Survey) -> None:
        names = ("boss-star-archetypes", "pyhammer-star-archetypes", "bochanski-mdwarf-archetypes")
        self.archetypes = [survey.star_archetypes(name) for name in names]
        donors = self.archetypes[0][0]
        self.archetypes[1:] = [
            (np.array([lengthened(row, donors) for row in rows]), labels)
            for rows, labels in self.archetypes[1:]
        ]
        self.bases = [
            (survey.template(f"redrock-star-{kind}-basis"),
             survey.archetypes(f"redrock-star-{kind}-basis"))
            for kind in ("a", "b", "f", "g", "k", "m", "wd")
        ]  # fmt: skip
        self.variable = survey.template("boss-cv-basis")

    def redshift(self, rng: np.random.Generator) -> float:
        """Mostly slow; one in five anywhere in the scanned range."""
        slow = rng.uniform() < 0.8
        return float((rng.normal(0, 120) if slow else rng.uniform(-1400, 1400)) / C_KM_S)

    def rest(self, rng: np.random.Generator, z: float) -> Floats:
        """An archetype, a draw from a basis, a cataclysmic variable, or a close pair."""
        kind = rng.choice(5, p=[0.42, 0.25, 0.05, 0.24, 0.04])
        if kind < 3:
            rows, labels = self.archetypes[kind]
            weight = np.array([RARE_WEIGHT if label in RARE else 1.0 for label in labels])
            pick = rng.choice(len(rows), p=weight / weight.sum())
            flux = level_one(rows[pick])
            active = labels[pick][:1] in ("M", "m") and rng.uniform() < ACTIVE_SHARE
            return flux + emission(chromosphere(rng)) if active else flux
        if kind == 3:
            # More A and white dwarf rows hold more different spectra than their number says.
            pick = rng.choice(len(self.bases), p=[0.14, 0.10, 0.16, 0.16, 0.16, 0.12, 0.16])
            return self._from_basis(rng, pick)
        if rng.uniform() < 0.5:
            return level_one(self.variable[0] + 0.3 * rng.normal() * self.variable[1])
        return self._pair(rng)

    def _from_basis(self, rng: np.random.Generator, pick: int) -> Floats:
        basis, coeff = self.bases[pick]
        return level_one(coeff[rng.integers(len(coeff))] @ basis)

    def _pair(self, rng: np.random.Generator) -> Floats:
        """A white dwarf with an M dwarf beside it, most of them active."""
        rows, _ = self.archetypes[2]
        dwarf = level_one(rows[rng.integers(len(rows))])
        if rng.uniform() < 0.6:
            dwarf = dwarf + emission(chromosphere(rng))
        white = self._from_basis(rng, WHITE_DWARFS)
        near = (WAVE > 6500) & (WAVE < 7500)
        share = rng.uniform(0.15, 0.85)
        return level_one(
            white / np.nanmedian(white[near]) * share
            + dwarf / np.nanmedian(dwarf[near]) * (1 - share)
        )


class Galaxy(Source):
    """Galaxies from quiescent to extreme emission line, and nuclei their starlight outshines."""

    sn_range = (1.0, 60.0)

    def __init__(self, survey: Survey) -> None:
        self.basis = survey.template("redrock-galaxy-basis")
        self.coeff = survey.archetypes("redrock-galaxy-basis")
        self.populations = survey.template("redmonster-ssp-galaxy-archetypes")
        self.boss = survey.template("boss-galaxy-basis")
        self.boss_coeff = survey.fitted(self.boss, "GALAXY")
        labels = survey.labels("composites")
        stacks = survey.template("composites")
        self.stacks = [stacks[labels.index(name)] for name in ("DR16LRG", "DR16_ELG")]

    def redshift(self, rng: np.random.Generator) -> float:
        """Even to 1.8, with more at low redshift."""
        kind = rng.choice(3, p=[0.41, 0.46, 0.13])
        return float((rng.uniform(0, 0.4), rng.uniform(0, 1.8), abs(rng.normal(0, 0.1)))[kind])

    def rest(self, rng: np.random.Generator, z: float) -> Floats:
        """A draw of one of the libraries, with lines added to some."""
        flux = self._drawn(rng)
        return with_ultraviolet(rng, flux, z) if z > ULTRAVIOLET_Z else flux

    def _drawn(self, rng: np.random.Generator) -> Floats:
        kind = rng.choice(4, p=[0.45, 0.30, 0.17, 0.08])
        draw = (self._from_basis, self._from_populations, self._from_boss, self._from_stack)[kind]
        return draw(rng)

    def _from_basis(self, rng: np.random.Generator) -> Floats:
        i, j = rng.integers(len(self.coeff), size=2)
        part = 0.5 * rng.uniform()
        unit = [self.coeff[k] / np.abs(self.coeff[k]).sum() for k in (i, j)]
        flux = level_one((unit[0] * (1 - part) + unit[1] * part) @ self.basis)
        return flux + self._lines(rng, share=0.3, median=8.0, scatter=1.0)

    def _from_populations(self, rng: np.random.Generator) -> Floats:
        i, j = rng.integers(len(self.populations), size=2)
        part = rng.uniform()
        mix = level_one(self.populations[i]) * (1 - part) + level_one(self.populations[j]) * part
        moved = gaussian_filter1d(np.nan_to_num(mix), rng.uniform(50, 350) / PIXEL_KM_S)
        flux = level_one(np.where(np.isfinite(mix), moved, np.nan))
        broad = rng.lognormal(np.log(35), 0.8) if rng.uniform() < 0.2 else 0.0
        if broad and rng.uniform() < 0.5:  # the nucleus shows in the continuum too
            flux = flux + 0.4 * rng.uniform() * level_one((WAVE / 5000) ** rng.normal(-1.2, 0.4))
        return flux + self._lines(rng, share=0.75, median=12.0, scatter=1.3, broad=broad)

    def _from_boss(self, rng: np.random.Generator) -> Floats:
        i, j = rng.integers(len(self.boss_coeff), size=2)
        part = 0.4 * rng.uniform()
        flux = level_one((self.boss_coeff[i] * (1 - part) + self.boss_coeff[j] * part) @ self.boss)
        broad = rng.lognormal(np.log(35), 0.8) if rng.uniform() < 0.3 else 0.0
        return flux + self._lines(rng, share=0.3, median=8.0, scatter=1.0, broad=broad)

    def _from_stack(self, rng: np.random.Generator) -> Floats:
        flux = level_one(self.stacks[rng.integers(len(self.stacks))])
        return flux + self._lines(rng, share=0.3, median=20.0, scatter=1.0)

    @staticmethod
    def _lines(
        rng: np.random.Generator, share: float, median: float, scatter: float, broad: float = 0.0
    ) -> Floats:
        if rng.uniform() > share:
            return np.zeros(PIXELS)
        return emission(nebula(rng, rng.lognormal(np.log(median), scatter), broad))


class DeepGalaxy(Galaxy):
    """Galaxies as deep fields have them: those of the other set, and young ones to z = 6.5."""

    sn_range = (0.5, 40.0)
    dark = LYMAN_ALPHA

    def redshift(self, rng: np.random.Generator) -> float:
        """Two in five as in the other set, the others farther."""
        kind = rng.choice(3, p=[0.40, 0.12, 0.48])
        return (super().redshift(rng), rng.uniform(1.5, 3.0), rng.uniform(2.4, 6.5))[kind]

    def rest(self, rng: np.random.Generator, z: float) -> Floats:
        """As in the other set, or the bluest of some draws with a young ultraviolet."""
        if z < 1.4 or (z < 2.6 and rng.uniform() < 0.25):
            return super().rest(rng, z)
        draws = [self._drawn(rng) for _ in range(6)]
        return with_ultraviolet(rng, max(draws, key=_blueness), z, rng.uniform(1600, 2700))


def _blueness(flux: Floats) -> float:
    near, far = (WAVE > 2700) & (WAVE < 2900), (WAVE > 4000) & (WAVE < 4300)
    return float(np.nan_to_num(np.nanmedian(flux[near]) / np.nanmedian(flux[far])))


class Quasar(Source):
    """Quasars to z = 7: weak- and strong-lined, reddened, absorbed, in a host at low redshift."""

    sn_range = (1.0, 50.0)
    dark = LYMAN_ALPHA

    def __init__(self, survey: Survey) -> None:
        names = ("redrock-qso-loz-basis", "redrock-qso-hiz-basis", "yip-qso-basis",
                 "boss-qso-basis-55732")  # fmt: skip
        bases = [survey.template(name)[:5] for name in names]
        self.bases = [(basis, survey.fitted(basis, "QSO")) for basis in bases]
        labels = survey.labels("composites")
        stacks = survey.template("composites")
        self.stacks = [stacks[i] for i, name in enumerate(labels) if not name.startswith("DR16")]
        self.host = survey.template("redrock-galaxy-basis")
        self.host_coeff = survey.archetypes("redrock-galaxy-basis")

    def redshift(self, rng: np.random.Generator) -> float:
        """Even to 5, with more where quasars are, where their hosts show, and some beyond."""
        ranges = ((0.0, 5.0), (0.03, 3.2), (0.01, 0.5), (4.5, 7.0))
        return float(rng.uniform(*ranges[rng.choice(4, p=[0.30, 0.40, 0.16, 0.14])]))

    def rest(self, rng: np.random.Generator, z: float) -> Floats:
        """A nucleus, then what lies around it and on the way."""
        kind = rng.choice(3, p=[0.84, 0.08, 0.08])
        draw = (self._from_basis, self._from_stack, self._from_lines)[kind]
        flux = draw(rng, z) * (WAVE / 3000) ** rng.normal(0, 0.4)
        if rng.uniform() < 0.15:  # reddened by dust as in the SMC
            flux = flux * 10 ** (-1.6 * rng.exponential(0.15) * (WAVE / 3000) ** -1.2)
        flux = level_one(flux)
        if z < 1.0 and rng.uniform() < 0.6:
            narrow = emission(nebula(rng, rng.lognormal(np.log(7), 0.7)))
            flux = flux + narrow * np.nanmedian(flux[(WAVE > 3000) & (WAVE < 4000)])
        if z < 0.6 and rng.uniform() < 0.45:
            flux = self._in_host(rng, flux)
        if z > FOREST_Z:
            flux = extended(rng, flux) * forest(rng, z)
        if z > 1.5 and rng.uniform() < 0.12:
            flux = flux * broad_absorption(rng)
        return flux

    def _from_basis(self, rng: np.random.Generator, z: float) -> Floats:
        """A mix of two real quasars' coefficients that is positive in the observed window."""
        # SDSS's own basis (the last) defines the zero point of the labels, to 0.5 to 1.5 pixel:
        # redrock's for high redshift puts the same quasars 3 pixels redder at z > 2.3, with four
        # times the scatter. The others are there for their shapes, and kept few.
        share = [0.35, 0.05, 0.15, 0.45] if z < 0.9 else [0.05, 0.05, 0.08, 0.82]
        first = WIDE.k_min - int(np.rint(shift_from_z(z))) - K_MIN
        for _ in range(10):
            basis, coeff = self.bases[rng.choice(len(self.bases), p=share)]
            i, j = rng.integers(len(coeff), size=2)
            part = 0.6 * rng.uniform()
            flux = (coeff[i] * (1 - part) + coeff[j] * part) @ basis
            window = slice(first, first + WIDE.n)
            seen = flux[window][WAVE[window] > TRUSTED]
            # NaN counts as not positive: a basis that ends in the window is drawn again.
            if (seen > 0).mean() > 0.97:
                break
        return _lines_scaled(rng, level_one(flux), 0.35)

    def _from_stack(self, rng: np.random.Generator, z: float) -> Floats:
        return _lines_scaled(rng, level_one(self.stacks[rng.integers(len(self.stacks))]), 0.4)

    @staticmethod
    def _from_lines(rng: np.random.Generator, z: float) -> Floats:
        """A power law with lines of any strength: weak-lined quasars, and odd ones."""
        flux = level_one((WAVE / 3000) ** rng.normal(-1.4, 0.5))
        sigma, strength = rng.lognormal(np.log(2000), 0.35), rng.lognormal(-0.2, 0.6)
        lines = [
            (wave, width * strength * rng.lognormal(0, 0.4), sigma * rng.lognormal(0, 0.2))
            for wave, width in QUASAR_LINES
        ]
        return np.asarray(flux * (1 + emission(lines)))

    def _in_host(self, rng: np.random.Generator, flux: Floats) -> Floats:
        """The nucleus with starlight of its host, which it outshines: else it is a galaxy."""
        host = self.host_coeff[rng.integers(len(self.host_coeff))] @ self.host
        near = (WAVE > 4000) & (WAVE < 5500)
        share = 0.5 * rng.beta(1.2, 2)
        flux = (
            flux / np.nanmedian(flux[near]) * (1 - share)
            + host / np.nanmedian(host[near]) * share
        )  # fmt: skip
        if share > 0.15 or rng.uniform() < 0.5:
            width, h_alpha = rng.uniform(800, 3500), rng.lognormal(np.log(170), 0.5)
            lines = broad_balmer(h_alpha, width, decrement=4.0 * rng.lognormal(0, 0.2))
            flux = flux + emission(lines)
        return flux


def _lines_scaled(rng: np.random.Generator, flux: Floats, scatter: float) -> Floats:
    """Lines stronger or weaker by one random factor, over the same continuum."""
    continuum = np.where(np.isfinite(flux), smooth(flux), np.nan)
    return np.asarray(continuum + (flux - continuum) * rng.lognormal(0, scatter))


def lengthened(flux: Floats, donors: Floats) -> Floats:
    """A star's spectrum with the ends of the most similar one that reaches farther.

    Parameters
    ----------
    flux : ndarray, shape (PIXELS,)
        NaN outside its coverage.
    donors : ndarray, shape (stars, PIXELS)
        Spectra that reach farther.
    """
    good = np.flatnonzero(np.isfinite(flux))
    first, last = good[0] + 2, good[-1] - 2
    out = flux.copy()
    for lacking, near in (
        (slice(last, PIXELS), slice(last - 1500, last)),
        (slice(0, first), slice(first, first + 1500)),
    ):
        own, theirs = flux[near], donors[:, near]
        scale = (theirs * own).sum(axis=1) / (theirs**2).sum(axis=1)
        best = int(np.nanargmin(((own - scale[:, None] * theirs) ** 2).sum(axis=1)))
        edge = (
            slice(near.stop - 60, near.stop) if lacking.stop == PIXELS else slice(first, first + 60)
        )
        level = np.median(flux[edge]) / np.median(donors[best, edge])
        out[lacking] = level * donors[best, lacking]
    return out


SOURCES: dict[str, Callable[[Survey], Source]] = {
    "STAR": Star,
    "GALAXY": Galaxy,
    "QSO": Quasar,
    DEEP: DeepGalaxy,
}
"""Sources by kind."""
