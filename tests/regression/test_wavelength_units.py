"""Wavelengths given as a Quantity in nm were once taken for Å, and the row came out empty."""

import numpy as np
import pytest
from astropy import units as u

from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED


def test_wavelengths_with_a_unit_are_converted(rng):
    flux, ivar = rng.normal(size=OBSERVED.n), np.ones(OBSERVED.n)
    plain = Spectra.from_arrays(flux, ivar, OBSERVED.wave)
    in_nm = Spectra.from_arrays(flux, ivar, (OBSERVED.wave * u.AA).to(u.nm))
    np.testing.assert_array_equal(in_nm.flux, plain.flux)
    with pytest.raises(ValueError, match="not convertible"):
        Spectra.from_arrays(flux, ivar, OBSERVED.wave * u.kg)
