"""Reader of FITS files of no particular survey: tables and images that hold spectra."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from gasnet3.io.errors import ReadError
from gasnet3.io.fits_table import open_fits
from gasnet3.io.generic.fits_images import hold_images
from gasnet3.io.generic.fits_parts import FitsFile, file_of
from gasnet3.io.generic.fits_tables import hold_table
from gasnet3.io.generic.holding import Holding, HoldingReader
from gasnet3.io.generic.roles import RolesError
from gasnet3.io.options import ReadOptions
from gasnet3.machine.files import check_sizes


class FitsReader(HoldingReader):
    """FITS tables and images that hold spectra, as far as names, units and keywords tell.

    Tables with one pixel a row or one spectrum a row; images whose rows are spectra, with their
    errors and masks in other images of the file; images whose rows are the flux, error and sky
    of one spectrum, as 2dF, 6dF and GAMA have them. Images of the sky and tables of
    results are refused.
    """

    name = "fits"

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether it is a FITS file: asked last, this reader says what is wrong with others."""
        return head.startswith(b"SIMPLE  =")

    @contextmanager
    def holding(self, path: Path) -> Iterator[Holding]:
        """What the file holds, while it is open."""
        from astropy.io import fits

        # We open the file: astropy leaves one it cannot make sense of to the garbage collector.
        with open_fits(path) as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Pages of a plain file are read when their rows are; one that is zipped has none.
            mapped = isinstance(stream, io.BufferedReader)
            hdus = fits.open(stream, memmap=mapped, do_not_scale_image_data=True)
            try:
                check_sizes(hdus)
                _refuse_our_own(path, hdus)
                yield _hold(file_of(hdus, mapped=mapped), self.options)
                _check_end(hdus, stream)
            finally:
                # The end of a zipped stream, with its checksum, is still to be read.
                hdus.close(closed=mapped)


def _refuse_our_own(path: Path, hdus: Any) -> None:
    """Tell catalogs and models of gasnet3, which often lie among the spectra they are of."""
    if not str(hdus[0].header.get("CREATOR", "")).startswith("gasnet3"):
        return
    if "MODELS" in hdus:
        raise ReadError(path, "it holds models that gasnet3 wrote, no spectra")
    if "GASNET3" in hdus:
        raise ReadError(path, "it is a catalog that gasnet3 wrote: it has no spectra")


def _check_end(hdus: Any, stream: BinaryIO) -> None:
    """Refuse a file that ends in a header: astropy leaves that unit out, and its spectra."""
    last = hdus[-1].fileinfo()
    stream.seek(last["datLoc"] + last["datSpan"])
    if stream.read(8) == b"XTENSION":
        raise ValueError(f"the file ends in the header of HDU {len(hdus)}")


def _hold(file: FitsFile, options: ReadOptions) -> Holding:
    """The first of several ways to take the file that makes spectra of it."""
    reasons: list[str] = []
    for part in file.tables:
        try:
            return hold_table(file, part, options)
        except RolesError as error:
            reasons.append(f"{part.place}: {error}")
    if file.images:
        try:
            return hold_images(file, options)
        except RolesError as error:
            reasons.append(str(error))
    elif any(not part.is_table for part in file.parts) and not reasons:
        reasons.append("it has images of the sky only")
    raise RolesError(f"no spectra were found: {'; '.join(reasons) or 'there are no data in it'}")
