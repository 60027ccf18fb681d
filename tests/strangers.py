"""Files as strangers write them: the bundled spectra in forms that nobody agreed with us.

Unlike ``mock_generic.py`` these keep real noise, masks and several spectra, so that classes and
redshifts can be compared with those of the spec files they are made from.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from gasnet3 import samples
from gasnet3.airvac import air_to_vacuum, vacuum_to_air
from gasnet3.io import ReadOptions

Floats = NDArray[np.float64]
CGS = units.Unit("erg / (s cm2 Angstrom)")
LIGHT = 2.99792458e18
"""Å/s."""


@dataclass(frozen=True)
class Sample:
    """A bundled spectrum: vacuum Å, 1e-17 erg/s/cm²/Å, ``ivar`` 0 where masked."""

    id: str
    cls: str
    z: float
    path: Path
    wave: Floats
    flux: Floats
    ivar: Floats

    @property
    def error(self) -> Floats:
        """1 σ; NaN where masked."""
        return np.divide(
            1.0, np.sqrt(self.ivar), out=np.full(len(self.ivar), np.nan), where=self.ivar > 0
        )

    def on(self, wave: Floats) -> tuple[Floats, Floats]:
        """Flux and error on another grid; as survey pipelines resample, pixel by pixel."""
        good = self.ivar > 0
        flux = np.interp(wave, self.wave[good], self.flux[good], left=np.nan, right=np.nan)
        return flux, np.interp(wave, self.wave[good], self.error[good], left=np.nan, right=np.nan)


def chosen(count: int = 3) -> list[Sample]:
    """One or more bundled spectra of each class."""
    with samples.TRUTH.open() as stream:
        truth = list(csv.DictReader(stream))
    found = []
    for row in truth[:count]:
        path = samples.DIRECTORY / row["file"]
        table = fits.getdata(path, 1)
        wave, flux, ivar = (np.asarray(table[name], float) for name in ("loglam", "flux", "ivar"))
        found.append(Sample(row["id"], row["class"], float(row["z"]), path, 10.0**wave, flux, ivar))
    return found


Made = list[Path]
Write = Callable[[Path, Sequence[Sample]], Made]


def each(ending: str, one: Callable[[Path, Sample], Any]) -> Write:
    """A form with a file for each spectrum."""

    def write(directory: Path, spectra: Sequence[Sample]) -> Made:
        paths = [directory / f"{sample.id}{ending}" for sample in spectra]
        for path, sample in zip(paths, spectra, strict=True):
            one(path, sample)
        return paths

    return write


def together(name: str, one: Callable[[Path, Sequence[Sample]], Any]) -> Write:
    """A form with one file for all spectra."""

    def write(directory: Path, spectra: Sequence[Sample]) -> Made:
        one(directory / name, spectra)
        return [directory / name]

    return write


def rows(spectra: Sequence[Sample], name: str) -> Floats:
    """A property of all spectra, one a row; they share their wavelengths."""
    return np.stack([getattr(sample, name) for sample in spectra])


def per_frequency(sample: Sample, values: Floats, unit: str) -> Floats:
    """Flux or error per frequency."""
    density = units.spectral_density(sample.wave * units.AA)
    return np.asarray((values * 1e-17 * CGS).to_value(unit, density))


def columns(path: Path, **named: Any) -> None:
    """A FITS table of quantities or arrays."""
    Table(named).write(path, format="fits")


def text(path: Path, header: str, *values: Floats, mark: str = " ") -> None:
    """A table of text."""
    lines = [mark.join(f"{value:.8g}" for value in row) for row in zip(*values, strict=True)]
    path.write_text("\n".join([*([header] if header else []), *lines]) + "\n")


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


def ecsv(path: Path, sample: Sample) -> None:
    unit = units.Unit("W / (m2 um)")
    Table(
        {
            "wavelength": sample.wave / 1e4 * units.um,
            "flux": (sample.flux * 1e-17 * CGS).to(unit),
            "uncertainty": (sample.error * 1e-17 * CGS).to(unit),
        }
    ).write(path, format="ascii.ecsv")


def mmu_hdf5(path: Path, spectra: Sequence[Sample]) -> None:
    """As the MultimodalUniverse writes a healpix of DESI or SDSS."""
    import h5py

    with h5py.File(path, "w") as file:
        for name, values in (
            ("spectrum_flux", rows(spectra, "flux")),
            ("spectrum_ivar", rows(spectra, "ivar")),
            ("spectrum_lambda", rows(spectra, "wave")),
            ("spectrum_mask", rows(spectra, "ivar") == 0),
            ("Z", np.array([0.0, 0.0, 0.0])),
            ("ZERR", np.array([0.0, 0.0, 0.0])),
            ("ra", np.array([1.0, 2.0, 3.0])),
            ("dec", np.array([1.0, 2.0, 3.0])),
            ("object_id", np.array([sample.id.encode() for sample in spectra])),
        ):
            file[name] = values


def big_endian_hdf5(path: Path, spectra: Sequence[Sample]) -> None:
    """Groups, big-endian numbers, one grid, log10."""
    import h5py

    with h5py.File(path, "w") as file:
        group = file.create_group("coadd")
        group["loglam"] = np.log10(spectra[0].wave).astype(">f8")
        group["flux"] = rows(spectra, "flux").astype(">f4")
        group["ivar"] = rows(spectra, "ivar").astype(">f4")
        group["specobjid"] = np.array([sample.id.encode() for sample in spectra])


def nested_parquet(path: Path, spectra: Sequence[Sample]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    nested = [
        {"flux": s.flux.tolist(), "ivar": s.ivar.tolist(), "lambda": s.wave.tolist(),
         "mask": (s.ivar == 0).tolist()}
        for s in spectra
    ]  # fmt: skip
    pq.write_table(pa.table({"object_id": [s.id for s in spectra], "spectrum": nested}), path)


def sparcl_parquet(path: Path, spectra: Sequence[Sample]) -> None:
    """Lists of any length, labels beside them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    cut = [slice(0, 4000), slice(10, None), slice(None)]
    named: dict[str, list[Any]] = {
        name: [getattr(s, of)[part].tolist() for s, part in zip(spectra, cut, strict=False)]
        for name, of in (("flux", "flux"), ("wavelength", "wave"), ("ivar", "ivar"))
    }
    named |= {"sparcl_id": [s.id for s in spectra], "redshift": [s.z for s in spectra],
              "spectype": [s.cls for s in spectra]}  # fmt: skip
    pq.write_table(pa.table(named), path)


