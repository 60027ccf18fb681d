"""Picture of what is measured of a spectrum: stars, lines, and what is left."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gasnet3.flags import MeasureWarn, names
from gasnet3.measurement.measurer import Measurer
from gasnet3.measurement.model import Drawn, drawn
from gasnet3.report.spectrum import OBSERVED_LABEL, WAVE_LABEL, gaps, limits, running_mean
from gasnet3.report.style import OBSERVED_COLOR, PALETTE, SMOOTH_COLOR
from gasnet3.spectra.batch import Spectra

PANELS = (
    ("[O II]", 3690.0, 3770.0), ("Hβ, [O III]", 4800.0, 5070.0), ("Hα, [N II]", 6460.0, 6680.0),
    ("[S II]", 6670.0, 6790.0),
)  # fmt: skip
"""Names and ends (rest-frame Å) of the small panels."""


def plot_measured(measurer: Measurer, spectra: Spectra, z: float, cls: str) -> Figure:
    """The first spectrum of a batch with stars and lines at a redshift, and its main lines.

    ValueError if it is a star, or has no redshift: nothing is measured of those.
    """
    if cls == "STAR" or not np.isfinite(z):
        raise ValueError(
            f"{spectra.ids[0]} is {cls or 'of no class'} at z = {z:.5f}: only galaxies and "
            "quasars are measured"
        )
    spectra = spectra[:1].on(measurer.lattice)
    at, kind = np.array([z]), np.array([cls])
    columns = measurer.columns(spectra, at, kind, np.zeros(1, np.int64))
    fit = measurer.fit(spectra, at, kind)
    spread = float(np.nan_to_num(spectra.resolution[0], nan=measurer.templates.sigma))
    model = drawn(fit, 0, spread)
    figure = Figure(figsize=(11, 8), layout="constrained")
    grid = figure.add_gridspec(3, len(PANELS), height_ratios=(1.6, 0.6, 1.2))
    top = figure.add_subplot(grid[0, :])
    below = figure.add_subplot(grid[1, :], sharex=top)
    _draw_whole(top, below, spectra, model)
    top.set_title(f"{spectra.ids[0]}    {cls}  z = {z:.5f}\n{_said(columns)}", fontsize=11)
    for column, (name, first, last) in enumerate(PANELS):
        panel = figure.add_subplot(grid[2, column])
        _draw_lines(panel, spectra, model, (first * (1 + z), last * (1 + z)))
        panel.set_title(name, fontsize=9)
    return figure


def _draw_whole(top: Axes, below: Axes, spectra: Spectra, model: Drawn) -> None:
    wave = spectra.lattice.wave
    flux, ivar = (np.asarray(v[0], np.float64) for v in (spectra.flux, spectra.ivar))
    top.plot(wave, gaps(flux, ivar), color=OBSERVED_COLOR, lw=0.5, label=OBSERVED_LABEL)
    top.plot(wave, model.whole, color=PALETTE[1], lw=0.8, label="stars and lines")
    top.plot(wave, model.stars, color=PALETTE[0], lw=0.8, label="stars")
    top.set_ylim(*limits(running_mean(flux, ivar), gaps(model.whole, ivar)))
    good = np.flatnonzero(ivar > 0)
    if len(good):
        top.set_xlim(wave[good[0]], wave[good[-1]])
    top.legend(loc="upper right", fontsize=8, ncols=3, frameon=False)
    left = (flux - np.nan_to_num(model.whole)) * np.sqrt(ivar)
    below.plot(wave, gaps(left, ivar * np.isfinite(model.stars)), color=SMOOTH_COLOR, lw=0.5)
    below.set_ylim(-6, 6)
    below.set_ylabel("residual, σ")
    below.set_xlabel(WAVE_LABEL, loc="left")
    for ax in (top, below):
        ax.grid(alpha=0.15)


def _draw_lines(ax: Axes, spectra: Spectra, model: Drawn, ends: tuple[float, float]) -> None:
    """One group of lines with the components that were fitted to it."""
    wave = spectra.lattice.wave
    here = (wave > ends[0]) & (wave < ends[1]) & (spectra.ivar[0] > 0)
    ax.tick_params(labelsize=7)
    if here.sum() < 2:
        ax.text(0.5, 0.5, "not covered", transform=ax.transAxes, ha="center", va="center")
        return
    x, stars = wave[here], np.nan_to_num(model.stars[here])
    flux: Any = np.asarray(spectra.flux[0], np.float64)[here]
    ax.step(x, flux, where="mid", color=OBSERVED_COLOR, lw=0.8)
    ax.plot(x, stars, color=PALETTE[0], lw=0.9)
    if model.broad[here].any():
        ax.plot(x, stars + model.broad[here], color=PALETTE[2], lw=0.9, ls="--")
    ax.plot(x, stars + model.broad[here] + model.narrow[here], color=PALETTE[1], lw=0.9)
    ax.grid(alpha=0.15)


def _said(columns: dict[str, Any]) -> str:
    """What was found, in a line."""
    out = []
    if np.isfinite(columns["vdisp"][0]):
        out.append(f"σ = {columns['vdisp'][0]:.0f} ± {columns['vdisp_err'][0]:.0f} km/s")
    for key, name in (("halpha", "Hα"), ("oiii_5008", "[O III]")):
        if np.isfinite(columns[f"{key}_ew"][0]):
            width, err = columns[f"{key}_ew"][0], columns[f"{key}_ew_err"][0]
            out.append(f"EW({name}) = {width:.1f} ± {err:.1f} Å")
    out += [columns["bpt"][0], columns["subclass"][0]]
    out += names(int(columns["measure_warn"][0]), MeasureWarn)
    return "    ".join(one for one in out if one) or "nothing measured"
