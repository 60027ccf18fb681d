"""Batches of spectra: building, indexing, joining."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gasnet3 import Spectra, ZWarn
from gasnet3.spectra.batch import UNCALIBRATED
from gasnet3.spectra.lattice import LogLattice
from gasnet3.spectra.target import STANDARD

LATTICE = LogLattice(36000, 50)


def batch(rows=3, **columns):
    rng = np.random.default_rng(1)
    flux, ivar = rng.normal(size=(rows, 50)), rng.uniform(1, 2, (rows, 50))
    return Spectra.from_arrays(flux, ivar, loglam=LATTICE.loglam, lattice=LATTICE, **columns)


def test_one_row_and_a_table_of_one_row_are_the_same():
    flux, ivar = np.arange(float(STANDARD.n)), np.ones(STANDARD.n)
    one = Spectra.from_arrays(flux, ivar, STANDARD.wave)
    table = Spectra.from_arrays(flux[None], ivar[None], loglam=[STANDARD.loglam])
    assert len(one) == len(table) == 1
    assert one.flux.dtype == one.ivar.dtype == np.float32
    np.testing.assert_array_equal(one.flux, flux[None])
    np.testing.assert_array_equal(one.flux, table.flux)
    np.testing.assert_array_equal(one.ivar, table.ivar)


def test_lists_of_plain_numbers_are_a_row():
    spectra = Spectra.from_arrays([1, 2], [1, 1], [4000.0, 4001.0])
    assert len(spectra) == 1
    assert 0 < spectra.n_good[0] < 5


def test_rows_may_differ_in_length_and_grid():
    waves = [np.arange(4000.0, 5000.0), np.arange(6000.0, 7000.0, 2.0)]
    spectra = Spectra.from_arrays([w * 0 + 3 for w in waves], [w * 0 + 1 for w in waves], waves)
    assert len(spectra) == 2
    for row, wave in enumerate(waves):
        seen = STANDARD.wave[spectra.ivar[row] > 0]
        assert seen[0] == pytest.approx(wave[0], abs=2)
        assert seen[-1] == pytest.approx(wave[-1], abs=2)


def test_columns_default_to_unknown():
    spectra = batch()
    assert spectra.ids.tolist() == ["row-0", "row-1", "row-2"]
    assert not spectra.zwarn.any()
    assert np.isnan(spectra.z).all()
    assert spectra.z.dtype == np.float64
    assert spectra.classes.tolist() == ["", "", ""]
    assert dict(spectra.meta) == {}


def test_no_rows_is_a_batch_too():
    spectra = Spectra.from_arrays([], [], [4000.0])
    assert len(spectra) == 0
    assert spectra.flux.shape == (0, STANDARD.n)
    assert len(Spectra.concatenate([spectra, spectra])) == 0
    assert spectra.sn_median.shape == (0,)


def test_a_single_spectrum_without_pixels_is_an_error_and_one_of_many_is_flagged():
    empty = np.zeros(0)
    with pytest.raises(ValueError, match="no pixels"):
        Spectra.from_arrays(empty, empty, empty)
    rows = [np.ones(3), empty]
    spectra = Spectra.from_arrays(rows, rows, [np.array([4000.0, 4001.0, 4002.0]), empty])
    assert spectra.zwarn.tolist() == [0, ZWarn.NODATA | ZWarn.POORDATA]
    assert not spectra.ivar[1].any()


@pytest.mark.parametrize("grid", [[4001.0, 4001.0, 4002.0], [4000.0, 4002.0, 4001.0], [np.nan] * 3])
def test_a_bad_grid_flags_its_row_but_is_an_error_for_all(grid):
    ones = np.ones((2, 3))
    spectra = Spectra.from_arrays(ones, ones, [[4000.0, 4001.0, 4002.0], grid])
    assert spectra.zwarn.tolist() == [0, ZWarn.NODATA | ZWarn.POORDATA]
    with pytest.raises(ValueError, match="wavelengths must"):
        Spectra.from_arrays(ones, ones, grid)


def test_flags_given_are_kept_beside_those_found():
    flux = np.ones((3, 50))
    flux[1, 7] = np.nan
    ivar = np.ones((3, 50))
    ivar[2] = 0
    spectra = Spectra.from_arrays(
        flux, ivar, loglam=LATTICE.loglam, lattice=LATTICE, zwarn=[ZWarn.SKY, ZWarn.SKY, 0]
    )
    assert spectra.zwarn.tolist() == [ZWarn.SKY, ZWarn.SKY | ZWarn.POORDATA, ZWarn.NODATA]
    assert spectra.n_good.tolist() == [50, 49, 0]
    assert spectra.flux[1, 7] == 0


def test_masked_arrays_keep_their_mask():
    flux = np.ma.masked_array(np.ones(50), mask=np.arange(50) < 5)
    spectra = Spectra.from_arrays(flux, np.ones(50), loglam=LATTICE.loglam, lattice=LATTICE)
    assert spectra.n_good.tolist() == [45]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of wave"),
        ({"wave": LATTICE.wave, "loglam": LATTICE.loglam}, "exactly one of wave"),
        ({"wave": LATTICE.wave[:-1]}, "row 0: flux has 50 pixels"),
        ({"wave": [LATTICE.wave] * 3}, "wavelengths 3"),
        ({"wave": LATTICE.wave, "ids": ["a"]}, "ids has shape"),
        ({"wave": LATTICE.wave, "zwarn": [0, 0, 0]}, "zwarn has shape"),
        ({"wave": LATTICE.wave, "z": [0.1]}, "'z' has 1 rows"),
        ({"wave": LATTICE.wave, "meta": {"ra": [1.0]}}, "'ra' has 1 rows"),
    ],
)
def test_wrong_usage_raises_and_says_what(arguments, message):
    with pytest.raises(ValueError, match=message):
        Spectra.from_arrays(np.ones((2, 50)), np.ones((2, 50)), lattice=LATTICE, **arguments)


def test_cubes_are_refused():
    with pytest.raises(ValueError, match="flux must be one row"):
        Spectra.from_arrays(np.ones((2, 2, 50)), np.ones((2, 50)), LATTICE.wave)


def test_a_row_does_not_depend_on_its_company():
    """cgs fluxes leave float32's range, their neighbours must keep their bits all the same."""
    rng = np.random.default_rng(0)
    wave = np.arange(4000.0, 4040.0, 0.37)
    flux = rng.normal(1, 1, wave.size)
    alone = Spectra.from_arrays(flux, np.ones(wave.size), wave)
    cgs = flux * 1e-17, np.full(wave.size, 1e34)
    both = Spectra.from_arrays([flux, cgs[0]], [np.ones(wave.size), cgs[1]], [wave, wave])
    assert alone.flux.dtype == np.float32
    assert both.flux.dtype == np.float64
    np.testing.assert_array_equal(both.flux[0], alone.flux[0])
    np.testing.assert_array_equal(both.ivar[0], alone.ivar[0])
    good = both.ivar[1] > 0
    np.testing.assert_allclose(both.flux[1, good] * 1e17, alone.flux[0, good], rtol=1e-6, atol=1e-7)


