"""FITS tables and images as strangers write them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from astropy.io import fits
from astropy.table import Table

from gasnet3.spectra.airvac import air_to_vacuum, vacuum_to_air
from strangers.samples import CGS, LIGHT, Floats, Sample, columns, per_frequency, rows


def nm_and_millijansky(path: Path, sample: Sample) -> None:
    columns(
        path,
        LAMBDA=sample.wave / 10 * units.nm,
        FLUX_DENSITY=per_frequency(sample, sample.flux, "mJy") * units.mJy,
        FLUX_ERR=per_frequency(sample, sample.error, "mJy") * units.mJy,
    )


def frequencies(path: Path, sample: Sample) -> None:
    order = slice(None, None, -1)
    columns(
        path,
        frequency=(LIGHT / sample.wave)[order] * units.Hz,
        flux=per_frequency(sample, sample.flux, "Jy")[order] * units.Jy,
        err=per_frequency(sample, sample.error, "Jy")[order] * units.Jy,
    )


def eso_phase3(path: Path, sample: Sample) -> None:
    """One row of vectors; the UCD says air."""
    unit = "erg cm**(-2) s**(-1) angstrom**(-1)"
    n = len(sample.wave)
    made = [
        fits.Column("WAVE", f"{n}D", "angstrom", array=[vacuum_to_air(sample.wave)]),
        fits.Column("FLUX", f"{n}E", unit, array=[sample.flux * 1e-17]),
        fits.Column("ERR", f"{n}E", unit, array=[sample.error * 1e-17]),
        fits.Column("QUAL", f"{n}J", array=[(sample.ivar == 0).astype(int)]),
        fits.Column("SNR", f"{n}E", array=[sample.flux / sample.error]),
    ]
    table = fits.BinTableHDU.from_columns(made, name="SPECTRUM")
    table.header.update(
        TUTYP1="spec:Data.SpectralAxis.Value", TUCD1="em.wl;obs.atmos", VOCLASS="SPECTRUM V2.0"
    )
    primary = fits.PrimaryHDU()
    primary.header.update(PRODCATG="SCIENCE.SPECTRUM", OBJECT=sample.id, RA=1.0, DEC=2.0)
    fits.HDUList([primary, table]).writeto(path)


def jwst_x1d(path: Path, sample: Sample) -> None:
    columns(
        path,
        WAVELENGTH=sample.wave / 1e4 * units.um,
        FLUX=per_frequency(sample, sample.flux, "Jy") * units.Jy,
        FLUX_ERROR=per_frequency(sample, sample.error, "Jy") * units.Jy,
        FLUX_VAR_POISSON=np.zeros(len(sample.wave)) * units.Jy**2,
        SURF_BRIGHT=np.zeros(len(sample.wave)),
        DQ=(sample.ivar == 0).astype(np.uint32),
        BACKGROUND=np.zeros(len(sample.wave)) * units.Jy,
    )


def four_most(path: Path, sample: Sample) -> None:
    n = len(sample.wave)
    made = [
        fits.Column("WAVE", f"{n}D", "Angstrom", array=[sample.wave]),
        fits.Column("FLUX", f"{n}E", "erg/s/cm2/Angstrom", array=[sample.flux * 1e-17]),
        fits.Column("ERR_FLUX", f"{n}E", "erg/s/cm2/Angstrom", array=[sample.error * 1e-17]),
        fits.Column("QUAL", f"{n}J", array=[(sample.ivar == 0).astype(int)]),
    ]
    table = fits.BinTableHDU.from_columns(made, name="PHASE3SPECTRUM")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)


def linear(step: float = 1.0, first: float = 3610.0, last: float = 9190.0) -> Floats:
    """An even grid."""
    return np.arange(first, last, step)


def grid_cards(wave: Floats, ctype: str = "WAVE") -> dict[str, Any]:
    """FITS keywords of an even grid."""
    return {
        "CTYPE1": ctype, "CUNIT1": "Angstrom", "CRPIX1": 1.0, "CRVAL1": wave[0],
        "CDELT1": wave[1] - wave[0],
    }  # fmt: skip


def mpdaf(path: Path, sample: Sample) -> None:
    """MUSE: DATA and STAT (variance), linear air wavelengths, 1e-20 cgs."""
    air = linear(1.25, 3650, 9150)
    flux, error = sample.on(air_to_vacuum(air))
    made = []
    for name, values, unit in (
        ("DATA", flux * 1e3, "10**(-20)*erg/s/cm**2/Angstrom"),
        ("STAT", (error * 1e3) ** 2, "(10**(-20)*erg/s/cm**2/Angstrom)**2"),
    ):
        hdu = fits.ImageHDU(values.astype(np.float32), name=name)
        hdu.header.update({**grid_cards(air, "AWAV"), "BUNIT": unit})
        made.append(hdu)
    fits.HDUList([fits.PrimaryHDU(), *made]).writeto(path)


def iraf_log(path: Path, sample: Sample) -> None:
    """IRAF: log-linear, flux alone, in the primary image."""
    hdu = fits.PrimaryHDU(sample.flux.astype(np.float32))
    hdu.header.update(
        {"CTYPE1": "LINEAR", "CRPIX1": 1.0, "CRVAL1": np.log10(sample.wave[0]), "CD1_1": 1e-4,
         "CDELT1": 1e-4, "DC-FLAG": 1, "OBJECT": sample.id}
    )  # fmt: skip
    hdu.writeto(path)


def awav_log(path: Path, sample: Sample) -> None:
    """The standard's logarithmic axis in air, natural logarithm, with an error extension."""
    air = vacuum_to_air(sample.wave)
    wave = np.exp(np.linspace(np.log(air[0]), np.log(air[-1]), len(air)))
    flux, error = sample.on(air_to_vacuum(wave))
    cards = {**grid_cards(wave, "AWAV-LOG"), "CDELT1": wave[0] * np.log(wave[1] / wave[0])}
    hdu, other = fits.PrimaryHDU(flux), fits.ImageHDU(error, name="ERROR")
    hdu.header.update({**cards, "BUNIT": "1e-17 erg/s/cm2/Angstrom"})
    other.header.update(cards)
    fits.HDUList([hdu, other]).writeto(path)


