"""Writers: SDSS spec-lite files and ``.npz`` archives that the readers read back exactly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from gasnet3.files import replacing
from gasnet3.flags import ZWarn
from gasnet3.io.npz import RESERVED
from gasnet3.spectra import Spectra

_SDSS_ID = re.compile(r"(\d{4,})-(\d{5,})-(\d{4,})")


def write_spec(path: str | Path, spectra: Spectra, row: int = 0) -> None:
    """Write one spectrum as an SDSS spec-lite file.

    The COADD extension holds flux, loglam, ivar, and_mask and or_mask (both 0); the SPECOBJ
    extension PLATE, MJD, FIBERID, the label as CLASS and Z (float64), those flags as ZWARNING
    that were known before any fit, and, where the key columns have them, PLUG_RA and PLUG_DEC.

    Parameters
    ----------
    path : str or Path
        Where to write, whole or not at all; a file that is there is replaced.
    spectra : Spectra
        Batch with the spectrum.
    row : int
        Its row.

    Raises
    ------
    ValueError
        If the spectrum's id is not of the form ``PLATE-MJD-FIBERID``.
    """
    from astropy.io import fits

    match = _SDSS_ID.fullmatch(str(spectra.ids[row]))
    if match is None:
        raise ValueError(
            f"row {row}: an SDSS file needs an id like 0266-51602-0001, got {spectra.ids[row]!r}"
        )
    plate, mjd, fiber = (int(number) for number in match.groups())
    primary = fits.PrimaryHDU()
    for name, value in (("PLATEID", plate), ("MJD", mjd), ("FIBERID", fiber)):
        primary.header[name] = value
    primary.header["BUNIT"] = "1E-17 erg/cm^2/s/Ang"
    primary.header["ORIGIN"] = ("gasnet3", "which software wrote this file")
    real = "E" if spectra.flux.dtype == np.float32 else "D"
    n = spectra.lattice.n
    coadd = [
        fits.Column("flux", real, array=spectra.flux[row]),
        fits.Column("loglam", "E", array=spectra.lattice.loglam),
        fits.Column("ivar", real, array=spectra.ivar[row]),
        fits.Column("and_mask", "J", array=np.zeros(n, np.int32)),
        fits.Column("or_mask", "J", array=np.zeros(n, np.int32)),
    ]
    known = int(spectra.zwarn[row]) & int(ZWarn.SKY | ZWarn.UNPLUGGED | ZWarn.BAD_TARGET)
    numbers = {"PLATE": plate, "MJD": mjd, "FIBERID": fiber, "ZWARNING": known}
    label = [fits.Column(name, "J", array=[value]) for name, value in numbers.items()]
    label.append(fits.Column("CLASS", "6A", array=[str(spectra.classes[row])]))
    label.append(fits.Column("Z", "D", array=[spectra.z[row]]))
    for name, column in (("PLUG_RA", "ra"), ("PLUG_DEC", "dec")):
        if column in spectra.meta:
            label.append(fits.Column(name, "D", array=[spectra.meta[column][row]]))
    tables = [
        fits.BinTableHDU.from_columns(coadd, name="COADD"),
        fits.BinTableHDU.from_columns(label, name="SPECOBJ"),
    ]
    with replacing(path) as temporary:
        fits.HDUList([primary, *tables]).writeto(temporary)


def write_npz(path: str | Path, spectra: Spectra) -> None:
    """Write a batch as a compressed ``.npz`` archive.

    Arrays: flux, ivar, loglam, ids, zwarn, z, classes, and every key column by its name.

    Parameters
    ----------
    path : str or Path
        Where to write, whole or not at all; a file that is there is replaced.
    spectra : Spectra
        Batch to write.

    Raises
    ------
    ValueError
        If a key column has the name of one of those arrays.
    """
    clash = sorted(RESERVED & spectra.meta.keys())
    if clash:
        raise ValueError(f"key columns {', '.join(clash)} clash with names of the format; rename")
    arrays: dict[str, Any] = {
        "flux": spectra.flux,
        "ivar": spectra.ivar,
        "loglam": spectra.lattice.loglam,
        "ids": spectra.ids,
        "zwarn": spectra.zwarn,
        "z": spectra.z,
        "classes": spectra.classes,
        **spectra.meta,
    }
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)
