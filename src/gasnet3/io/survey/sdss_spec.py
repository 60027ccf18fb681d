"""Reader of SDSS ``spec`` and ``spec-lite`` files, SDSS-I to V: one spectrum a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.io import fits_table
from gasnet3.io.errors import ReadError
from gasnet3.io.fits_table import Header, header_float, header_int, header_text
from gasnet3.io.naming import names_of
from gasnet3.io.packed import open_unpacked
from gasnet3.io.reader import SingleSpectrumReader, Understood, one_spectrum
from gasnet3.io.survey.sdss import apply_mask, as_key, field_id, known_flags, spectrum_id
from gasnet3.spectra.batch import RESOLUTION, Spectra
from gasnet3.spectra.resolution import typical

_COADD = ("FLUX", "LOGLAM", "IVAR", "AND_MASK")
_TARGET_TYPES = ("OBJTYPE", "SOURCETYPE", "TARGETTYPE")
_POSITION = {
    "ra": ("PLUG_RA", "FIBER_RA", "RACAT", "RA"),
    "dec": ("PLUG_DEC", "FIBER_DEC", "DECCAT", "DEC"),
}
_OBJECT = (
    *("CLASS", "Z", "ZWARNING", "PLATE", "MJD", "FIBERID", "FIELD", "CATALOGID", "SDSS_ID"),
    *_TARGET_TYPES,
    *_POSITION["ra"],
    *_POSITION["dec"],
)
_NUMBERS = {
    "plate": ("PLATEID", "PLATE"),
    "mjd": ("MJD",),
    "fiberid": ("FIBERID",),
    "field": ("FIELDID", "FIELD"),
}
"""Keywords of the primary header, by key column."""
_COADD_COLUMN = re.compile(rb"TTYPE(\d+) *= *'(flux|loglam|ivar|and_mask) *'", re.IGNORECASE)


class SdssSpecReader(SingleSpectrumReader):
    """SDSS ``spec`` and ``spec-lite``, plain or gzipped, of SDSS-I to IV and of SDSS-V (BOSS).

    The first extension is the coadd (columns in lower or upper case), the second, where there
    is one with CLASS and Z, the survey's answer; single exposures and line tables are not read.
    Pixels of :data:`gasnet3.io.survey.sdss.MASKED_BITS` are masked.
    """

    name = "sdss-spec"

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether the first table of a FITS file is a coadd of SDSS, one pixel a row.

        Columns flux, loglam and ivar alone are those of anybody: it has and_mask as well.
        """
        if not head.startswith(b"SIMPLE  ="):
            return False
        table = head.find(b"XTENSION= 'BINTABLE'")
        end = head.find(b"END".ljust(fits_table.CARD), table)
        header = head[table : None if end < 0 else end]
        columns = {name.lower(): number for number, name in _COADD_COLUMN.findall(header)}
        if table < 0 or len(columns) < len(_COADD):
            return False
        several = re.search(rb"TFORM%b *= *'([2-9]|1\d)" % columns[b"flux"], header)
        return several is None

    def read(self, path: Path) -> Spectra:
        """Read the one spectrum of a file.

        Returns
        -------
        Spectra
            One row: flux in 1e-17 erg/s/cm²/Å; ``id`` is ``PLATE-MJD-FIBERID``, of SDSS-V
            ``FIELD-MJD-CATALOGID``, where the file does not say its keyword OBJECT or else its
            name without the ending; key columns ``file`` and, where known, ``plate, mjd,
            fiberid, field, catalogid, sdss_id, ra, dec`` (degrees) and
            ``resolution_sigma`` (the median of WDISP); labels from the second
            extension.
        """
        return _spectrum(path, *_load(path))

    def explain(self, path: Path) -> Understood:
        """What is taken from where, and what is not used."""
        _, coadd, answer = _load(path)
        roles = (("loglam", "LOGLAM"), ("flux", "FLUX"), ("ivar", "IVAR"), ("mask", "AND_MASK"))
        used = [(role, f"column {name} of HDU 1") for role, name in roles if name in coadd]
        used += [
            (role, f"column {name} of HDU 2")
            for role, name in (("z", "Z"), ("class", "CLASS"))
            if name in answer
        ]
        if "WDISP" in coadd:
            used.append(("resolution", "column WDISP of HDU 1, its median [pixels of the lattice]"))
        assumed = ["flux in 1e-17 erg/s/cm²/Å, wavelengths in vacuum, as SDSS defines"]
        ignored = ["OR_MASK, SKY, MODEL of HDU 1: not used"]
        return Understood(used, assumed, [*ignored, "single exposures and lines: not used"])