def test_indexing_takes_rows_of_every_column():
    spectra = batch(ids=["a", "b", "c"], z=[0.1, 0.2, 0.3], meta={"ra": [1.0, 2.0, 3.0]})
    for rows in ([2, 0], np.array([2, 0])):
        part = spectra[rows]
        assert part.ids.tolist() == ["c", "a"]
        assert part.z.tolist() == [0.3, 0.1]
        assert part.meta["ra"].tolist() == [3.0, 1.0]
        np.testing.assert_array_equal(part.flux, spectra.flux[[2, 0]])
    assert spectra[1:].ids.tolist() == ["b", "c"]
    assert spectra[spectra.z > 0.15].ids.tolist() == ["b", "c"]
    assert len(spectra[[]]) == 0
    with pytest.raises(TypeError, match="not one number"):
        spectra[1]


def test_concatenate_fills_key_columns_that_a_batch_lacks():
    first = batch(1, ids=["a"], meta={"ra": [1.0], "file": ["x.fits"]})
    second = batch(2, ids=["b", "c"], meta={"plate": [7, 8]})
    joined = Spectra.concatenate([first, second])
    assert joined.ids.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(joined.meta["ra"], [1.0, np.nan, np.nan])
    np.testing.assert_array_equal(joined.meta["plate"], [np.nan, 7, 8])
    assert joined.meta["file"].tolist() == ["x.fits", "", ""]
    np.testing.assert_array_equal(joined.flux[1:], second.flux)


def test_flux_is_calibrated_where_no_key_column_says_otherwise():
    assert batch(2).calibrated.tolist() == [True, True]
    for said in (np.array([True, False]), np.array(["True", "False"]), np.array([1.0, np.nan])):
        marked = batch(2, meta={UNCALIBRATED: said})
        assert marked.calibrated.tolist() == [False, True]
        joined = Spectra.concatenate([batch(1), marked, batch(1)])
        assert joined.calibrated.tolist() == [True, False, True, True]
        assert joined[1:2].calibrated.tolist() == [False]
    several = batch(2, meta={UNCALIBRATED: np.ones((2, 3))})
    assert several.calibrated.all()  # a vector of the file's own


def test_concatenate_refuses_nothing_and_different_lattices():
    with pytest.raises(ValueError, match="nothing to concatenate"):
        Spectra.concatenate([])
    other = Spectra.from_arrays(np.ones(50), np.ones(50), LATTICE.wave)
    with pytest.raises(ValueError, match="different lattices"):
        Spectra.concatenate([batch(), other])


def test_sn_median_is_over_unmasked_pixels():
    ivar = np.full((2, 50), 4.0)
    ivar[0, :40] = 0
    ivar[1] = 0
    flux = np.full((2, 50), 3.0)
    spectra = Spectra.from_arrays(flux, ivar, loglam=LATTICE.loglam, lattice=LATTICE)
    np.testing.assert_array_equal(spectra.sn_median, [6.0, np.nan])
    assert spectra.n_good.tolist() == [10, 0]


@given(
    hnp.arrays(np.float64, (3, 20), elements=st.floats(-1e20, 1e20)),
    st.sampled_from([1.0, 1e-20, 1e25, np.nan]),
    st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_rows_that_share_a_grid_are_as_each_alone(flux, ivar, shifted):
    """To the bit, and in the precision that the row with the widest range needs."""
    grids = [36000.0e-4 + 1e-4 * np.arange(20), np.log10(np.linspace(4000, 4010, 20))]
    loglam = [grids[other] for other in shifted]
    together = Spectra.from_arrays(flux, np.full((3, 20), ivar), loglam=loglam)
    alone = [
        Spectra.from_arrays([row], [np.full(20, ivar)], loglam=[grid])
        for row, grid in zip(flux, loglam, strict=True)
    ]
    whole = Spectra.concatenate(alone)
    assert together.flux.dtype == whole.flux.dtype
    assert together.flux.tobytes() == whole.flux.tobytes()
    assert together.ivar.tobytes() == whole.ivar.tobytes()
    assert together.zwarn.tolist() == whole.zwarn.tolist()
