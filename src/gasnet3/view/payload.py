"""A closeup as the page gets it: numbers as JSON, arrays as the bytes of their floats."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gasnet3.classes import CLASSES
from gasnet3.machine.typing import Floats
from gasnet3.report.spectrum import bars
from gasnet3.report.style import COLORS
from gasnet3.spectra.airvac import air_to_vacuum
from gasnet3.spectra.lines import LINES, SKY_LINES_AIR, TELLURIC

if TYPE_CHECKING:
    from gasnet3.pipeline.closeup import Closeup, Solution

KEYS_OF_LINES = {
    "a": ("Hα", 6564.61),
    "b": ("Hβ", 4862.68),
    "y": ("Hγ", 4341.68),
    "d": ("Hδ", 4102.89),
    "o": ("[O II]", 3728.48),
    "p": ("[O III]", 5008.24),
    "i": ("[N II]", 6585.27),
    "s": ("[S II]", 6718.29),
    "k": ("Ca K", 3934.78),
    "h": ("Ca H", 3969.59),
    "g": ("G band", 4305.61),
    "x": ("Mg b", 5176.63),
    "n": ("Na D", 5895.60),
    "t": ("Ca II", 8544.44),
    "v": ("[Ne V]", 3426.85),
    "5": ("Lyα", 1215.67),
    "6": ("Si IV", 1397.61),
    "7": ("C IV", 1549.48),
    "8": ("C III]", 1908.73),
    "9": ("Mg II", 2799.12),
}
"""The major lines, and the key of each while a feature is marked: name and rest wavelength, Å.

None is a key of qualities, zoom or undo, which mean the same at any time.
"""

WINDOWS = {
    "[O II]": (3680.0, 3780.0),
    "Hβ + [O III]": (4800.0, 5070.0),
    "Hα + [N II] + [S II]": (6470.0, 6780.0),
    "Ca H, K": (3880.0, 4030.0),
    "Mg b": (5080.0, 5280.0),
    "Na D": (5840.0, 5950.0),
    "Ca II triplet": (8440.0, 8720.0),
    "Hγ, Hδ": (4060.0, 4400.0),
    "Mg II": (2690.0, 2910.0),
    "C III]": (1820.0, 2000.0),
    "C IV": (1480.0, 1620.0),
    "Lyα": (1170.0, 1290.0),
}
"""Windows for details: from and to, rest Å."""

FIRST = {
    "STAR": ("Ca H, K", "Mg b", "Hα + [N II] + [S II]", "Ca II triplet", "Na D"),
    "GALAXY": ("[O II]", "Hβ + [O III]", "Hα + [N II] + [S II]", "Ca H, K", "Mg b", "Hγ, Hδ"),
    "QSO": (
        *("Hβ + [O III]", "Hα + [N II] + [S II]", "Mg II", "C III]", "C IV", "Lyα"),
        *("Hγ, Hδ", "[O II]"),
    ),
}
"""The windows that are shown of a class, the first three that the spectrum covers."""


def packed(values: Floats) -> str:
    """Float32, little endian, in base64; the page makes an array of it."""
    return base64.b64encode(np.asarray(values, "<f4").tobytes()).decode()


def number(value: Any) -> float | None:
    """A number that JSON can say; None where it is not finite."""
    value = float(value)
    return value if math.isfinite(value) else None


def of_closeup(seen: Closeup) -> dict[str, Any]:
    """What the page draws of a closeup."""
    observed = np.flatnonzero(seen.ivar > 0)
    inside = slice(observed[0], observed[-1] + 1) if len(observed) else slice(0, 0)
    return {
        "id": seen.id,
        "first": float(np.log10(seen.wave[0])),
        "step": float(np.log10(seen.wave[-1] / seen.wave[0])) / max(len(seen.wave) - 1, 1),
        "flux": packed(seen.flux),
        "ivar": packed(seen.ivar),
        "bound": seen.bound,
        "best_z": {cls: number(z) for cls, z in seen.best_z.items()},
        "solutions": [_solution(one, inside) for one in seen.solutions],
        "curves": {cls: _curve(seen, cls) for cls in CLASSES if cls in seen.curves},
    }


def _solution(one: Solution, inside: slice) -> dict[str, Any]:
    numbers = ("z", "z_err", "chi2", "rchi2", "probability", "p_z")
    told = {name: number(getattr(one, name)) for name in numbers}
    return {"cls": one.cls, **told, "model": packed(within(one.model, inside))}


def within(model: Floats, inside: slice) -> Floats:
    """A model where there are data: beyond them it is bound by nothing."""
    out = np.full(len(model), np.nan)
    out[inside] = model[inside]
    return out


def _curve(seen: Closeup, cls: str) -> dict[str, Any]:
    """χ² against redshift, and p(z) in bars over ln(1 + z)."""
    z, chi2 = seen.curves[cls]
    at, share = seen.p_z.get(cls, (np.empty(0), np.empty(0)))
    edges, height = bars(np.log1p(at), share)
    known = np.isfinite(chi2)
    return {
        "z": packed(z[known]),
        "chi2": packed(chi2[known]),
        "edges": packed(edges),
        "p": packed(height),
        "share": number(share.sum()),
        "range": [float(z[0]), float(z[-1])] if len(z) else None,
    }


def constants() -> dict[str, Any]:
    """What every page needs once: classes, colours, lines, windows."""
    major = {wave for _, wave in KEYS_OF_LINES.values()}
    return {
        "classes": list(CLASSES),
        "colors": COLORS,
        "lines": [
            {
                "name": line.name,
                "wave": line.wave,
                "kind": line.kind,
                "major": line.wave in major,
            }
            for line in LINES
        ],
        "keys": [
            {"key": key, "name": name, "wave": wave} for key, (name, wave) in KEYS_OF_LINES.items()
        ],
        "windows": [
            {"name": name, "low": low, "high": high} for name, (low, high) in WINDOWS.items()
        ],
        "first": FIRST,
        "sky": air_to_vacuum(np.array(SKY_LINES_AIR)).tolist(),
        "telluric": [list(band) for band in TELLURIC],
    }