def marz(path: Path, spectra: Sequence[Sample]) -> None:
    """OzDES and Marz: rows of an image, VARIANCE, WAVELENGTH, FIBRES."""
    names = np.array([sample.id for sample in spectra])
    fibres = Table({"NAME": names, "RA": [0.1, 0.2, 0.3], "DEC": [0.4, 0.5, 0.6],
                    "TYPE": ["P", "P", "P"], "MAGNITUDE": [20.0, 20.0, 20.0]})  # fmt: skip
    fits.HDUList(
        [
            fits.PrimaryHDU(rows(spectra, "flux")),
            fits.ImageHDU(rows(spectra, "error") ** 2, name="VARIANCE"),
            fits.ImageHDU(rows(spectra, "wave"), name="WAVELENGTH"),
            fits.BinTableHDU(fibres, name="FIBRES"),
        ]
    ).writeto(path)


def gama(path: Path, sample: Sample) -> None:
    """Rows of the primary image are named by keywords; linear wavelengths."""
    wave = linear(1.03, 3730, 8850)
    flux, error = sample.on(wave)
    hdu = fits.PrimaryHDU(np.stack([flux, error, flux, np.zeros_like(flux), flux]))
    hdu.header.update(
        {**grid_cards(wave), "ROW1": "Spectrum", "ROW2": "Error", "ROW3": "Spectrum_nocalib",
         "ROW4": "Error_nocalib", "ROW5": "Sky", "RA": 1.0, "DEC": 2.0, "CD1_1": 1.03,
         "SPECID": sample.id}
    )  # fmt: skip
    hdu.writeto(path)


