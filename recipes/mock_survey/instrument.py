"""What telescope, air and spectrograph do to a spectrum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import shift as moved

from gasnet3.spectra.lattice import WIDE, shift_from_z
from gasnet3.train.windows import SURVEYS, random_windows
from mock_survey.library import K_MIN, Floats, Survey

TELLURIC = (
    (6276, 6320, 0.05), (6864, 6950, 0.18), (7160, 7340, 0.08), (7592, 7690, 0.45),
    (8120, 8340, 0.07), (8940, 9200, 0.15),
)  # fmt: skip
"""Bands of O2 and H2O in vacuum Å with typical depths: LAMOST leaves them in its spectra."""

SKY_SHARE = 0.3
"""Share of mocks whose noise is the residual of a true sky fibre."""

MIN_PIXELS = 1000
"""Fewest good pixels of a mock."""

MIN_BRIGHT = 150
"""Fewest of those redward of what may be dark: the forest of a distant object."""

SURVEY_SHARES = {"SDSS-I": 0.33, "BOSS": 0.28, "DESI": 0.17}
"""Shares of the mocks not observed as by LAMOST; the others are seen through random windows."""

FAR_RED = 9200.0
"""Beyond this wavelength in Å only the noise of BOSS's spectrograph is known."""


class Instrument:
    """Noise, masks and calibration errors of real surveys.

    Parameters
    ----------
    survey : Survey
        Where the real ivar and sky residuals come from.
    lamost_share : float
        Share of mocks observed as by LAMOST: its coverage, noise, telluric bands and wavy
        flux calibration.
    """

    def __init__(self, survey: Survey, lamost_share: float) -> None:
        self.flux, self.ivar = survey.spectra
        self.sdss, self.lamost = survey.noise_rows("SDSS"), survey.noise_rows("LAMOST")
        self.far_red = np.intersect1d(self.sdss, survey.wide_rows)
        self.sky = survey.sky_rows()
        self.lamost_share = lamost_share

    def observe(
        self, rng: np.random.Generator, rest: Floats, z: float, sn: float, dark: float = 0.0
    ) -> tuple[Floats, Floats] | None:
        """Flux and ivar of a rest-frame spectrum as observed, each of shape (n,).

        Parameters
        ----------
        rng, rest, z, sn
            Random numbers, the spectrum on the rest lattice, its redshift, its median S/N.
        dark : float
            Rest wavelength in Å blueward of which nothing need be seen.

        Returns
        -------
        tuple or None
            None where the template covers too little of the window, or is not positive.
        """
        flux, covered = at_redshift(rest, z)
        if covered.sum() < MIN_PIXELS:
            return None
        flux = flux / brightness(flux[covered]) * tilt(rng)
        if rng.uniform() < 0.3:
            flux = flux * waves(rng, rng.exponential(0.015))
        if rng.uniform() < 0.5:
            flux = flux * reddening(rng.exponential(0.12))
        as_lamost = rng.uniform() < self.lamost_share
        if as_lamost:
            flux = flux * telluric(rng) * waves(rng, rng.exponential(0.03)) * arms(rng)
        elif rng.uniform() < 0.1:  # over- and under-corrected
            flux = flux * (1 - (1 - telluric(rng)) * rng.uniform(-0.15, 0.15))
        ivar = self._inverse_variance(rng, as_lamost=as_lamost)
        good = (ivar > 0) & covered
        if good.sum() < MIN_PIXELS or (good & (WIDE.wave > dark * (1 + z))).sum() < MIN_BRIGHT:
            return None
        level = brightness(flux[good])
        if not level > 0:
            return None
        sigma = np.where(ivar > 0, 1 / np.sqrt(np.maximum(ivar, 1e-20)), 0.0)
        sigma = np.clip(sigma / np.median(sigma[good]), 0.2, 20.0) * level / sn
        noisy = 10 * (flux + sigma * self._noise(rng))
        return np.where(good, noisy, 0.0), np.where(good, 1 / (10 * sigma) ** 2, 0.0)

    def _inverse_variance(self, rng: np.random.Generator, *, as_lamost: bool) -> Floats:
        """The ivar of a real spectrum through the window of a survey, 0 outside."""
        if as_lamost:
            return self.ivar[rng.choice(self.lamost)].astype(np.float64)
        first, last = self._window(rng)
        rows = self.far_red if WIDE.wave[last] > FAR_RED + 50 else self.sdss
        ivar = self.ivar[rng.choice(rows)].astype(np.float64)
        ivar[:first] = ivar[last + 1 :] = 0.0
        return ivar

    @staticmethod
    def _window(rng: np.random.Generator) -> tuple[int, int]:
        """First and last pixel of a survey's window, or of any other."""
        names, shares = list(SURVEY_SHARES), np.array(list(SURVEY_SHARES.values()))
        pick = rng.choice(len(names) + 1, p=[*shares, 1 - shares.sum()])
        if pick == len(names):
            first, last = random_windows(rng, 1, WIDE)[0].tolist()
            return first, last
        ends = WIDE.index(np.array(SURVEYS[names[pick]]) + rng.normal(size=2) * 20.0)
        first, last = np.clip(np.rint(ends), 0, WIDE.n - 1).astype(int)
        return int(first), int(last)

    def _noise(self, rng: np.random.Generator) -> Floats:
        """Noise of unit σ: Gaussian, or the residual of a sky fibre where it was measured."""
        noise = rng.standard_normal(WIDE.n)
        if rng.uniform() < SKY_SHARE:
            row = self.sky[rng.integers(len(self.sky))]
            measured = self.ivar[row] > 0
            residual = self.flux[row] * np.sqrt(self.ivar[row])
            noise = np.where(measured, np.clip(residual, -6, 6), noise)
        return noise


