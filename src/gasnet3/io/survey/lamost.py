"""Reader of LAMOST low-resolution spectra, of all data releases: one spectrum a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.flags import ZWarn
from gasnet3.io import fits_table
from gasnet3.io.errors import ReadError
from gasnet3.io.fits_table import Header, header_float, header_int, header_text
from gasnet3.io.naming import class_label, names_of
from gasnet3.io.packed import open_unpacked
from gasnet3.io.reader import SingleSpectrumReader, Understood, one_spectrum
from gasnet3.io.survey.sdss import as_key
from gasnet3.machine.typing import Floats
from gasnet3.spectra.airvac import air_to_vacuum
from gasnet3.spectra.batch import ARM_JOINS, RESOLUTION, Spectra
from gasnet3.spectra.resolution import sigma_of_power

RESIDUALS = ((5700.0, 5880.0), (6296.0, 6309.0), (6361.0, 6370.0), (9000.0, np.inf))
"""Å; masked in every spectrum: where the arms are joined, [O I] sky lines, and the red end.

The join is the faint end of both arms: their steps look like broad lines. Sky is left in the other
ranges that the inverse variance does not know of, and no mask of LAMOST's marks it: in 339 spectra
of stars the mean squared pull against a running median (41 pixels, in units of the spectrum's own
scatter) is 8 and 5 at the lines and 9 to 16 beyond 9000 Å, 1 to 2.5 in the continuum beside them,
and 1.4 at 5577 Å, where the inverse variance is as low as it must be. Na I 5891 is kept.
"""

JOIN = 5790.0
"""Å; where the arms join, amid what is masked. Their levels are not always the same."""

POWER = 1800.0
"""Resolving power of low resolution, as LAMOST states it; its files do not."""

_TELESCOPE = re.compile(rb"TELESCOP= 'LAMOST")
_COADD = ("FLUX", "IVAR", "WAVELENGTH", "ANDMASK", "LOGLAM")
_MEDIUM = re.compile(r"COADD_[BR]|[BR]-\d+")
_WIDEST = (3000.0, 12000.0)
_FIBERS = {
    "SKY": ZWarn.SKY,
    "DEAD": ZWarn.UNPLUGGED,
    "UNUSED": ZWarn.UNPLUGGED,
    "POSERR": ZWarn.BAD_TARGET,
}
"""What the type of a fibre (FIBERTYP, FIB_TYPE) says; Obj and F-std are targets."""


class LamostReader(SingleSpectrumReader):
    """LAMOST low resolution, plain or gzipped: images of rows (DR1 to DR8) or tables (later).

    The rows of the image are flux, inverse variance, wavelength (DR1 of 2013: the flux over its
    continuum), and-mask and or-mask; the table COADD has columns of these names. The wavelength
    of pixel i is ``10^(COEFF0 + COEFF1·i)`` Å, and only without these keywords that of the file.
    Masked are pixels whose and-mask is not 0, those whose flux is exactly 0, with which the red
    end is filled up, and :data:`RESIDUALS`.
    """

    name = "lamost"

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether the primary header of a FITS file names the telescope LAMOST."""
        return _TELESCOPE.search(fits_table.primary_cards(head)) is not None

    def read(self, path: Path) -> Spectra:
        """Read the one spectrum of a file.

        Returns
        -------
        Spectra
            One row: relative flux density; ``id`` is the OBSID, before DR2
            ``LMJD-PLANID_spSPID-FIBERID`` as in the file's name; key columns ``obsid, desig,
            lmjd, planid, spid, fiberid, ra, dec`` (degrees) where known, ``arm_join_1`` (Å),
            ``resolution_sigma`` and ``file``; labels CLASS and Z of the header, where they are not
            -9999.

        Raises
        ------
        ReadError
            If the file is not complete, not such a file, or of medium resolution.
        """
        found = _load(path)
        masked = (found.mask != 0) | (found.flux == 0)
        wave = 10.0**found.loglam
        for first, last in RESIDUALS:
            masked |= (wave > first) & (wave < last)
        ivar = np.where(masked, 0.0, found.ivar)
        more = {ARM_JOINS[0]: JOIN, RESOLUTION: float(sigma_of_power(POWER))}
        meta = _keys(found.header) | more
        label, z = header_text(found.header, "CLASS"), header_float(found.header, "Z")
        name, flags = _identifier(meta, path), _flags(found.header)
        z = z if -1 < z < 20 else np.nan
        arrays = found.flux, ivar, found.loglam
        return one_spectrum(path, arrays, name, flags, z, class_label(label), meta)

    def explain(self, path: Path) -> Understood:
        """What is taken from where, and what is not used."""
        found = _load(path)
        where = "column {} of HDU 1" if found.table else "row {} of the primary image"
        places = ("FLUX", "IVAR", "ANDMASK") if found.table else (0, 1, 3)
        used = [("wave", found.wavelengths)]
        used += [
            (role, where.format(place))
            for role, place in zip(("flux", "ivar", "mask"), places, strict=True)
        ]
        used += [(role, key) for role, key in _roles(found.header)]
        ignored = ["or-mask: not used", "SUBCLASS, Z_ERR: not used"]
        ignored.append("NORMALIZATION: not used" if found.table else "row 2 of the image: not used")
        assumed = ["flux is relative: LAMOST has no absolute calibration"]
        return Understood(used, [*assumed, f"resolution: R = {POWER:g}"], ignored)


@dataclass(frozen=True)
class _File:
    """What of a file is used, shape (pixels,) each; ``loglam`` in vacuum."""

    header: Header
    flux: Floats
    ivar: Floats
    mask: NDArray[Any]
    loglam: Floats
    wavelengths: str
    table: bool


