"""Picture of a spectrum as it was read, without a fit."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from gasnet3.flags import names
from gasnet3.report.spectrum import (
    OBSERVED_LABEL,
    SMOOTH_LABEL,
    WAVE_LABEL,
    gaps,
    limits,
    noise,
    running_mean,
)
from gasnet3.report.style import LINE_COLOR, OBSERVED_COLOR, PALETTE
from gasnet3.spectra.batch import Spectra


def plot_observed(spectra: Spectra) -> Figure:
    """The first spectrum of a batch with its errors; masked pixels are marked below."""
    flux, ivar = (np.asarray(values[0], np.float64) for values in (spectra.flux, spectra.ivar))
    wave = spectra.lattice.wave
    smooth, error = running_mean(flux, ivar), noise(ivar)
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    ax = figure.add_subplot()
    ax.plot(wave, gaps(flux, ivar), color=OBSERVED_COLOR, lw=0.5, label=OBSERVED_LABEL)
    ax.plot(wave, smooth, color=PALETTE[0], lw=0.7, label=SMOOTH_LABEL)
    ax.plot(wave, error, color=PALETTE[1], lw=0.5, label="error")
    low, high = limits(smooth, error)
    ax.set_xlim(wave[0], wave[-1])
    ax.set_ylim(low, high)
    step = 0.02 * (high - low)
    ax.fill_between(wave, low, low + step, where=ivar <= 0, color=LINE_COLOR, lw=0, label="masked")
    warning = ", ".join(names(int(spectra.zwarn[0]))) or "none"
    ax.set_title(f"{spectra.ids[0]}    flags known before a fit: {warning}", fontsize=11)
    ax.set_xlabel(WAVE_LABEL, loc="left")
    ax.set_ylabel(r"$F_\lambda$")
    ax.grid(alpha=0.15)
    ax.legend(loc="upper right", bbox_to_anchor=(1.0, -0.06), fontsize=8, ncols=4, frameon=False)
    return figure