def six_df(path: Path, sample: Sample) -> None:
    """An image of three rows: flux, variance, sky."""
    wave = linear(1.6, 3950, 7600)
    flux, error = sample.on(wave)
    hdu = fits.PrimaryHDU(np.stack([flux, error**2, np.zeros_like(flux)]))
    hdu.header.update({**grid_cards(wave, "Wavelength"), "TARGET": sample.id})
    other = hdu.copy()
    fits.HDUList(
        [fits.PrimaryHDU(), fits.ImageHDU(other.data, other.header, "SPECTRUM VR")]
    ).writeto(path)


def two_df(path: Path, sample: Sample) -> None:
    """2dFGRS: spectrum, variance and sky are extensions of one image."""
    wave = linear(4.3, 3650, 8000)
    flux, error = sample.on(wave)
    hdu = fits.PrimaryHDU(flux)
    hdu.header.update({**grid_cards(wave), "OBJECT": sample.id})
    fits.HDUList([hdu, fits.ImageHDU(error**2, name="VARIANCE")]).writeto(path)


def nan_masked(path: Path, sample: Sample) -> None:
    gone = np.arange(len(sample.wave)) % 10 == 3
    columns(
        path,
        wave=sample.wave,
        flux=np.where(gone, np.nan, sample.flux),
        error=np.where(gone, np.nan, sample.error),
    )


def masked_columns(path: Path, sample: Sample) -> None:
    """Bad pixels have a mask, and nonsense beneath."""
    bad = np.arange(len(sample.wave)) % 97 == 5
    columns(
        path,
        WAVE=sample.wave * units.AA,
        FLUX=np.where(bad, 1e4, sample.flux) * 1e-17 * CGS,
        IVAR=sample.ivar * 1e34 / CGS**2,
        MASK=(bad | (sample.ivar == 0)).astype(np.int32) * 4,
    )


def wide(path: Path, sample: Sample) -> None:
    """Ultraviolet to infrared, flat and as good as unknown where there is no spectrum."""
    wave = np.arange(3000.0, 25000.0, 1.2)
    flux, error = sample.on(wave)
    outside = ~np.isfinite(flux)
    columns(
        path,
        wavelength=wave * units.AA,
        flux=np.where(outside, 5.0, flux),
        error=np.where(outside, 1e4, error),
    )


def scaled_image(path: Path, sample: Sample) -> None:
    """16-bit integers with BSCALE, errors too, logarithmic axis of the FITS standard."""
    hdu = fits.PrimaryHDU(sample.flux)
    hdu.scale("int32", bscale=1e-4)
    error = fits.ImageHDU(np.nan_to_num(sample.error), name="ERR")
    step = np.log(10.0) * 1e-4
    for one in (hdu, error):
        one.header.update({**grid_cards(sample.wave, "WAVE-LOG"), "CDELT1": sample.wave[0] * step})
    fits.HDUList([hdu, error]).writeto(path)


def table_of_rows(path: Path, spectra: Sequence[Sample]) -> None:
    """A table with vectors; wavelengths in a second table."""
    Table(
        {
            "TARGETID": [sample.id for sample in spectra],
            "FLUX": rows(spectra, "flux"),
            "IVAR": rows(spectra, "ivar"),
        }
    ).write(path, format="fits")
    with fits.open(path, mode="append") as hdus:
        hdus.append(fits.BinTableHDU(Table({"WAVELENGTH": spectra[0].wave}), name="WAVE"))


def tables(path: Path, spectra: Sequence[Sample]) -> None:
    """A table for each, and one of the sky that looks the same."""
    made = []
    for sample in (*spectra, spectra[0]):
        values = {"WAVE": sample.wave, "FLUX": sample.flux, "ERR": sample.error}
        made.append(fits.BinTableHDU(Table(values), name=sample.id))
    made[-1].name = "SKY"
    fits.HDUList([fits.PrimaryHDU(), *made]).writeto(path)
