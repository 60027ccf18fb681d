"""The step of CDELT1 = 1 and PC1_1 = 1.5, as astropy writes CD1_1 = 1.5, was read as 1."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from gasnet3.io.generic.dispersion import axis_of


@pytest.mark.parametrize("step", [1.5, 1.0])
def test_headers_of_astropy(step):
    header = fits.Header({"NAXIS": 1, "NAXIS1": 100, "CTYPE1": "WAVE", "CUNIT1": "nm"})
    header.update(CRVAL1=400.0, CRPIX1=1.0, CD1_1=step)
    wcs = WCS(header, naxis=1)
    expected = wcs.wcs_pix2world(np.arange(100), 0)[0] * 1e9
    for one, scale in ((header, 1.0), (wcs.to_header(), 1e9)):
        axis = axis_of(one, 100)
        np.testing.assert_allclose(axis.values * scale, expected, rtol=1e-12)
