"""Colours, markers and lines that every picture and page shares.

Colour alone marks no class: marker, line and hatch differ too, for print and every eye.
"""

from __future__ import annotations

# Okabe and Ito's palette: told apart with every common kind of colour vision.
PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#F0E442", "#000000",
)  # fmt: skip
"""Colours for what is no class."""

COLORS = {"STAR": "#009E73", "GALAXY": "#D55E00", "QSO": "#0072B2"}
"""Colour of each class in every picture."""

MARKERS = {"STAR": "o", "GALAXY": "s", "QSO": "^"}
"""Marker of each class, in matplotlib's letters."""

LINE_STYLES = {"STAR": "-", "GALAXY": "--", "QSO": "-."}
"""Line style of each class."""

HATCHES = {"STAR": "", "GALAXY": "///", "QSO": "..."}
"""Hatch of each class, where areas are filled."""

OBSERVED_COLOR, SMOOTH_COLOR = "#D9D9D9", "#8C8C8C"
"""A spectrum as it was observed, and smoothed."""

CONTINUUM_COLOR, LINE_COLOR = "#CC79A7", "#56B4E9"
"""The continuum that was subtracted, and the marks of spectral lines."""

QUIET_COLOR = "#666666"
"""Second axes, and what else is not to stand out."""

STRANGE_COLOR = "#000000"
"""Outliers and what else is marked in a picture."""

SUBCLASS_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""Markers of what is no class, in step with the palette."""


def class_color(cls: str, other: str = "#000000") -> str:
    """Colour of a class, or ``other`` for one that no model knows and for none."""
    return COLORS.get(cls, other)