def _load(path: Path) -> _File:
    with open_unpacked(path) as stream:
        header = fits_table.read_primary(stream, path)
        if header_int(header, "NAXIS") == 2:
            image = fits_table.read_image(stream, header, path)
            if len(image) < 4:
                raise ReadError(path, f"its image has {len(image)} rows, not flux, ivar and masks")
            rows = {"FLUX": image[0], "IVAR": image[1], "WAVELENGTH": image[2], "ANDMASK": image[3]}
            table = False
        else:
            fits_table.skip_data(stream, header, path)
            rows, table = _table(stream, path), True
    with np.errstate(invalid="ignore"):
        rows = {name: values.astype(np.float64) for name, values in rows.items()}
    loglam, wavelengths = _wavelengths(path, header, rows)
    mask = rows.get("ANDMASK", np.zeros(len(loglam)))
    for values in (rows["IVAR"], mask):
        if values.shape != rows["FLUX"].shape:
            raise ReadError(path, "flux, ivar and and-mask differ in length; fetch the file again")
    return _File(header, rows["FLUX"], rows["IVAR"], mask, loglam, wavelengths, table)


def _table(stream: Any, path: Path) -> dict[str, NDArray[Any]]:
    """The columns of the first extension, one row of arrays or one row a pixel."""
    header = fits_table.read_header(stream, path)
    name = "" if header is None else header_text(header, "EXTNAME")
    if _MEDIUM.match(name):
        raise ReadError(
            path,
            "a LAMOST medium-resolution file: its arms cover 4950-5350 and 6300-6800 Å, too "
            "little for class and redshift; only low resolution is read, leave it out",
        )
    if header is None or not fits_table.is_table(header):
        raise ReadError(path, "it has neither an image nor a table; fetch the file again")
    found = fits_table.read_columns(stream, header, path, _COADD, arrays=True)
    missing = [column for column in ("FLUX", "IVAR") if column not in found]
    if missing:
        raise ReadError(path, f"its first table has no column {', '.join(missing)}")
    if any(values.dtype.kind not in "fi" for values in found.values()):
        raise ReadError(path, "a column of its first table is text; fetch the file again")
    if any(values.ndim == 2 and len(values) != 1 for values in found.values()):
        raise ReadError(path, "its first table has not one row; is it a LAMOST spectrum?")
    return {column: values.ravel() for column, values in found.items()}


def _wavelengths(path: Path, header: Header, rows: dict[str, Floats]) -> tuple[Floats, str]:
    """log10 of the wavelengths in vacuum Å, and where they are from."""
    pixels = len(rows["FLUX"])
    zero, step = header_float(header, "COEFF0"), header_float(header, "COEFF1")
    air = re.match(rb"= *F", header.get(b"VACUUM  ", b"")) is not None
    frame = "air Å, converted to vacuum" if air else "vacuum Å"
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        loglam: Floats = zero + step * np.arange(pixels, dtype=np.float64)
        source = f"10^(COEFF0 + COEFF1·i) of the header [{frame}]"
        if not np.isfinite(loglam).all():
            source = f"wavelengths beside the flux [{frame}]"
            loglam = np.log10(rows.get("WAVELENGTH", np.zeros(0)))
            if "LOGLAM" in rows:
                loglam = rows["LOGLAM"]
        wave = 10.0**loglam
        good = len(wave) == pixels > 1 and bool((np.diff(wave) > 0).all())
        good = good and _WIDEST[0] < wave[0] < wave[-1] < _WIDEST[1]
        if not good:
            raise ReadError(
                path,
                "its wavelengths (COEFF0 and COEFF1, or WAVELENGTH) do not rise from above "
                f"{_WIDEST[0]:g} to below {_WIDEST[1]:g} Å; fetch the file again",
            )
        return (np.log10(air_to_vacuum(wave)) if air else loglam), source


def _keys(header: Header) -> dict[str, Any]:
    """What identifies the spectrum, each where the header tells it."""
    keys: dict[str, Any] = {
        "obsid": as_key(header_int(header, "OBSID")),
        "desig": header_text(header, "DESIG") or None,
        "lmjd": as_key(header_int(header, "LMJD")),
        "planid": header_text(header, "PLANID") or None,
        "spid": as_key(header_int(header, "SPID")),
        "fiberid": as_key(header_int(header, "FIBERID")),
        "ra": header_float(header, "RA"),
        "dec": header_float(header, "DEC"),
    }
    return {name: value for name, value in keys.items() if value is not None and value == value}


def _identifier(meta: dict[str, Any], path: Path) -> str:
    if meta.get("obsid"):
        return str(meta["obsid"])
    if {"lmjd", "planid", "spid", "fiberid"} <= meta.keys():
        return f"{meta['lmjd']}-{meta['planid']}_sp{meta['spid']:02d}-{meta['fiberid']:03d}"
    return str(meta.get("desig") or names_of(path, 1, 0, 1)[0])


def _flags(header: Header) -> int:
    kinds = {header_text(header, key).upper() for key in ("FIBERTYP", "FIB_TYPE", "OBJTYPE")}
    return sum({int(_FIBERS[kind]) for kind in kinds & _FIBERS.keys()})


def _roles(header: Header) -> list[tuple[str, str]]:
    """Keywords of the header that say something about the object."""
    keys = {"id": "OBSID", "ra": "RA", "dec": "DEC", "class": "CLASS", "z": "Z"}
    return [
        (role, f"keyword {key}") for role, key in keys.items() if key.encode().ljust(8) in header
    ]