def _load(path: Path) -> tuple[Header, dict[str, NDArray[Any]], dict[str, Any]]:
    """Primary header, columns of the coadd, and the first row of what the survey says of it."""
    with open_unpacked(path) as stream:
        primary = fits_table.read_primary(stream, path)
        fits_table.skip_data(stream, primary, path)
        header = fits_table.read_header(stream, path)
        if header is None or not fits_table.is_table(header):
            raise ReadError(path, "its first extension is not a table; is it an SDSS spec file?")
        coadd = fits_table.read_columns(stream, header, path, (*_COADD, "WDISP"))
        missing = [name for name in _COADD[:3] if name not in coadd]
        if missing:
            raise ReadError(path, f"its first table has no column {', '.join(missing)}")
        header = fits_table.read_header(stream, path)
        answer = {}
        if header is not None and fits_table.is_table(header):
            answer = _answer(fits_table.read_columns(stream, header, path, _OBJECT))
    return primary, coadd, answer


def _answer(table: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """First row of a SPECOBJ or SPALL table; nothing if the table is another one."""
    if not {"CLASS", "Z"} <= table.keys() or table["Z"].dtype.kind != "f" or not len(table["Z"]):
        return {}
    return {name: column[0] for name, column in table.items()}


def _spectrum(
    path: Path, primary: Header, coadd: dict[str, NDArray[Any]], answer: dict[str, Any]
) -> Spectra:
    ivar, mask = coadd["IVAR"], coadd.get("AND_MASK")
    if mask is not None:
        ivar = apply_mask(ivar, mask)
    meta = _keys(primary, answer)
    if "WDISP" in coadd:
        meta[RESOLUTION] = typical(coadd["WDISP"], ivar[None] > 0)[0]
    name = header_text(primary, "OBJECT") or names_of(path, 1, 0, 1)[0]
    if {"field", "mjd", "catalogid"} <= meta.keys():
        name = field_id(meta["field"], meta["mjd"], meta["catalogid"])
    elif {"plate", "mjd", "fiberid"} <= meta.keys():
        name = spectrum_id(meta["plate"], meta["mjd"], meta["fiberid"])
    target_types = tuple(str(answer.get(name, "")) for name in _TARGET_TYPES)
    flags = known_flags(mask, target_types, int(answer.get("ZWARNING", 0)))
    arrays, z = (coadd["FLUX"], ivar, coadd["LOGLAM"]), answer.get("Z", np.nan)
    return one_spectrum(path, arrays, name, flags, z, str(answer.get("CLASS", "")), meta)


def _keys(primary: Header, answer: dict[str, Any]) -> dict[str, Any]:
    """Numbers that name the spectrum and its position, each where the file tells it."""
    keys: dict[str, Any] = {}
    for name, keywords in _NUMBERS.items():
        found = [as_key(header_int(primary, keyword)) for keyword in keywords]
        found.append(as_key(answer.get(name.upper())))
        keys[name] = next((number for number in found if number is not None), None)
    for name in ("catalogid", "sdss_id"):
        keys[name] = _catalog_number(answer.get(name.upper(), header_int(primary, name.upper())))
    for name, columns in _POSITION.items():
        # RA and DEC of the primary header are the plate's centre, not the object's.
        tried = [answer.get(column) for column in columns]
        tried.insert(1, header_float(primary, columns[0]))
        keys[name] = next((x for x in tried if isinstance(x, int | float) and np.isfinite(x)), None)
    return {name: value for name, value in keys.items() if value is not None}


def _catalog_number(value: Any) -> int | None:
    """A number of a target catalogue, which releases write as a number or as text."""
    text = str(value)
    return int(text) if text.isdecimal() and 0 < int(text) < 1 << 63 else None
