"""What was fitted to a spectrum, drawn over its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gasnet3.machine.typing import Floats
from gasnet3.measurement.measurer import Fit
from gasnet3.measurement.narrow import SLOT
from gasnet3.measurement.templates import PIXEL_KM_S
from gasnet3.spectra.atlas import NARROW
from gasnet3.spectra.lattice import STEP


@dataclass(frozen=True)
class Drawn:
    """Parts of the model of one spectrum, each of shape (n,), in the spectrum's unit.

    Attributes
    ----------
    stars : ndarray of float64
        Starlight; NaN where there is none.
    narrow, broad : ndarray of float64
        Lines; 0 where none was measured.
    """

    stars: Floats
    narrow: Floats
    broad: Floats

    @property
    def whole(self) -> Floats:
        """All of it; NaN where there is no starlight."""
        return self.stars + self.narrow + self.broad


def drawn(fit: Fit, row: int, spread: float) -> Drawn:
    """The model of one spectrum of a fit; ``spread`` is its line spread, σ in pixels."""
    rest = fit.rest
    shift = float(rest.whole[row] + rest.part[row])
    place = rest.lattice.k_min + np.arange(rest.lattice.n) - shift
    narrow = np.zeros(rest.lattice.n)
    if fit.narrow is not None:
        v = fit.narrow.kinematics[row, 0] / PIXEL_KM_S
        for line in NARROW:
            b, slot = SLOT[line.key]
            flux = np.nan_to_num(fit.narrow.flux[row, b, slot])
            own = fit.narrow.kinematics[row, 1 + line.family] / PIXEL_KM_S
            sigma = float(np.hypot(own, spread))
            pixel = line.waves[0] * 10.0 ** (shift * STEP) * STEP * np.log(10.0)
            for wave, ratio in zip(line.waves, line.ratios, strict=True):
                u = (place - np.log10(wave) / STEP - v) / sigma
                narrow += ratio * flux * np.exp(-0.5 * u**2) / (np.sqrt(2 * np.pi) * sigma * pixel)
    broad = sum((one.model[row] for one in fit.broad.values()), np.zeros(rest.lattice.n))
    return Drawn(fit.stars[row], narrow, broad)
