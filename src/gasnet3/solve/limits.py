"""Numbers that solutions depend on, whatever computes them: with torch or without."""

from __future__ import annotations

LARGEST_IVAR = 1e18
"""Largest inverse variance after normalisation: a S/N of 1e9 a pixel is no measurement, and the
sums of the scans would leave float32."""

REACH = 1.5
"""How far in pixels a minimum may lie from where a curve of whole shifts shows it."""

PAD = 3
"""Spline coefficients kept beyond each end of the rest lattice, for shifts at the edge."""

TAPS = 7
"""B-splines that a model within reach is made of: those of 4 pixels, and 3 more."""

TRIALS = 16
"""Trial positions a pixel, from the best of which Newton's steps begin."""

NEWTON_STEPS = 4
"""Enough from a trial position that is a thirtieth of a pixel off at most."""

BAD = 1e30
"""Added to the χ² of bad fits, to put them last."""

OUT_OF_REACH = 1000.0
"""Excess of χ² over the best class's, where its reduced χ² is 1, with which a class is not
expected to be the right one."""

SYSTEMATIC_KM_S = {"STAR": 35.0, "GALAXY": 35.0, "QSO": 500.0}
"""How far redshifts of a class differ from other people's whatever the noise: lines of quasars are
shifted. No prior is narrower than this."""
