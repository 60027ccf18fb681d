"""Writers: SDSS spec-lite files and ``.npz`` archives that the readers read back exactly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
from numpy.typing import NDArray

from gasnet3.flags import ZWarn
from gasnet3.io.naming import RESERVED
from gasnet3.io.survey.sdss import spectrum_id
from gasnet3.machine.files import replacing
from gasnet3.spectra.batch import Spectra

_SDSS_ID = re.compile(r"\d{4,9}-\d{5,9}-\d{4,9}", re.ASCII)
_NAME = re.compile(r"[ -&(-~]{1,60}")


def write_spec(
    path: str | Path,
    spectra: Spectra,
    row: int = 0,
    model: NDArray[np.floating[Any]] | None = None,
) -> None:
    """Write one spectrum as an SDSS spec-lite file.

    The COADD extension holds flux, loglam, ivar, and_mask and or_mask (both 0), and the model
    where it is given, as SDSS's files do; the SPECOBJ
    extension the label as CLASS and Z (float64), those flags as ZWARNING that were known before
    any fit, and, where the key columns have them, PLUG_RA and PLUG_DEC. An id of the form
    ``PLATE-MJD-FIBERID`` is written as those three numbers, any other as the keyword OBJECT.

    Parameters
    ----------
    path : str or Path
        Where to write, whole or not at all; a file that is there is replaced.
    spectra : Spectra
        Batch with the spectrum.
    row : int
        Its row.
    model : ndarray, shape (n,), optional
        Its best model, in the unit of the flux.

    Raises
    ------
    ValueError
        If the id is not short printable ASCII, the class is longer than SDSS's 6 characters, or
        the model has other pixels than the spectrum.
    """
    from astropy.io import fits

    name, cls = str(spectra.ids[row]), str(spectra.classes[row])
    if _NAME.fullmatch(name) is None or name != name.strip():
        raise ValueError(f"row {row}: id {name!r} must be 1 to 60 ASCII characters, no quotes")
    if len(cls) > 6 or not cls.isascii():
        raise ValueError(f"row {row}: class {cls!r} must be at most 6 ASCII characters")
    if model is not None and np.shape(model) != (spectra.lattice.n,):
        raise ValueError(f"the model has shape {np.shape(model)}, the spectrum {spectra.lattice.n}")
    primary = fits.PrimaryHDU()
    keys = _keys(name)
    for key, value in keys.items():
        primary.header["PLATEID" if key == "PLATE" else key] = value
    primary.header["OBJECT"] = name
    primary.header["BUNIT"] = "1e-17 erg/(s cm2 Angstrom)"
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
    if model is not None:
        coadd.append(fits.Column("model", real, array=model))
    tables = [
        fits.BinTableHDU.from_columns(coadd, name="COADD"),
        fits.BinTableHDU.from_columns(_label(spectra, row, keys), name="SPECOBJ"),
    ]
    with replacing(path) as temporary:
        fits.HDUList([primary, *tables]).writeto(temporary)


def _keys(name: str) -> dict[str, int]:
    """Plate, MJD and fibre of an SDSS id, nothing if it is another."""
    if not _SDSS_ID.fullmatch(name):
        return {}
    plate, mjd, fiber = (int(part) for part in name.split("-"))
    same = spectrum_id(plate, mjd, fiber) == name
    return {"PLATE": plate, "MJD": mjd, "FIBERID": fiber} if same else {}


def _label(spectra: Spectra, row: int, keys: dict[str, int]) -> list[Any]:
    """Columns of the SPECOBJ extension."""
    from astropy.io.fits import Column

    known = int(spectra.zwarn[row]) & int(ZWarn.SKY | ZWarn.UNPLUGGED | ZWarn.BAD_TARGET)
    columns = [Column(name, "J", array=[value]) for name, value in keys.items()]
    columns.append(Column("ZWARNING", "J", array=[known]))
    columns.append(Column("CLASS", "6A", array=[str(spectra.classes[row])]))
    columns.append(Column("Z", "D", array=[spectra.z[row]]))
    for name, column in (("PLUG_RA", "ra"), ("PLUG_DEC", "dec")):
        if column in spectra.meta:
            columns.append(Column(name, "D", array=[spectra.meta[column][row]]))
    return columns


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
    # Not np.savez_compressed: it takes the arrays as keywords, of which "file" is its own.
    with replacing(path) as temporary, ZipFile(temporary, "w", ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
