"""Wavelengths in air and vacuum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gasnet3.spectra.airvac import air_to_vacuum, vacuum_to_air


@pytest.mark.parametrize(
    ("name", "air", "vacuum"),
    [("[O III]", 5006.843, 5008.240), ("Hα", 6562.801, 6564.614), ("Hβ", 4861.325, 4862.683)],
)
def test_lines_whose_wavelengths_are_listed_both_ways(name: str, air: float, vacuum: float) -> None:
    # SDSS's list of lines; 3 mÅ are 0.2 km/s.
    assert air_to_vacuum(air) == pytest.approx(vacuum, abs=4e-3)


@given(st.floats(2001.0, 3e4))
def test_there_and_back(wave: float) -> None:
    assert air_to_vacuum(vacuum_to_air(wave)) == pytest.approx(wave, abs=1e-9)


def test_order_is_kept_and_the_ultraviolet_stays() -> None:
    wave = np.linspace(1000.0, 3000.0, 4001)
    assert (np.diff(air_to_vacuum(wave)) > 0).all()
    short = wave[wave < 1999.0]
    np.testing.assert_array_equal(air_to_vacuum(short), short)
    assert np.isnan(air_to_vacuum(np.nan))
