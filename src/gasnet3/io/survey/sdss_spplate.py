"""Reader of SDSS ``spPlate`` files: all fibres of a plate, one image row each."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.io.errors import ReadError, check_range
from gasnet3.io.fits_table import header_int, read_header, skip_data
from gasnet3.io.limits import UNIT_BYTES
from gasnet3.io.packed import check_sum, open_unpacked
from gasnet3.io.reader import Understood
from gasnet3.io.survey.sdss import (
    SIGMA,
    apply_mask,
    as_key,
    image_keywords,
    known_flags,
    spectrum_id,
)
from gasnet3.machine.files import check_sizes
from gasnet3.spectra.batch import RESOLUTION, Spectra
from gasnet3.spectra.resolution import typical

_LACKS = (
    "it has no images of ivar and and-mask (HDU 1 and 2): an spPlate of flux alone, from which "
    "nothing can be told; fetch the whole file"
)
_PLUGMAP = ("FIBERID", "OBJTYPE", "RA", "DEC")


class SdssSpPlateReader:
    """SDSS ``spPlate``, plain or gzipped: images flux, ivar, and_mask, or_mask, disp, then plugmap.

    The wavelength of pixel i is ``10^(COEFF0 + COEFF1·i)`` Å. Pixels of
    :data:`gasnet3.io.survey.sdss.MASKED_BITS` are masked.
    """

    name = "sdss-spplate"

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether the primary HDU is an image on a log-wavelength grid, with a plate, no fibre."""
        keys = image_keywords(head)
        return {b"COEFF0", b"COEFF1", b"PLATEID"} <= keys and b"FIBERID" not in keys

    def read(self, path: Path) -> Spectra:
        """Read all fibres of a plate.

        Returns
        -------
        Spectra
            One row a fibre: flux in 1e-17 erg/s/cm²/Å, ``id`` is ``PLATE-MJD-FIBERID``; key
            columns ``plate, mjd, fiberid, ra, dec`` (degrees) and ``file``. No labels.
        """
        return _plate(path, 0, None)

    def count(self, path: Path) -> int:
        """Number of fibres, from the header."""
        with open_unpacked(path) as stream:
            header = read_header(stream, path)
            if header is not None:
                skip_data(stream, header, path)
            if read_header(stream, path) is None:
                raise ReadError(path, _LACKS)
        rows = header_int(header or {}, "NAXIS2")
        if rows is None or rows < 0:
            raise ReadError(path, "its header has no usable NAXIS2; fetch the file again")
        return rows

    def read_rows(self, path: Path, start: int, stop: int) -> Spectra:
        """Read some fibres of a plate, and of its images only their rows; see :meth:`read`."""
        check_range(path, start, stop, self.count(path))
        return _plate(path, start, stop)

    def explain(self, path: Path) -> Understood:
        """What is taken from where, and what is not used."""
        _, _, plugmap = _load(path, slice(0, 0))
        used = [
            ("wave", "10^(COEFF0 + COEFF1·i) of the header [vacuum Å]"),
            ("flux", "primary image [1e-17 erg/s/cm2/Angstrom]"),
            ("ivar", "image of HDU 1"),
            ("mask", "image of HDU 2"),
            ("resolution", "image of HDU 4, its medians [pixels of the lattice]"),
            ("id", "keywords PLATEID and MJD, FIBERID of the plug map"),
        ]
        used += [
            (name.lower(), f"column {name} of the plug map")
            for name in ("RA", "DEC")
            if name in plugmap
        ]
        return Understood(used, [], ["or-mask and sky: not used"])


