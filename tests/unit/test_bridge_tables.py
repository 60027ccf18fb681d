"""Spectra and catalogs to and from astropy tables, pandas and xarray."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, QTable, Table
from hypothesis import given, settings
from hypothesis import strategies as st

from gasnet3 import Spectra, ZWarn
from gasnet3.bridges import (
    catalog_from_pandas,
    catalog_to_pandas,
    from_pandas,
    from_table,
    from_xarray,
    to_pandas,
    to_table,
    to_xarray,
)
from gasnet3.catalog import make_catalog
from gasnet3.spectra.airvac import vacuum_to_air
from gasnet3.spectra.target import STANDARD

WAVE = np.linspace(3700.0, 9100.0, 500)
FLUX = np.linspace(1.0, 2.0, WAVE.size)


def sample(rows: int = 3, seed: int = 1) -> Spectra:
    rng = np.random.default_rng(seed)
    ivar = rng.uniform(0.5, 2.0, (rows, STANDARD.n)).astype(np.float32)
    ivar[:, 100:130] = 0
    return Spectra.from_arrays(
        10.0 ** rng.uniform(-6, 6) * rng.normal(10, 1, ivar.shape).astype(np.float32),
        ivar,
        loglam=STANDARD.loglam,
        ids=[f"é{row}" for row in range(rows)],
        z=np.where(np.arange(rows) == 1, np.nan, 0.1 + 0.2),
        classes=["QSO", "", "STAR"][:rows],
        zwarn=[int(ZWarn.SKY), 0, 0][:rows],
        meta={
            "plate": np.arange(rows),
            "ra": np.linspace(0, 1, rows),
            "name": ["a", "", "c"][:rows],
            "targetid": 39627640566453451 + np.arange(rows),
            "mag": np.ones((rows, 5), np.float32) / 3,
        },
    )


def direct(rows: int = 1) -> Spectra:
    flux = FLUX * np.arange(1, rows + 1)[:, None]
    return Spectra.from_arrays(flux, np.full(flux.shape, 100.0), WAVE)


def assert_same(got: Spectra, expected: Spectra) -> None:
    for name in ("flux", "ivar", "ids", "z", "classes", "zwarn"):
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name), name)
    assert got.flux.dtype == expected.flux.dtype
    assert set(got.meta) == set(expected.meta)
    for name, column in expected.meta.items():
        np.testing.assert_array_equal(got.meta[name], column, name)
        assert got.meta[name].dtype.kind == column.dtype.kind


TRIPS: dict[str, Callable[[Spectra], Spectra]] = {
    "table": lambda spectra: from_table(to_table(spectra)),
    "pandas": lambda spectra: from_pandas(to_pandas(spectra)),
    "xarray": lambda spectra: from_xarray(to_xarray(spectra)),
}


@pytest.mark.parametrize("trip", TRIPS.values(), ids=TRIPS.keys())
@pytest.mark.parametrize("rows", [1, 3])
def test_round_trips_are_exact(trip: Callable[[Spectra], Spectra], rows: int) -> None:
    assert_same(trip(sample(rows)), sample(rows))


@settings(max_examples=12)
@given(st.sampled_from(sorted(TRIPS)), st.integers(1, 3), st.integers(0, 1000))
def test_any_flux_comes_back(trip: str, rows: int, seed: int) -> None:
    assert_same(TRIPS[trip](sample(rows, seed)), sample(rows, seed))


@pytest.mark.parametrize("trip", TRIPS.values(), ids=TRIPS.keys())
def test_flux_in_cgs_and_no_spectra_at_all(trip: Callable[[Spectra], Spectra]) -> None:
    """Numbers that float32 cannot hold stay float64, to the bit."""
    flux = 1e-17 * sample(1).flux.astype(np.float64)
    tiny = Spectra.from_arrays(flux, np.full(flux.shape, 1.1e36), loglam=STANDARD.loglam)
    assert tiny.flux.dtype == np.float64
    back = trip(tiny)
    np.testing.assert_array_equal(back.flux, tiny.flux)
    np.testing.assert_array_equal(back.ivar, tiny.ivar)
    assert len(trip(sample()[:0])) == 0


def test_a_table_of_spectra_with_units() -> None:
    table = QTable(
        {
            "NAME": ["a", "b"],
            "lambda": np.tile(WAVE / 10, (2, 1)) * u.nm,
            "F": np.stack([FLUX, 2 * FLUX]) * u.Unit("1e-16 erg/(s cm2 AA)"),
            "sigma": np.full((2, WAVE.size), 1.0) * u.Unit("1e-17 erg/(s cm2 AA)"),
            "RA": [1.0, 2.0] * u.deg,
        }
    )
    got = from_table(table)
    np.testing.assert_allclose(got.flux, 10 * direct(2).flux, rtol=1e-6)
    np.testing.assert_allclose(got.ivar, direct(2).ivar / 100, rtol=1e-6)
    assert list(got.ids) == ["a", "b"]
    np.testing.assert_array_equal(got.meta["ra"], [1.0, 2.0])


def test_roles_units_and_air_that_the_caller_tells() -> None:
    table = Table({"x": [vacuum_to_air(WAVE) / 1e4], "y": [FLUX], "q": [np.full(WAVE.size, 0.1)]})
    got = from_table(
        table, columns={"wave": "x", "flux": "y", "error": "q"}, units={"wave": "um"}, air=True
    )
    np.testing.assert_allclose(got.flux, direct().flux, rtol=1e-6)
    assert list(got.ids) == ["row"]


def test_one_pixel_a_row() -> None:
    table = Table({"wave": WAVE, "flux": FLUX, "error": np.full(WAVE.size, 0.1)})
    np.testing.assert_array_equal(from_table(table).flux, direct().flux)
    ids = np.repeat(["b", "a"], WAVE.size)
    rows = {
        "id": ids,
        "wave": np.tile(WAVE, 2),
        "flux": np.concatenate([FLUX, 2 * FLUX]),
        "error": np.full(2 * WAVE.size, 0.1),
        "z": np.repeat([0.5, 0.25], WAVE.size),
    }
    got = from_table(Table(rows)[np.argsort(rows["flux"], kind="stable")])
    assert sorted(got.ids) == ["a", "b"]
    long = from_table(Table(rows))
    assert list(long.ids) == ["b", "a"]
    np.testing.assert_allclose(long.flux, direct(2).flux, rtol=1e-6)
    np.testing.assert_array_equal(long.z, [0.5, 0.25])


def test_masked_cells_are_masked_pixels() -> None:
    flux = MaskedColumn(FLUX, mask=np.arange(WAVE.size) == 200)
    got = from_table(Table({"wave": WAVE, "flux": flux, "error": np.full(WAVE.size, 0.1)}))
    assert not got.ivar[0, np.abs(STANDARD.wave - WAVE[200]) < 4].any()
    assert got.zwarn[0] & ZWarn.POORDATA


def test_without_errors_the_noise_is_estimated_and_told() -> None:
    noise = np.random.default_rng(1).normal(10.0, 0.5, (2, WAVE.size))
    table = Table({"wave": np.tile(WAVE, (2, 1)), "flux": noise, "mag": [1.0, 2.0]})
    with pytest.warns(UserWarning, match="2 of 2 spectra have no uncertainty"):
        got = from_table(table)
    assert list(got.meta["noise_estimated"]) == [True, True]
    assert list(got.meta["mag"]) == [1.0, 2.0]
    assert list(got.ids) == ["row:0", "row:1"]


def test_what_is_said_of_noise_and_calibration_comes_back_once() -> None:
    said = {"noise_estimated": np.array([False, False]), "flux_uncalibrated": [True, False]}
    spectra = sample()[:2]
    meta = {name: np.array(column) for name, column in said.items()}
    again = from_table(to_table(replace(spectra, meta=meta)))
    assert again.meta.keys() == said.keys()
    assert again.calibrated.tolist() == [False, True]


def test_flags_of_a_fit_are_not_flags_of_the_input() -> None:
    table = to_table(sample())
    table["zwarn"][1] = int(ZWarn.SMALL_DELTA_CHI2 | ZWarn.UNPLUGGED)
    assert from_table(table).zwarn[1] == ZWarn.UNPLUGGED


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (Table({"x": WAVE, "y": FLUX}), "cannot tell which array is the flux"),
        (Table({"flux": [FLUX]}), "cannot tell where the wavelengths are"),
        (Table({"flux": FLUX[:5], "wave": WAVE[:5]}), "5 rows of numbers are no spectrum"),
        (Table({"flux": [FLUX], "wave": [WAVE[:9]]}), "flux has 500 pixels, its wavelengths 9"),
        (Table(), "no spectrum"),
    ],
)
def test_what_makes_no_spectra_is_told(table: Table, said: str) -> None:
    with pytest.raises(ValueError, match=f"the table makes no spectra: .*{said}"):
        from_table(table)


def test_frames_with_lists_of_any_length() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "targetid": [39627640566453451, 5],
            "wavelength": [WAVE.tolist(), WAVE[:300].tolist()],
            "flux": [FLUX.tolist(), FLUX[:300].tolist()],
            "ivar": [[100.0] * 500, [100.0] * 300],
            "note": ["a", None],
            "mag": pandas.array([1, None], dtype="Int64"),
        }
    )
    got = from_pandas(frame)
    assert list(got.ids) == ["39627640566453451", "5"]
    np.testing.assert_allclose(got.flux[0], direct().flux[0], rtol=1e-6)
    assert got.n_good[1] < got.n_good[0]
    assert list(got.meta["note"]) == ["a", ""]
    np.testing.assert_array_equal(got.meta["mag"], [1.0, np.nan])


def test_nested_frames() -> None:
    nested = pytest.importorskip("nested_pandas")
    pandas = pytest.importorskip("pandas")
    pixels = pandas.DataFrame(
        {
            "wave": np.tile(WAVE, 2),
            "flux": np.concatenate([FLUX, 2 * FLUX]),
            "error": np.full(2 * WAVE.size, 0.1),
        },
        index=np.repeat([0, 1], WAVE.size),
    )
    frame = nested.NestedFrame({"id": ["a", "b"]}).join_nested(pixels, "spectrum")
    got = from_pandas(frame)
    assert list(got.ids) == ["a", "b"]
    np.testing.assert_allclose(got.flux, direct(2).flux, rtol=1e-6)


def catalog() -> Table:
    return make_catalog(
        {
            "id": ["é0", "é0", "é2"],
            "class": ["QSO", "STAR", "GALAXY"],
            "z": [0.1 + 0.2, 0.0, np.nan],
            "znum": [0, 1, 0],
            "coeff": [[1.0, np.nan], [2.0, 3.0], [0.1, 5.0]],
            "wave_min": [3600.0, 3600.0, np.nan],
        },
        {"ra": [1.0, 1.0, 2.0], "good": [True, True, False], "n": np.int16([1, 2, 3])},
        {"solver": "hybrid"},
    )


@pytest.mark.parametrize("expand", [False, True])
def test_catalogs_to_pandas_and_back(expand: bool) -> None:
    pytest.importorskip("pandas")
    table = catalog()
    frame = catalog_to_pandas(table, expand=expand)
    assert ("coeff_1" in frame, "coeff" in frame) == (expand, not expand)
    assert frame.attrs["units"]["wave_min"] == "Angstrom"
    assert frame[frame["class"] == "QSO"]["z"].iloc[0] == 0.1 + 0.2
    back = catalog_from_pandas(frame)
    assert back.colnames == table.colnames
    for name in table.colnames:
        np.testing.assert_array_equal(back[name], table[name])
        assert back[name].dtype.kind == table[name].dtype.kind
        assert back[name].unit == table[name].unit
    assert back.meta["gasnet3"] == {"solver": "hybrid"}


def test_datasets_have_dimensions_units_and_solutions() -> None:
    xarray = pytest.importorskip("xarray")
    dataset = to_xarray(sample(), catalog())
    assert dict(dataset.flux.sizes) == {"spectrum": 3, "wave": STANDARD.n}
    assert dataset.wave.attrs == {"units": "Angstrom", "medium": "vacuum"}
    assert list(dataset.solution_class.values) == ["QSO", "", "GALAXY"]
    assert json.loads(dataset.attrs["gasnet3"]) == {"solver": "hybrid"}
    assert_same(from_xarray(dataset), sample())
    part = dataset.isel(spectrum=slice(1, 3)).sel(wave=slice(5000, 6000))
    got = from_xarray(part)
    assert list(got.ids) == ["é1", "é2"]
    assert (got.ivar > 0).any(axis=0).sum() == (
        (STANDARD.wave > 5000) & (STANDARD.wave < 6000)
    ).sum()
    assert isinstance(dataset, xarray.Dataset)


def test_datasets_of_others() -> None:
    xarray = pytest.importorskip("xarray")
    one = xarray.Dataset(
        {"flux": ("pixel", FLUX), "error": ("pixel", np.full(WAVE.size, 0.1)), "z": 0.5},
        {"wavelength": ("pixel", WAVE / 10, {"units": "nm"})},
    )
    got = from_xarray(one)
    np.testing.assert_allclose(got.flux, direct().flux, rtol=1e-6)
    assert list(got.z) == [0.5]
    turned = xarray.Dataset(
        {
            "flux": (("pixel", "fibre"), direct(2).flux.T),
            "ivar": (("pixel", "fibre"), direct(2).ivar.T),
        },
        {"loglam": ("pixel", STANDARD.loglam), "fibre": [3, 4]},
    )
    got = from_xarray(turned)
    np.testing.assert_array_equal(got.flux, direct(2).flux)
    np.testing.assert_array_equal(got.meta["fibre"], [3, 4])
    air = one.assign_coords(wavelength=("pixel", WAVE, {"medium": "air"}))
    np.testing.assert_array_equal(from_xarray(air).flux, from_xarray(one, air=True).flux)
    assert (from_xarray(air).flux != from_xarray(one).flux).any()
    with pytest.raises(ValueError, match="which dimension of x is that of the pixels"):
        from_xarray(xarray.Dataset({"a": ("x", FLUX)}))
    cube = xarray.Dataset({"flux": (("x", "y", "wave"), np.ones((2, 2, 500)))}, {"wave": WAVE})
    with pytest.raises(ValueError, match="along x, y: stack"):
        from_xarray(cube)
