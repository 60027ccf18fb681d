"""The lattice: a redshift is a translation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gasnet3.spectra.lattice import OBSERVED, LogLattice, ShiftRange, shift_from_z, z_from_shift


def test_observed_lattice_is_that_of_the_paper():
    assert (OBSERVED.k_min, OBSERVED.k_max, OBSERVED.n) == (35563, 39638, 4076)
    assert OBSERVED.wave[0] == pytest.approx(3600.0, abs=0.5)
    assert OBSERVED.wave[-1] == pytest.approx(9200.0, abs=1.0)
    np.testing.assert_array_equal(OBSERVED.loglam, np.arange(35563, 39639) * 1e-4)


def test_edges_lie_half_a_pixel_from_the_centres():
    assert OBSERVED.edges.shape == (OBSERVED.n + 1,)
    np.testing.assert_allclose(OBSERVED.index(OBSERVED.edges), np.arange(4077) - 0.5, atol=1e-7)
    np.testing.assert_allclose(OBSERVED.index(OBSERVED.wave), np.arange(4076), atol=1e-7)


@given(st.integers(-50, 7800))
def test_whole_shifts_survive_the_way_through_z(shift):
    assert shift_from_z(z_from_shift(shift)) == pytest.approx(shift, abs=1e-8)
    assert 1 + z_from_shift(shift) == pytest.approx(10.0 ** (shift * 1e-4), rel=1e-13)


@given(st.floats(-0.01, 6.0), st.floats(0.0, 2.0))
def test_a_range_covers_its_ends_and_not_a_pixel_more(z_min, extent):
    z_max = z_min + extent
    scan = ShiftRange.from_z(z_min, z_max)
    assert scan.z[0] <= z_min + 1e-9
    assert scan.z[-1] >= z_max - 1e-9
    assert shift_from_z(z_min) - scan.first < 1
    assert scan.last - shift_from_z(z_max) < 1
    assert len(scan) == len(scan.shifts) == scan.last - scan.first + 1


def test_a_range_that_ends_on_a_whole_shift_stops_there():
    scan = ShiftRange.from_z(float(z_from_shift(-22)), float(z_from_shift(100)))
    assert (scan.first, scan.last) == (-22, 100)


def test_rest_lattice_shows_the_emitted_wavelength_at_every_shift():
    scan = ShiftRange(-3, 5)
    rest = scan.rest_lattice(OBSERVED)
    assert rest.n == OBSERVED.n + len(scan) - 1
    for shift in scan.shifts:
        start = int(scan.start(shift))
        assert 0 <= start <= rest.n - OBSERVED.n
        emitted = OBSERVED.wave / (1 + z_from_shift(shift))
        np.testing.assert_allclose(rest.wave[start : start + OBSERVED.n], emitted, rtol=1e-12)
    assert scan.start(scan.last) == 0
    assert scan.start(scan.first) == len(scan) - 1


@pytest.mark.parametrize("ends", [(-1.0, 0.0), (0.5, 0.4), (np.nan, 1.0), (0.0, np.inf)])
def test_impossible_redshift_ranges_are_refused(ends):
    with pytest.raises(ValueError, match="need finite redshifts"):
        ShiftRange.from_z(*ends)


def test_empty_lattice_and_range_are_refused():
    with pytest.raises(ValueError, match="at least one pixel"):
        LogLattice(100, 0)
    with pytest.raises(ValueError, match="empty shift range"):
        ShiftRange(1, 0)
