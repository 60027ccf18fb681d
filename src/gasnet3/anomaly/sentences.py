"""One sentence that says why a spectrum is strange, and where to look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gasnet3.spectra.lattice import C_KM_S
from gasnet3.spectra.lines import LINES

if TYPE_CHECKING:
    from gasnet3.anomaly.second import SecondRedshift
    from gasnet3.anomaly.statistics import Statistics
    from gasnet3.solve.solution import Solution

NEAR_LINE = 1000.0
"""A feature within so many km/s of a line at the object's redshift is called by its name."""

NEARLY = 400.0
"""Δχ², over the reduced χ², below which two fits are nearly alike: R is then about 0.1."""


def sentence(
    which: str, row: int, statistics: Statistics, second: SecondRedshift, solution: Solution
) -> str:
    """The sentence for one row.

    Parameters
    ----------
    which : str
        The statistic that speaks.
    row : int
        Row of the batch.
    statistics, second, solution
        What was measured.
    """
    wave, quoted = statistics.wave[which][row], statistics.extra[which][row]
    at = f"{wave:.0f} Å"
    if which == "comb":
        return _second(row, second, solution)
    if which == "closeness":
        return _ambiguous(row, solution)
    if which in ("line", "broad"):
        side = "emission" if quoted > 0 else "absorption"
        if which == "broad":
            side = "excess" if quoted > 0 else "deficit"
        line = _named(wave, row, solution)
        return f"{side} at {at} ({abs(quoted):.0f} σ) that the model lacks{line}"
    told = {
        "step": f"the flux steps by {100 * quoted:+.0f} % at {at}, where two arms meet",
        "dead": f"no noise about {at}: dead or interpolated pixels",
        "cosmic": f"a spike of one pixel at {at} ({quoted:.0f} σ): a cosmic ray",
        "negative": f"the flux is negative about {at} ({abs(quoted):.0f} σ)",
        "sky": f"residuals of sky lines, the largest at {at} ({quoted:.0f} σ)",
        "misfit": f"the model fits badly, worst at {at} ({quoted:.0f} σ)",
        "everywhere": "the model fits badly everywhere, and so does that of any other class",
    }
    population = f"coefficients unlike those of any {solution.cls[row]} of the training population"
    return told.get(which, population)


def _ambiguous(row: int, solution: Solution) -> str:
    worse = solution.delta_chi2[row]
    if worse < NEARLY * max(solution.rchi2[row], 1.0):
        told = "fits nearly as well" if worse >= 0 else "has the lower χ², but is no sound fit"
        seen = f"(Δχ² = {worse:.0f}) although the S/N is {solution.sn_median[row]:.0f}"
    else:
        told = "fits worse, but by less than is usual"
        seen = f"at an S/N of {solution.sn_median[row]:.0f} (Δχ² = {worse:.0f})"
    return f"{solution.next_cls[row]} at z = {solution.next_z[row]:.4f} {told} {seen}"


def _second(row: int, second: SecondRedshift, solution: Solution) -> str:
    side = "absorption" if second.absorption[row] else "emission"
    return (
        f"{second.names[row]} in {side} at z = {second.z[row]:.4f} "
        f"(strongest at {second.wave[row]:.0f} Å), "
        f"beside {solution.cls[row]} at z = {solution.z[row]:.4f}"
    )


def _named(wave: float, row: int, solution: Solution) -> str:
    """Name of the object's own line at a wavelength, '' where there is none near."""
    rest = wave / (1.0 + solution.z[row])
    offsets = np.array([abs(rest / line.wave - 1.0) * C_KM_S for line in LINES])
    nearest = int(offsets.argmin())
    return f": {LINES[nearest].name}" if offsets[nearest] < NEAR_LINE else f" (rest {rest:.0f} Å)"
