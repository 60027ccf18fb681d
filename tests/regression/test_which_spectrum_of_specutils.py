"""Spectra of specutils that are refused: of some the message did not say which one it was."""

import numpy as np
import pytest
from astropy import units

from gasnet3 import bridges

specutils = pytest.importorskip("specutils")


@pytest.mark.parametrize(
    ("axis", "flux"), [("km/s", "Jy"), ("pix", "Jy"), ("AA", "mag")], ids=lambda unit: unit
)
def test_what_is_refused_is_named(axis: str, flux: str) -> None:
    waves = np.linspace(4000.0, 9000.0, 50)
    good = specutils.Spectrum(np.ones(50) * units.Jy, waves * units.AA)
    bad = specutils.Spectrum(np.ones(50) * units.Unit(flux), waves * units.Unit(axis))
    with pytest.raises(ValueError, match=r"spectrum 1: (its spectral axis|the flux) is in"):
        bridges.from_specutils([good, bad])