def brightness(flux: Floats) -> float:
    """The median flux; of a spectrum that is dark for the most part, that of what is not."""
    return float(max(np.median(flux), 0.3 * np.quantile(flux, 0.95)))


def at_redshift(rest: Floats, z: float) -> tuple[Floats, NDArray[np.bool_]]:
    """A rest-frame spectrum through the observed window, exact to a fraction of a pixel."""
    place = WIDE.k_min - float(shift_from_z(z)) - K_MIN
    first = int(np.floor(place))
    seen = rest[first - 3 : first + WIDE.n + 4]
    finite = np.isfinite(seen)
    at_place = moved(np.where(finite, seen, 0.0), first - place, mode="mirror")
    flux = at_place[3 : 3 + WIDE.n]
    covered = finite[3 : 3 + WIDE.n] & finite[4 : 4 + WIDE.n]
    return np.asarray(flux), covered


def moved_along(values: Floats, pixels: int) -> Floats:
    """Values moved to the red by whole pixels; 0 where they moved away from."""
    out = np.zeros_like(values)
    if pixels >= 0:
        out[pixels:] = values[: len(values) - pixels]
    else:
        out[:pixels] = values[-pixels:]
    return out


def tilt(rng: np.random.Generator) -> Floats:
    """A smooth calibration error: the exponential of a cubic."""
    x = np.linspace(-1, 1, WIDE.n)
    a, b, c = rng.normal(size=3) * (0.15, 0.06, 0.03)
    return np.asarray(np.exp(a * x + b * (1.5 * x**2 - 0.5) + c * (2.5 * x**3 - 1.5 * x)))


def waves(rng: np.random.Generator, amplitude: float) -> Floats:
    """A calibration error with structure of 150 to 700 pixels."""
    window = np.hanning(int(rng.uniform(150, 700)))
    noise = rng.standard_normal(WIDE.n + 1400)
    wavy = np.convolve(noise, window, mode="same")[700 : 700 + WIDE.n]
    return np.asarray(np.exp(amplitude * wavy / wavy.std()))


def reddening(e_bv: float) -> Floats:
    """Transmission of foreground dust, R_V = 3.1, with a power law for its curve."""
    curve = (WIDE.wave / 5500) ** -1.3
    return np.asarray(10 ** (-0.4 * 3.1 * e_bv * (curve - np.median(curve))))


def arms(rng: np.random.Generator) -> Floats:
    """Response left at the ends and at the join of a two-armed spectrograph, as in LAMOST."""
    wave, out = WIDE.wave, np.ones(WIDE.n)
    if rng.uniform() < 0.4:
        out /= 1 + np.exp((wave - rng.uniform(8950, 9100)) / rng.uniform(4, 20))
    if rng.uniform() < 0.3:
        out /= 1 + np.exp((rng.uniform(3690, 3820) - wave) / rng.uniform(4, 30))
    if rng.uniform() < 0.4:
        x = (wave - rng.uniform(5700, 5950)) / rng.uniform(10, 80)
        out *= 1 + 0.15 * rng.normal() * np.exp(-0.5 * x**2)
    return np.clip(out, 0.0, 3.0)


def telluric(rng: np.random.Generator) -> Floats:
    """Transmission of the air's absorption bands, left uncorrected."""
    wave, out = WIDE.wave, np.zeros(WIDE.n)
    amount = rng.uniform(0.2, 1.6)
    for first, last, depth in TELLURIC:
        inside = (wave > first) & (wave < last)
        x = (wave[inside] - first) / (last - first)
        ripple = 1 + 0.3 * np.sin(wave[inside] / rng.uniform(1.2, 3.0))
        shape = np.exp(-x * rng.uniform(0.5, 2.5)) * ripple
        out[inside] += depth * amount * rng.lognormal(0, 0.25) * shape
    return np.clip(1 - out, 0.05, 1.0)
