"""Wavelengths from keywords of FITS headers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from gasnet3.io.generic.dispersion import Axis, air_in, axis_of, is_celestial, said_air

N = 300


def _axis(rows: int = 1, **cards: Any) -> Axis:
    found = axis_of({key.replace("_FLAG", "-FLAG"): value for key, value in cards.items()}, N, rows)
    assert found is not None
    return found


@given(
    first=st.floats(3000, 9000),
    step=st.floats(0.1, 5),
    reference=st.integers(-50, 400),
    log=st.booleans(),
    air=st.booleans(),
)
def test_axes_of_the_standard_are_those_of_wcslib(
    first: float, step: float, reference: int, log: bool, air: bool
) -> None:
    kind = ("AWAV" if air else "WAVE") + ("-LOG" if log else "")
    cards = {
        "CTYPE1": kind, "CRVAL1": first, "CDELT1": step, "CRPIX1": reference, "CUNIT1": "Angstrom",
    }  # fmt: skip
    found = _axis(**cards)
    expected = WCS(fits.Header(cards | {"NAXIS": 1, "NAXIS1": N})).wcs_pix2world(np.arange(N), 0)
    # wcslib turns the unit into metres.
    np.testing.assert_allclose(found.values, expected[0] * 1e10, rtol=1e-9)
    assert (found.role, found.unit, found.air) == ("wave", "Angstrom", air)


@pytest.mark.parametrize(
    "cards",
    [
        {"COEFF0": 3.6, "COEFF1": 1e-4},
        {"CRVAL1": 3.6, "CD1_1": 1e-4, "DC_FLAG": 1, "CTYPE1": "LINEAR"},
        {"CRVAL1": 3.6, "CDELT1": 1e-4, "CTYPE1": "LOGLAM"},
        {"CRVAL1": 3.6, "CDELT1": 1e-4, "CUNIT1": "Angstrom"},
        {"CRVAL1": "3.6", "CDELT1": "1e-4", "CRPIX1": 1, "CTYPE1": "LOG-LAMBDA"},
    ],
)
def test_logarithms(cards: dict[str, Any]) -> None:
    found = _axis(**cards)
    assert found.role == "loglam"
    np.testing.assert_allclose(found.values, 3.6 + 1e-4 * np.arange(N))


def test_headers_without_wavelengths() -> None:
    for cards in (
        {},
        {"CRVAL1": 1.0, "CDELT1": 1.0},
        {"CRVAL1": 1.0},
        {"CRVAL1": 10.0, "CDELT1": 0.1, "CTYPE1": "RA---TAN"},
        {"CRVAL1": 1.0, "CDELT1": 1.0, "CTYPE1": "PIXEL"},
        {"CRVAL1": 1.0, "CDELT1": 1.0, "CTYPE1": "TIME"},
        {"CRVAL1": 5000.0, "CDELT1": 0.0},
    ):
        assert axis_of(cards, N) is None


def test_air_or_vacuum() -> None:
    assert said_air({"AIRORVAC": "air"}) is True
    assert said_air({"AIRORVAC": "VAC"}) is False
    assert said_air({"VACUUM": True}) is False
    assert said_air({"VACUUM": 1}) is None
    assert air_in("wavelength in air") is True
    assert air_in("vacuum wavelength") is False
    assert air_in("converted from air to vacuum") is None
    assert air_in("airmass at fair weather") is None
    header = fits.Header([("CRVAL1", 5000.0, "wavelength, in air"), ("CDELT1", 1.0)])
    assert axis_of(header, N).air is True  # type: ignore[union-attr]


def _multispec(*specs: str) -> dict[str, str]:
    text = "wtype=multispec " + " ".join(f'spec{at + 1} = "{s}"' for at, s in enumerate(specs))
    pieces = [text[at : at + 68] for at in range(0, len(text), 68)]
    return {"CTYPE1": "MULTISPE"} | {
        # FITS drops blanks at the end of a text.
        f"WAT2_{number:03d}": piece.rstrip()
        for number, piece in enumerate(pieces, start=1)
    }


def test_multispec() -> None:
    cards = _multispec("1 1 0 5000. 2. 300 0. 1 2", "2 2 0 4000. 1. 200 0.25 1 2")
    found = _axis(rows=2, WAT1_001="wtype=multispec label=Wavelength units=angstroms", **cards)
    np.testing.assert_allclose(found.values[0], 5000 + 2.0 * np.arange(N))
    np.testing.assert_allclose(found.values[1, :200], (4000 + np.arange(200)) / 1.25)
    assert np.isnan(found.values[1, 200:]).all()
    log = _axis(**_multispec("1 1 1 3.6 1e-4 300 0. 1 2"))
    assert log.role == "loglam"
    np.testing.assert_allclose(log.values, 3.6 + 1e-4 * np.arange(N))


@pytest.mark.parametrize(
    ("cards", "rows", "problem"),
    [
        (_multispec("1 1 2 5000. 2. 300 0. 1 2 1. 0. 1 6"), 1, "neither linear nor logarithmic"),
        (_multispec("1 1 0 5000. 2. 300 0. 1 2"), 2, "of row 1"),
        (_multispec("1 1 0 5 2 300 0", "1 1 1 3.6 1e-4 300 0"), 2, "some logarithmic"),
        ({"CRVAL1": 1.0, "CDELT1": 1.0, "CTYPE1": "VOPT"}, 1, "one of velocities"),
        ({"CRVAL1": 1.0, "CDELT1": 1.0, "CTYPE1": "WAVE-TAB"}, 1, "not understood"),
    ],
)
def test_what_is_not_understood_is_said(cards: dict[str, Any], rows: int, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        axis_of(cards, N, rows)


def test_images_of_the_sky() -> None:
    assert is_celestial({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"})
    assert is_celestial({"CTYPE1": "GLON-CAR"})
    assert not is_celestial({"CTYPE1": "LINEAR"})
