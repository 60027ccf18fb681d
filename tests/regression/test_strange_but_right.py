"""Strange spectra whose redshifts were right had a warning: surveys that keep zwarn 0 lost them.

ANOMALY sat on 45 % of DESI's rows. What is unusual but says nothing against the redshift is in
``notes``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gasnet3 import Notes, io, samples
from gasnet3.pipeline.pipeline import Pipeline

ROWS = [0, 11]
"""Bundled spectra whose lines are clear without the one that is added."""


def test_a_line_that_no_model_has_is_noted_and_leaves_zwarn_0() -> None:
    spectra = io.read(samples.paths())[ROWS]
    noise = np.median(spectra.ivar, axis=1, keepdims=True) ** -0.5
    line = np.exp(-0.5 * ((spectra.lattice.wave - 6700.0) / 6.0) ** 2)
    flux = (spectra.flux + 40.0 * noise * line * (spectra.ivar > 0)).astype(np.float32)
    pipeline = Pipeline.load()
    plain, strange = pipeline.run(spectra), pipeline.run(replace(spectra, flux=flux))
    assert (plain["zwarn"] == 0).all()
    assert (plain["notes"] & Notes.ANOMALY == 0).all()
    assert (np.abs(strange["z"] - plain["z"]) < 2e-4).all()
    assert (strange["zwarn"] == 0).all()
    assert (strange["notes"] & Notes.ANOMALY != 0).all()