def zarr_store(path: Path, spectra: Sequence[Sample]) -> None:
    import zarr

    group = zarr.open_group(path, mode="w")
    for name, values in (
        ("wave", spectra[0].wave),
        ("flux", rows(spectra, "flux")),
        ("error", rows(spectra, "error")),
    ):
        array = group.create_array(name, shape=values.shape, dtype=values.dtype)
        array[:] = values


def netcdf(path: Path, spectra: Sequence[Sample]) -> None:
    """As xarray writes it with h5netcdf: dimensions, attributes."""
    import h5py

    with h5py.File(path, "w") as file:
        file["wavelength"] = spectra[0].wave / 10
        file["wavelength"].attrs["units"] = "nm"
        file["flux"] = rows(spectra, "flux") * 1e-17
        file["flux"].attrs["units"] = "erg/s/cm^2/Angstrom"
        file["flux_error"] = rows(spectra, "error") * 1e-17
        file["flux_error"].attrs["units"] = "erg/s/cm^2/Angstrom"
        file["target"] = np.array([sample.id.encode() for sample in spectra])


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


def descending(path: Path, sample: Sample) -> None:
    order = slice(None, None, -1)
    values = (sample.wave[order], sample.flux[order], sample.error[order])
    text(path, "wavelength,flux,flux_error", *values, mark=",")


def wide(path: Path, sample: Sample) -> None:
    """Ultraviolet to infrared, flat where there is no spectrum."""
    wave = np.arange(3000.0, 25000.0, 1.2)
    flux, error = sample.on(wave)
    outside = ~np.isfinite(flux)
    columns(
        path,
        wavelength=wave * units.AA,
        flux=np.where(outside, 5.0, flux),
        error=np.where(outside, 1.0, error),
    )


def without_unit_cgs(path: Path, sample: Sample) -> None:
    text(path, "# lambda flux sigma", sample.wave, sample.flux * 1e-17, sample.error * 1e-17)


