"""Reader of SDSS-I and II ``spSpec`` files (up to DR7): one spectrum a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from gasnet3.flags import ZWarn
from gasnet3.io import fits_table
from gasnet3.io.errors import ReadError
from gasnet3.io.fits_table import Header, header_float, header_int, header_text
from gasnet3.io.packed import open_unpacked
from gasnet3.io.reader import SingleSpectrumReader, Understood, one_spectrum
from gasnet3.io.survey.sdss import (
    SIGMA,
    apply_mask,
    as_key,
    image_keywords,
    known_flags,
    spectrum_id,
)
from gasnet3.spectra.batch import RESOLUTION, Spectra

_NEEDED = {b"COEFF0", b"COEFF1", b"PLATEID", b"MJD", b"FIBERID", b"SPEC_CLN"}
_CLASSES = {1: "STAR", 2: "GALAXY", 3: "QSO", 4: "QSO", 6: "STAR", 7: "GALAXY"}
"""SPEC_CLN: STAR, GALAXY, QSO, HIZ_QSO, STAR_LATE, GAL_EM; 0 is UNKNOWN, 5 is SKY."""
_SKY = 5
_NO_REDSHIFT = (0, 1)
"""Z_STATUS: NOT_MEASURED and FAILED."""
_EMISSION_LINE = 1 << 30
"""Not a fault: spectro1d marks in the image's mask the lines that it fitted."""


class SdssSpSpecReader(SingleSpectrumReader):
    """SDSS ``spSpec``, plain or gzipped.

    The rows of the primary image are flux, continuum-subtracted flux, standard error and mask;
    the wavelength of pixel i is ``10^(COEFF0 + COEFF1·i)`` Å. Pixels whose error is not above 0,
    and those of :data:`gasnet3.io.survey.sdss.MASKED_BITS`, are masked; the bits are the and-mask
    of the last extension, else of the image.
    """

    name = "sdss-spspec"

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether the primary HDU is an image on a log-wavelength grid, of a fibre with a class."""
        return image_keywords(head) >= _NEEDED

    def read(self, path: Path) -> Spectra:
        """Read the one spectrum of a file.

        Returns
        -------
        Spectra
            One row: flux in 1e-17 erg/s/cm²/Å; ``id`` is ``PLATE-MJD-FIBERID``; key columns
            ``plate, mjd, fiberid, ra, dec`` (degrees), ``resolution_sigma`` and
            ``file``; labels SPEC_CLN and Z.
        """
        header, image, mask = _load(path)
        numbers = [as_key(header_int(header, name)) for name in ("PLATEID", "MJD", "FIBERID")]
        plate, mjd, fiber = numbers
        if plate is None or mjd is None or fiber is None:
            raise ReadError(path, "its header has no usable PLATEID, MJD or FIBERID")
        zero, step = header_float(header, "COEFF0"), header_float(header, "COEFF1")
        if not (np.isfinite(zero) and 0 < step < 1):
            raise ReadError(path, "COEFF0 and COEFF1 must be numbers; fetch the file again")
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            flux, error = image[0].astype(np.float64), image[2].astype(np.float64)
            # An error that is not a number is a damaged pixel, and not a masked one.
            ivar = np.where(error <= 0, 0.0, error**-2.0)
        cls, z = _label(header)
        meta = {"plate": plate, "mjd": mjd, "fiberid": fiber, **_position(header)}
        meta[RESOLUTION] = SIGMA
        flags = known_flags(mask, (header_text(header, "OBJTYPE"),))
        if header_int(header, "SPEC_CLN") == _SKY:
            flags |= int(ZWarn.SKY)
        arrays = flux, apply_mask(ivar, mask), zero + step * np.arange(len(flux))
        return one_spectrum(path, arrays, spectrum_id(plate, mjd, fiber), flags, z, cls, meta)

    def explain(self, path: Path) -> Understood:
        """What is taken from where, and what is not used."""
        header, _, _ = _load(path)
        unit = header_text(header, "BUNIT")
        used = [
            ("wave", "10^(COEFF0 + COEFF1·i) of the header [vacuum Å]"),
            ("flux", "row 0 of the primary image" + (f" [{unit}]" if unit else "")),
            ("error", "row 2 of the primary image"),
            ("mask", "andMask of the last extension, else row 3 of the primary image"),
            ("id", "keywords PLATEID, MJD, FIBERID"),
            ("z", "keyword Z"),
            ("class", "keyword SPEC_CLN"),
            ("ra", "keyword RAOBJ"),
            ("dec", "keyword DECOBJ"),
        ]
        ignored = ["row 1 of the image, without its continuum: not used"]
        assumed = [f"resolution: {SIGMA} pixels, the median of SDSS's other files"]
        return Understood(used, assumed, [*ignored, "tables of lines and redshifts: not used"])


def _load(path: Path) -> tuple[Header, NDArray[Any], NDArray[np.int64]]:
    """Header, image, and the bits of each pixel."""
    with open_unpacked(path) as stream:
        header = fits_table.read_primary(stream, path)
        image = fits_table.read_image(stream, header, path)
        if image.ndim != 2 or len(image) < 4:
            raise ReadError(path, "its image has not the rows flux, -, error and mask; not spSpec")
        mask = _and_mask(stream, path)
    if mask is None:
        with np.errstate(invalid="ignore"):
            mask = np.nan_to_num(image[3].astype(np.float64)).clip(0, 2**31 - 1).astype(np.int64)
        mask &= ~_EMISSION_LINE
    if mask.shape != image.shape[1:]:
        raise ReadError(path, f"{image.shape[1]} pixels but {len(mask)} masks; fetch it again")
    return header, image, mask


def _and_mask(stream: BinaryIO, path: Path) -> NDArray[np.int64] | None:
    """The and-mask of an extension, where one has it."""
    header = fits_table.read_header(stream, path)
    while header is not None:
        if fits_table.is_table(header) and "ANDMASK" in fits_table.column_layout(header, path):
            column = fits_table.read_columns(stream, header, path, ["ANDMASK"])["ANDMASK"]
            return column if column.dtype.kind == "i" else None
        fits_table.skip_data(stream, header, path)
        header = fits_table.read_header(stream, path)
    return None


def _label(header: Header) -> tuple[str, float]:
    """Class and redshift of the survey, '' and NaN where it has none."""
    cls, z = _CLASSES.get(header_int(header, "SPEC_CLN") or 0, ""), header_float(header, "Z")
    measured = cls and header_int(header, "Z_STATUS") not in _NO_REDSHIFT
    return cls, (z if measured and -1 < z < 20 else np.nan)


def _position(header: Header) -> dict[str, float]:
    """Degrees, where known; RA and DEC of this header are the telescope's, not the object's."""
    found = {"ra": header_float(header, "RAOBJ"), "dec": header_float(header, "DECOBJ")}
    return {name: value for name, value in found.items() if np.isfinite(value)}
