"""Images of unsigned whole numbers, as many masks are, were an overflow."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from gasnet3.io import read


@pytest.mark.parametrize("kind", ["u2", "u4"])
def test_unsigned_mask_and_flux(tmp_path, kind):
    flux, mask = np.full(100, 60000, kind), np.zeros(100, kind)
    mask[40:60] = 65535
    primary = fits.PrimaryHDU(flux)
    primary.header.update(CRVAL1=5000.0, CDELT1=1.0, CRPIX1=1.0, CTYPE1="WAVE")
    images = [primary, fits.ImageHDU(np.ones(100), name="ERR"), fits.ImageHDU(mask, name="DQ")]
    path = tmp_path / "x.fits"
    fits.HDUList(images).writeto(path)
    spectra = read(path)
    wave, seen = spectra.lattice.wave, spectra.ivar[0] > 0
    np.testing.assert_allclose(spectra.flux[0][seen], 60000, rtol=1e-6)
    assert seen[(wave > 5002) & (wave < 5038)].all()
    assert not seen[(wave > 5041) & (wave < 5058)].any()
