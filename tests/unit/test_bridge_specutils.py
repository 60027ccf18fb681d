"""specutils' containers in and out."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gasnet3 import Spectra, ZWarn
from gasnet3.bridges import from_specutils, to_specutils
from gasnet3.catalog import make_catalog
from gasnet3.machine import extras
from gasnet3.spectra.airvac import vacuum_to_air
from gasnet3.spectra.target import STANDARD

specutils = pytest.importorskip("specutils")
from astropy import units as u  # noqa: E402
from astropy.nddata import (  # noqa: E402
    InverseVariance,
    StdDevUncertainty,
    UnknownUncertainty,
    VarianceUncertainty,
)
from astropy.table import Table  # noqa: E402
from astropy.wcs import WCS  # noqa: E402

FLAM = u.Unit("1e-17 erg / (s cm2 Angstrom)")
WAVE = np.linspace(3700.0, 9100.0, 3000)


def sample(rows: int = 3) -> Spectra:
    rng = np.random.default_rng(1)
    ivar = rng.uniform(0.5, 2.0, (rows, STANDARD.n)).astype(np.float32)
    ivar[:, 100:130] = 0
    return Spectra.from_arrays(
        rng.normal(10, 1, ivar.shape).astype(np.float32),
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
            "mag": np.ones((rows, 5), np.float32) / 3,
        },
    )


def spectrum(**more: Any) -> Any:
    given_ = {
        "flux": np.linspace(1.0, 2.0, WAVE.size) * FLAM,
        "spectral_axis": WAVE * u.AA,
        "uncertainty": StdDevUncertainty(np.full(WAVE.size, 0.1)),
    }
    return specutils.Spectrum(**(given_ | more))


def direct() -> Spectra:
    return Spectra.from_arrays(
        np.linspace(1.0, 2.0, WAVE.size), np.full(WAVE.size, 0.1) ** -2.0, WAVE
    )


def assert_same(got: Spectra, expected: Spectra) -> None:
    for name in ("flux", "ivar", "ids", "z", "classes", "zwarn"):
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name), name)
    assert got.flux.dtype == expected.flux.dtype
    assert got.meta.keys() == expected.meta.keys()
    for name, column in expected.meta.items():
        np.testing.assert_array_equal(got.meta[name], column, name)
        assert got.meta[name].dtype.kind == column.dtype.kind


@pytest.mark.parametrize("stacked", [False, True])
def test_round_trip_is_exact(stacked: bool) -> None:
    spectra = sample()
    out = to_specutils(spectra, stacked=stacked)
    one = out if stacked else out[0]
    assert one.flux.unit == FLAM
    assert isinstance(one.uncertainty, InverseVariance)
    assert (np.atleast_2d(one.mask)[0] == (spectra.ivar[0] == 0)).all()
    assert_same(from_specutils(out), spectra)


@settings(max_examples=15)
@given(st.integers(1, 3), st.integers(0, 2**31), st.booleans())
def test_any_flux_comes_back(rows: int, seed: int, stacked: bool) -> None:
    rng = np.random.default_rng(seed)
    flux = (10.0 ** rng.uniform(-8, 8) * rng.normal(size=(rows, STANDARD.n))).astype(np.float32)
    ivar = np.where(rng.random(flux.shape) < 0.1, 0, rng.random(flux.shape)).astype(np.float32)
    spectra = Spectra.from_arrays(flux, ivar, loglam=STANDARD.loglam)
    assert_same(from_specutils(to_specutils(spectra, stacked=stacked)), spectra)


def test_solutions_go_along_and_are_no_labels() -> None:
    spectra = sample()
    catalog = make_catalog(
        {
            "id": ["é2", "é0", "é0"],
            "class": ["STAR", "QSO", "GALAXY"],
            "z": [0.001, 2.5, 0.3],
            "znum": [0, 0, 1],
        }
    )
    out = to_specutils(spectra, catalog)
    assert out[0].meta["solution"]["class"] == "QSO"
    assert float(out[0].redshift) == pytest.approx(2.5)
    assert "solution" not in out[1].meta
    assert_same(from_specutils(out), spectra)
    stacked = to_specutils(spectra, catalog, stacked=True)
    assert list(stacked.meta["solution"]["class"]) == ["QSO", "", "STAR"]
    np.testing.assert_array_equal(stacked.meta["solution"]["z"], [2.5, np.nan, 0.001])
    assert_same(from_specutils(stacked), spectra)
    unlabelled = sample()
    unlabelled.z[:] = np.nan
    assert np.isnan(from_specutils(to_specutils(unlabelled, catalog)).z).all()


@pytest.mark.parametrize(
    "uncertainty",
    [
        StdDevUncertainty(np.full(WAVE.size, 0.1)),
        StdDevUncertainty(np.full(WAVE.size, 0.1e-17), unit="erg/(s cm2 AA)"),
        VarianceUncertainty(np.full(WAVE.size, 0.1**2)),
        InverseVariance(np.full(WAVE.size, 0.1**-2)),
        InverseVariance(np.full(WAVE.size, 0.1**-2 * 1e34), unit=u.Unit("erg/(s cm2 AA)") ** -2),
    ],
)
def test_uncertainties_of_any_type_and_unit(uncertainty: Any) -> None:
    got = from_specutils(spectrum(uncertainty=uncertainty))
    np.testing.assert_allclose(got.ivar, direct().ivar, rtol=1e-6)
    np.testing.assert_array_equal(got.flux, direct().flux)


@pytest.mark.parametrize("uncertainty", [None, UnknownUncertainty(np.ones(STANDARD.n))])
def test_without_uncertainty_the_noise_is_estimated_and_told(uncertainty: Any) -> None:
    noise = np.random.default_rng(1).normal(10.0, 0.5, STANDARD.n)
    axis = STANDARD.wave * u.AA
    one = spectrum(uncertainty=uncertainty, flux=noise * FLAM, spectral_axis=axis)
    with pytest.warns(UserWarning, match="1 of 2 spectra have no uncertainty"):
        got = from_specutils([one, spectrum()])
    assert list(got.meta["noise_estimated"]) == [True, False]
    assert np.median(got.ivar[0][got.ivar[0] > 0]) == pytest.approx(4.0, rel=0.15)


def test_counts_are_marked() -> None:
    error = StdDevUncertainty(np.ones(WAVE.size))
    counts = spectrum(flux=np.full(WAVE.size, 7.0) * u.ct, uncertainty=error)
    got = from_specutils([counts, spectrum()])
    assert got.calibrated.tolist() == [False, True]
    assert from_specutils(to_specutils(got)).calibrated.tolist() == [False, True]


@pytest.mark.parametrize("unit", ["nm", "um", "Hz", "eV", "1/cm"])
def test_spectral_axes_of_any_unit(unit: str) -> None:
    axis = (WAVE * u.AA).to(unit, u.spectral())
    got = from_specutils(spectrum(spectral_axis=axis))
    np.testing.assert_allclose(got.flux, direct().flux, rtol=1e-6)


def test_flux_per_frequency_becomes_flux_per_wavelength() -> None:
    flux = (np.linspace(1.0, 2.0, WAVE.size) * FLAM).to(u.mJy, u.spectral_density(WAVE * u.AA))
    sigma = (np.full(WAVE.size, 0.1) * FLAM).to(u.mJy, u.spectral_density(WAVE * u.AA))
    got = from_specutils(spectrum(flux=flux, uncertainty=StdDevUncertainty(sigma)))
    np.testing.assert_allclose(got.flux, direct().flux, rtol=1e-5)
    np.testing.assert_allclose(got.ivar, direct().ivar, rtol=1e-5)


@pytest.mark.parametrize("unit", ["", "ct", "adu"])
def test_flux_that_is_no_density_is_taken_as_it_is(unit: str) -> None:
    got = from_specutils(spectrum(flux=np.linspace(1.0, 2.0, WAVE.size) * u.Unit(unit)))
    np.testing.assert_array_equal(got.flux, direct().flux)


def test_mask_and_nan() -> None:
    mask = np.zeros(WAVE.size, bool)
    mask[500:600] = True
    flux = np.linspace(1.0, 2.0, WAVE.size)
    flux[550] = np.nan
    got = from_specutils(spectrum(mask=mask, flux=flux * FLAM))
    hidden = (STANDARD.wave > WAVE[502]) & (STANDARD.wave < WAVE[597])
    assert not got.ivar[0, hidden].any()
    assert not got.zwarn[0] & ZWarn.POORDATA
    flux[1000] = np.nan
    poor = from_specutils(spectrum(mask=mask, flux=flux * FLAM))
    assert poor.zwarn[0] & ZWarn.POORDATA


def test_stacks_in_any_order_and_collections() -> None:
    flux = np.linspace(1.0, 2.0, WAVE.size) * np.arange(1.0, 7.0).reshape(2, 3, 1)
    cube = spectrum(
        flux=flux * FLAM, uncertainty=StdDevUncertainty(np.full(flux.shape, 0.1)), meta={"id": "c"}
    )
    got = from_specutils(cube)
    assert list(got.ids) == [f"c:{row}" for row in range(6)]
    np.testing.assert_allclose(got.flux[5], 6 * direct().flux[0], rtol=1e-6)
    first = spectrum(
        flux=np.moveaxis(flux, -1, 0) * FLAM,
        uncertainty=StdDevUncertainty(np.full((WAVE.size, 2, 3), 0.1)),
    )
    np.testing.assert_array_equal(from_specutils(first).flux, got.flux)
    mask = np.zeros(WAVE.size, bool)
    one = spectrum(meta={"id": "a"}, mask=mask)
    other = spectrum(meta={"id": "b"}, mask=mask, spectral_axis=(WAVE + 1) * u.AA)
    both = specutils.SpectrumCollection.from_spectra([one, other])
    assert_same(from_specutils(both), from_specutils([one, other]))


def test_lists_of_unlike_spectra() -> None:
    short = spectrum(
        flux=np.ones(50) * u.Jy,
        spectral_axis=np.linspace(5000, 6000, 50) * u.AA,
        uncertainty=StdDevUncertainty(np.ones(50)),
        meta={"TARGETID": 39627640566453451, "z": 0.5, "spectype": "QSO", "ra": 1.0},
    )
    got = from_specutils(specutils.SpectrumList([spectrum(redshift=0.3), short]))
    assert list(got.ids) == ["row-0", "39627640566453451"]
    np.testing.assert_allclose(got.z, [0.3, 0.5])
    assert list(got.classes) == ["", "QSO"]
    np.testing.assert_array_equal(got.meta["ra"], [np.nan, 1.0])
    assert len(from_specutils([])) == 0


def test_metadata_of_loaders() -> None:
    """A table with a row a spectrum tells who it is; pixels in the metadata are no key columns."""
    fibermap = Table({"TARGETID": [5, 7], "TARGET_RA": [1.0, 2.0], "FLUX_G": [0.1, 0.2]})
    meta = {
        "fibermap": fibermap,
        "int_mask": np.zeros((2, WAVE.size), np.int32),
        "bands": [["b", "r"], ["z"]],
        "night": [20210510, 20210511],
        "wide": np.zeros((2, 5)),
    }
    both = spectrum(
        flux=np.ones((2, WAVE.size)) * FLAM,
        uncertainty=InverseVariance(np.ones((2, WAVE.size))),
        meta=meta,
    )
    got = from_specutils(both)
    assert list(got.ids) == ["5", "7"]
    assert list(got.meta["ra"]) == [1.0, 2.0]
    assert set(got.meta) == {"ra", "night", "wide", "native_pixel"}


def test_wcs_and_air() -> None:
    def wcs(kind: str) -> Any:
        made = WCS(naxis=1)
        made.wcs.ctype[0], made.wcs.cunit[0] = kind, "Angstrom"
        made.wcs.crval[0], made.wcs.cdelt[0], made.wcs.crpix[0] = WAVE[0], WAVE[1] - WAVE[0], 1
        return made

    vacuum = from_specutils(spectrum(spectral_axis=None, wcs=wcs("WAVE")))
    np.testing.assert_allclose(vacuum.flux, direct().flux, rtol=1e-6)
    air = from_specutils(spectrum(spectral_axis=vacuum_to_air(WAVE) * u.AA), air=True)
    np.testing.assert_allclose(air.flux, direct().flux, rtol=1e-6)
    said = from_specutils(spectrum(spectral_axis=None, wcs=wcs("AWAV")))
    same = from_specutils(spectrum(meta={"air": True}))
    header = from_specutils(spectrum(meta={"header": {"AIRORVAC": "air", "OBJECT": "x"}}))
    np.testing.assert_allclose(said.flux, same.flux, rtol=1e-6)
    np.testing.assert_array_equal(header.flux, same.flux)
    assert (header.ids[0], vacuum.flux[0, 500] == same.flux[0, 500]) == ("x", False)


def test_sdss_files_that_specutils_read(tmp_path: Path) -> None:
    from gasnet3.io import read_file, write_spec

    spectra = sample(1)
    named = Spectra(**{**vars(spectra), "ids": np.array(["0266-51602-0001"])})
    write_spec(tmp_path / "spec.fits", named)
    one = specutils.Spectrum.read(tmp_path / "spec.fits", format="SDSS-III/IV spec")
    got = from_specutils(one)
    assert list(got.ids) == ["0266-51602-0001"]
    assert got.meta["plate"][0] == 266
    ours = read_file(tmp_path / "spec.fits")
    np.testing.assert_allclose(got.flux, ours.flux, rtol=1e-5)


def test_what_cannot_be_is_told() -> None:
    pixels = specutils.Spectrum(flux=np.ones(50) * FLAM)
    with pytest.raises(ValueError, match=r"spectrum 1: its spectral axis is in pix"):
        from_specutils([spectrum(), pixels])
    wrong = specutils.SpectrumCollection(
        flux=np.ones((2, 50)) * FLAM,
        spectral_axis=np.ones((2, 1)) * np.linspace(5000, 6000, 50) * u.AA,
        uncertainty=StdDevUncertainty(np.ones((2, 50)), unit="m"),
    )
    with pytest.raises(ValueError, match=r"spectrum 0: its uncertainty \(std\) is in m"):
        from_specutils(wrong)
    with pytest.raises(TypeError, match=r"ndarray is no Spectrum.*Spectra\.from_arrays"):
        from_specutils(np.ones(5))


def test_older_specutils(monkeypatch: pytest.MonkeyPatch) -> None:
    """specutils 1 has Spectrum1D instead of Spectrum."""
    kept, spectra = specutils.Spectrum, sample(1)
    monkeypatch.setattr(specutils, "Spectrum1D", kept)
    monkeypatch.delattr(specutils, "Spectrum")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(from_specutils(to_specutils(spectra)), spectra)


def test_a_missing_package_names_its_extra() -> None:
    with pytest.raises(ImportError, match=r"pip install 'gasnet3\[nothere\]'"):
        extras.needed("nothere")
