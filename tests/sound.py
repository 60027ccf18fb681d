"""What holds of spectra however damaged the file was that they were read from."""

from __future__ import annotations

import numpy as np

from gasnet3 import Spectra, ZWarn


def assert_sound(spectra: Spectra) -> None:
    """Nothing in them trips what comes after, and rows without pixels are flagged."""
    assert np.isfinite(spectra.flux).all()
    assert np.isfinite(spectra.ivar).all()
    assert (spectra.ivar >= 0).all()
    empty = ~(spectra.ivar > 0).any(axis=1)
    assert ((spectra.zwarn[empty] & ZWarn.NODATA) != 0).all()
    assert spectra.z.dtype == np.float64