def zipped(write: Callable[[Path, Sample], Any]) -> Callable[[Path, Sample], Any]:
    """The same, zipped."""

    def one(path: Path, sample: Sample) -> None:
        plain = path.with_suffix("")
        write(plain, sample)
        path.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()

    return one


def semicolons(path: Path, sample: Sample) -> None:
    """A spreadsheet of a country with decimal commas."""
    lines = ["lambda;flux;error"]
    for row in zip(sample.wave, sample.flux, sample.error, strict=True):
        lines.append(";".join(f"{value:.6f}".replace(".", ",") for value in row))
    path.write_text("\n".join(lines) + "\n")


def with_index(path: Path, sample: Sample) -> None:
    """As pandas writes it: an index without a name, NaN empty."""
    lines = [",wave,flux,ivar"]
    for at, row in enumerate(zip(sample.wave, sample.flux, sample.ivar, strict=True)):
        lines.append(f"{at}," + ",".join(f"{value:.8g}" for value in row))
    path.write_text("\n".join(lines) + "\n")


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


def tidy(path: Path, spectra: Sequence[Sample]) -> None:
    """All spectra one below the other, a pixel a row, as data frames are kept."""
    lines = ["objid,wave,flux,err,exptime"]
    for sample in spectra:
        for row in zip(sample.wave, sample.flux, sample.error, strict=True):
            lines.append(f"{sample.id}," + ",".join(f"{value:.8g}" for value in row) + ",900")
    path.write_text("\n".join(lines) + "\n")


def partial(path: Path, sample: Sample) -> None:
    inside = (sample.wave > 5000) & (sample.wave < 7000)
    text(path, "", sample.wave[inside], sample.flux[inside], sample.error[inside], mark=",")


FORMS: dict[str, Write] = {
    "nm and mJy": each(".fits", nm_and_millijansky),
    "frequencies and Jy": each(".fits", frequencies),
    "ESO phase 3": each(".fits", eso_phase3),
    "JWST x1d": each(".fits", jwst_x1d),
    "4MOST": each(".fits", four_most),
    "MUSE": each(".fits", mpdaf),
    "IRAF log": each(".fits", iraf_log),
    "AWAV-LOG": each(".fits", awav_log),
    "Marz": together("marz.fits", marz),
    "GAMA": each(".fit", gama),
    "6dF": each(".fits", six_df),
    "2dF": each(".fits", two_df),
    "ECSV": each(".ecsv", ecsv),
    "MMU": together("mmu.hdf5", mmu_hdf5),
    "big-endian HDF5": together("big.h5", big_endian_hdf5),
    "NetCDF": together("cube.nc", netcdf),
    "nested Parquet": together("nested.parquet", nested_parquet),
    "SPARCL": together("sparcl.parquet", sparcl_parquet),
    "Zarr": together("store.zarr", zarr_store),
    "NaN": each(".fits", nan_masked),
    "mask": each(".fits", masked_columns),
    "descending": each(".csv", descending),
    "no header": each(".csv", lambda p, s: text(p, "", s.wave, s.flux, s.error, mark=",")),
    "two columns": each(".txt", lambda p, s: text(p, "# wave flux", s.wave, s.flux)),
    "tabs": each(
        ".dat",
        lambda p, s: text(p, "loglam\tflux\tivar", np.log10(s.wave), s.flux, s.ivar, mark="\t"),
    ),
    "no unit, cgs": each(".txt", without_unit_cgs),
    "semicolons": each(".csv", semicolons),
    "pandas": each(".csv", with_index),
    "wide": each(".fits", wide),
    "zipped FITS": each(".fits.gz", zipped(nm_and_millijansky)),
    "zipped text": each(".csv.gz", zipped(descending)),
    "integers": each(".fits", scaled_image),
    "table of rows": together("rows.fits", table_of_rows),
    "tables": together("tables.fits", tables),
    "tidy": together("tidy.csv", tidy),
    "5000 to 7000": each(".csv", partial),
}

TOLD = {"6dF": ReadOptions(columns=(("flux", "ROW1"), ("variance", "ROW2")))}
"""What must be said of the forms that do not tell all."""
