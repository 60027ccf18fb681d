"""The best models of many spectra as one FITS file, written block by block, and read back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.io.errors import ReadError
from gasnet3.machine.files import check_sizes, replacing
from gasnet3.machine.typing import Floats
from gasnet3.spectra.lattice import LN10_STEP, STEP, LogLattice
from gasnet3.spectra.target import STANDARD

_COLUMNS = {"ids": "ID", "classes": "CLASS", "z": "Z", "znum": "ZNUM"}
READ_ROWS = 4096
"""Models read at once."""


@dataclass(frozen=True, eq=False)
class Models:
    """Models of solutions, one a row.

    Parameters
    ----------
    ids : ndarray of str, shape (rows,)
        Identifiers of the spectra.
    classes : ndarray of str, shape (rows,)
        Classes of the solutions, '' where there is none.
    z : ndarray of float64, shape (rows,)
        Redshifts, NaN where there is none.
    znum : ndarray of int32, shape (rows,)
        Ranks of the solutions of a spectrum, 0 for the best.
    model : ndarray of float32, shape (rows, n)
        Model in the flux unit of the input, NaN where there is no solution.
    """

    ids: NDArray[np.str_]
    classes: NDArray[np.str_]
    z: Floats
    znum: NDArray[np.int32]
    model: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)


def write_models(
    path: str | Path,
    blocks: Iterable[Models],
    rows: int,
    lattice: LogLattice = STANDARD,
    unit: str = "",
) -> None:
    """Write models in memory that does not grow with their number.

    The primary image holds them, a row each, as spPlate holds flux: with COEFF0 and COEFF1, and
    with the FITS standard's own wavelengths (CTYPE1 = WAVE-LOG), so that specutils
    (``format="wcs1d-fits"``) and IRAF read it. The table MODELS tells the rows (ID, CLASS, Z,
    ZNUM), the image WAVELENGTH the wavelengths, as in the files of ``rrdesi --model``.

    Parameters
    ----------
    path : str or Path
        Where to write, whole or not at all; a file that is there is replaced.
    blocks : iterable of Models
        Gone through once.
    rows : int
        Models in all blocks together.
    lattice : LogLattice
        Their pixels, vacuum.
    unit : str
        BUNIT, where the unit of the flux is known.

    Raises
    ------
    ValueError
        If the blocks have another number of rows, or another number of pixels.
    FileNotFoundError, IsADirectoryError, OSError
        If the file cannot be written.
    """
    from astropy.io import fits

    if not rows:
        raise ValueError("there are no models to write")
    table: dict[str, list[NDArray[Any]]] = {name: [] for name in _COLUMNS}
    written = 0
    with replacing(path) as temporary:
        stream = fits.StreamingHDU(str(temporary), _header(rows, lattice, unit))
        with contextlib.closing(stream):
            for block in blocks:
                written += len(block)
                if block.model.shape != (len(block), lattice.n) or written > rows:
                    raise ValueError(
                        f"models of shape {block.model.shape} make {written} rows, expected "
                        f"{rows} of {lattice.n} pixels"
                    )
                stream.write(block.model.astype(">f4"))
                for name, parts in table.items():
                    parts.append(getattr(block, name))
        if written != rows:
            raise ValueError(f"there are {written} models, expected {rows}")
        columns = [_column(name, np.concatenate(parts)) for name, parts in table.items()]
        wave = fits.ImageHDU(lattice.wave, name="WAVELENGTH")
        wave.header["BUNIT"] = ("Angstrom", "vacuum")
        for extension in (fits.BinTableHDU.from_columns(columns, name="MODELS"), wave):
            fits.append(temporary, extension.data, extension.header)


def read_models(path: str | Path) -> Iterator[Models]:
    """Read a file of :func:`write_models`, some thousand models at a time; else ReadError."""
    from astropy.io import fits

    path = Path(path)
    try:
        with fits.open(path, memmap=True, character_as_bytes=True) as file:
            check_sizes(file)
            table, image = file["MODELS"].data, file[0]
            for start in range(0, len(table), READ_ROWS):
                span = slice(start, min(start + READ_ROWS, len(table)))
                known = {name: _native(table[_COLUMNS[name]][span]) for name in _COLUMNS}
                yield Models(**known, model=_native(image.section[span]))
    except (OSError, KeyError, IndexError, TypeError, ValueError) as error:
        problem = f"is no file of models that gasnet3 wrote ({error})"
        raise ReadError(path, problem) from error


def _header(rows: int, lattice: LogLattice, unit: str) -> Any:
    """Header of the image: pixels as SDSS tells them, and as the FITS standard does."""
    from astropy.io import fits

    header = fits.Header()
    header["SIMPLE"], header["BITPIX"], header["NAXIS"] = True, -32, 2
    header["NAXIS1"], header["NAXIS2"], header["EXTEND"] = lattice.n, rows, True
    header["COEFF0"] = (lattice.k_min / 10_000, "log10 of the first wavelength (vacuum)")
    header["COEFF1"] = (STEP, "log10 of the step of wavelength")
    header["WCSAXES"] = 1
    header["CTYPE1"], header["CUNIT1"], header["CRPIX1"] = "WAVE-LOG", "Angstrom", 1.0
    header["CRVAL1"] = (float(lattice.wave[0]), "vacuum")
    header["CDELT1"] = float(lattice.wave[0] * LN10_STEP)
    if unit:
        header["BUNIT"] = unit
    header["CREATOR"] = "gasnet3"
    return header


def _column(name: str, values: NDArray[Any]) -> Any:
    from astropy.io import fits

    if values.dtype.kind == "U":
        values = np.char.encode(values, "utf-8")
        # FITS knows no text without width.
        return fits.Column(_COLUMNS[name], f"{max(1, values.dtype.itemsize)}A", array=values)
    kind = "D" if name == "z" else "J"
    return fits.Column(_COLUMNS[name], kind, array=values)


def _native(values: Any) -> NDArray[Any]:
    """Values in the byte order of this machine, text decoded."""
    array = np.asarray(values)
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8")
    return array.astype(array.dtype.newbyteorder("="))