def _plate(path: Path, start: int, stop: int | None) -> Spectra:
    """The fibres of some rows, to the last where ``stop`` is None."""
    header, images, plugmap = _load(path, slice(start, stop))
    flux, ivar, mask, sigma = images
    zero, step = header.get("COEFF0"), header.get("COEFF1")
    if not isinstance(zero, int | float) or not isinstance(step, int | float):
        raise ReadError(path, "COEFF0 and COEFF1 must be numbers; fetch the file again")
    plate, mjd = (_number(path, header, name) for name in ("PLATEID", "MJD"))
    rows = len(flux)
    by_row = np.arange(start + 1, start + rows + 1)
    fiber = plugmap.get("FIBERID", by_row).astype(np.int64)
    # Fibres that the plug map does not know have -1 there; the rows are in fibre order.
    fiber = np.where(fiber > 0, fiber, by_row)
    kinds = plugmap.get("OBJTYPE", np.full(rows, ""))
    meta = {"plate": np.full(rows, plate), "mjd": np.full(rows, mjd), "fiberid": fiber}
    meta |= {name.lower(): plugmap[name].astype(float) for name in _PLUGMAP[2:] if name in plugmap}
    ivar = apply_mask(ivar, mask)
    meta[RESOLUTION] = typical(sigma, ivar > 0)
    return Spectra.from_arrays(
        flux,
        ivar,
        loglam=[zero + step * np.arange(flux.shape[1])] * rows,
        ids=[spectrum_id(plate, mjd, int(number)) for number in fiber],
        zwarn=[known_flags(mask[row], (str(kinds[row]),)) for row in range(rows)],
        meta={**meta, "file": np.full(rows, path.name)},
    )


def _load(
    path: Path, rows: slice
) -> tuple[dict[str, Any], list[NDArray[Any]], dict[str, NDArray[Any]]]:
    """Header; images of flux, ivar, mask (int64) and resolution; columns of the plug map."""
    from astropy.io import fits

    # We open the file: astropy leaves one it cannot make sense of to the garbage collector.
    with open_unpacked(path) as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with fits.open(stream, memmap=False) as hdus:
                check_sizes(hdus)
                if any(hdu.size > UNIT_BYTES for hdu in hdus):
                    raise ValueError("an HDU claims more than 2 GiB")
                if len(hdus) < 3:
                    raise ReadError(path, _LACKS)
                header = dict(hdus[0].header)
                flux, ivar, mask = (np.asarray(hdus[i].section[rows]) for i in range(3))
                shapes = {hdus[i].shape for i in range(3)}
                sigma = np.full(flux.shape, SIGMA)
                if len(hdus) > 4 and {hdus[4].shape} == shapes:
                    sigma = np.asarray(hdus[4].section[rows])
                plugmap = _plugmap(hdus[5].data, hdus[0].shape[0]) if len(hdus) > 5 else {}
                check_sum(stream)
        except ReadError:
            raise
        # astropy has no one exception for damaged files: KeyError, TypeError, OSError, ...
        except Exception as error:
            reason = f"astropy cannot read it as spPlate ({type(error).__name__}: {error})"
            raise ReadError(path, f"{reason}; fetch the file again") from error
    if flux.ndim != 2 or len(shapes) != 1 or mask.dtype.kind not in "iu":
        raise ReadError(path, "flux, ivar and and_mask must be images of one shape; not an spPlate")
    with np.errstate(invalid="ignore"):
        images = [flux.astype(float), ivar.astype(float), mask.astype(np.int64)]
        images.append(sigma.astype(float))
    return header, images, {name: column[rows] for name, column in plugmap.items()}


def _number(path: Path, header: dict[str, Any], name: str) -> int:
    value = header.get(name)
    number = as_key(value) if isinstance(value, int) else None
    if number is None:
        raise ReadError(path, f"its header has no usable {name}; fetch the file again")
    return number


def _plugmap(table: Any, rows: int) -> dict[str, NDArray[Any]]:
    """The columns we want of the plug map; none if it is absent or of another length."""
    if getattr(table, "names", None) is None or len(table) != rows:
        return {}
    found = {name.upper(): name for name in table.names}
    return {name: np.array(table[found[name]]) for name in _PLUGMAP if name in found}
