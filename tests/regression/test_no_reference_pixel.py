"""Without CRPIX1, whose default FITS has outside of the array, what was assumed was not said."""

from __future__ import annotations

from gasnet3.io.generic.dispersion import axis_of


def test_the_first_pixel_is_said_to_be_taken():
    header = {"CTYPE1": "WAVE", "CUNIT1": "Angstrom", "CRVAL1": 4000.0, "CDELT1": 1.0}
    axis = axis_of(header, 100)
    assert axis.values[0] == 4000.0
    assert "no CRPIX1" in axis.where
    assert "no CRPIX1" not in axis_of({**header, "CRPIX1": 1.0}, 100).where
