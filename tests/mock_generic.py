"""Small files of no particular survey, one spectrum or three, in every form that is read.

The spectrum is one line on a slope, in vacuum Å and 1e-17 erg/s/cm²/Å; each form writes it in
its own units, so that all of them must read as :data:`SPECTRUM`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from gasnet3.spectra.airvac import air_to_vacuum, vacuum_to_air
from gasnet3.spectra.batch import Spectra

N = 400
WAVE = 5000.0 + 2.0 * np.arange(N)
LOGLAM = 3.7 + 1e-4 * np.arange(N)
NOISE = 0.25
UNIT = "1E-17 erg/cm^2/s/Ang"
CGS = "erg/s/cm2/Angstrom"
LIGHT = 2.99792458e18
"""Å/s."""


def flux_at(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """Flux at wavelengths in vacuum Å."""
    return 10.0 + wave / 1000.0 + 4.0 * np.exp(-0.5 * ((wave - 5300.0) / 8.0) ** 2)


FLUX = flux_at(WAVE)
ERROR = np.full(N, NOISE)
SPECTRUM = Spectra.from_arrays(FLUX, ERROR**-2.0, WAVE)
LOG_SPECTRUM = Spectra.from_arrays(flux_at(10**LOGLAM), ERROR**-2.0, loglam=LOGLAM)
AIR_WAVE = air_to_vacuum(WAVE)
AIR_SPECTRUM = Spectra.from_arrays(flux_at(AIR_WAVE), ERROR**-2.0, AIR_WAVE)

GRID = {"CRVAL1": WAVE[0], "CDELT1": 2.0, "CRPIX1": 1.0, "CUNIT1": "Angstrom"}


def image(data: Any, cards: dict[str, Any] | None = None, name: str | None = None) -> Any:
    """An image extension with keywords."""
    hdu = fits.ImageHDU(np.asarray(data, np.float64), name=name)
    hdu.header.update(cards or {})
    return hdu


def table(columns: dict[str, Any], units: dict[str, str] | None = None, **cards: Any) -> Any:
    """A table extension; columns by name, with units as they are written."""
    made = []
    for column, values in columns.items():
        array = np.asarray(values)
        repeat = array.shape[1] if array.ndim == 2 else ""
        letter = {"f": "D", "i": "K", "U": f"{max(array.dtype.itemsize // 4, 1)}A"}[
            array.dtype.kind
        ]
        made.append(
            fits.Column(column, f"{repeat}{letter}", unit=(units or {}).get(column), array=array)
        )
    hdu = fits.BinTableHDU.from_columns(made)
    hdu.header.update(cards)
    return hdu


def write(path: Path, *hdus: Any) -> Path:
    """A FITS file; the first unit becomes the primary one where it is an image."""
    first, rest = hdus[0], hdus[1:]
    if isinstance(first, fits.ImageHDU):
        primary = fits.PrimaryHDU(first.data)
        primary.header.update({k: v for k, v in first.header.items() if k not in _STRUCTURE})
        fits.HDUList([primary, *rest]).writeto(path)
    else:
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    return path


_STRUCTURE = ("XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "PCOUNT", "GCOUNT")


def rows_of(values: Any, count: int = 3) -> NDArray[Any]:
    """The same row several times."""
    return np.stack([np.asarray(values)] * count)


def _lines(columns: list[NDArray[np.float64]], mark: str = " ") -> str:
    return "".join(mark.join(f"{x:.10g}" for x in row) + "\n" for row in np.column_stack(columns))


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _janskys(path: Path) -> Path:
    """F_ν over frequency, rising."""
    nu, order = LIGHT / WAVE, slice(None, None, -1)
    janskys = FLUX * 1e-17 * WAVE / nu / 1e-23
    error = ERROR * 1e-17 * WAVE / nu / 1e-23
    columns = {"freq": nu[order], "fnu": janskys[order], "e_flux": error[order]}
    return write(path, table(columns, {"freq": "Hz", "fnu": "Jy", "e_flux": "Jy"}))


def _ecsv(path: Path) -> Path:
    made = Table({"wavelength": WAVE / 10, "flux": FLUX * 1e-17, "error": ERROR * 1e-17})
    for name, unit in (("wavelength", "nm"), ("flux", CGS), ("error", CGS)):
        made[name].unit = unit
    made.write(path, format="ascii.ecsv")
    return path


def _ecsv_rows(path: Path) -> Path:
    columns = {"id": ["a", "b", "c"], "wave": rows_of(WAVE), "flux": rows_of(FLUX)}
    made = Table({**columns, "ivar": rows_of(ERROR**-2.0), "mag": [1.0, 2.0, 3.0]})
    made.write(path, format="ascii.ecsv")
    return path


_GAMA = {"ROW1": "Spectrum", "ROW2": "Error", "ROW3": "Spectrum_nocalib", "ROW4": "Sky"}
_SIXDF = {"OBSRA": 1.0, "OBSDEC": 2.0, "Z": 0.1, "Z_HELIO": 0.1, "QUALITY": 4}
_MULTISPEC = (
    'wtype=multispec spec1 = "1 1 0 5000. 2. 400 0. 1 2" spec2 = "2 2 0 5000. 2. 400 0. 1 2" '
    'spec3 = "3 3 0 5000. 2. 400 0. 1 2"'
)
_WAT = {f"WAT2_{at + 1:03d}": _MULTISPEC[at * 60 : at * 60 + 60] for at in range(3)}
_ROWS = {"FLUX": rows_of(FLUX), "IVAR": rows_of(ERROR**-2.0)}
_NAMED = {"TARGETID": [7, 8, 9], "RA": [1.0, 2.0, 3.0], "DEC": [4.0, 5.0, 6.0]}
_PIXELS = {"WAVELENGTH": WAVE, "FLUX": FLUX, "ERR": ERROR}

ONE: dict[str, Callable[[Path], Path]] = {
    "table of pixels": lambda p: write(p, table(_PIXELS, {"WAVELENGTH": "Angstroms"})),
    "table with loglam": lambda p: write(
        p, table({"loglam": np.log10(WAVE), "flux": FLUX, "var": ERROR**2})
    ),
    "table with a mask": lambda p: write(p, table({**_PIXELS, "mask": np.zeros(N, int)})),
    "table of one row": lambda p: write(
        p,
        table({name: values[None] for name, values in _PIXELS.items()}, {"WAVELENGTH": "Angstrom"}),
    ),
    "table in cgs": lambda p: write(
        p,
        table(
            {"LAMBDA": WAVE / 1e4, "FLUX": FLUX * 1e-17, "SIGMA": ERROR * 1e-17},
            {"LAMBDA": "micron", "FLUX": CGS, "SIGMA": CGS},
        ),
    ),
    "table with a unit of the error alone": lambda p: write(
        p,
        table({"WAVE": WAVE, "FLUX": FLUX, "ERR": ERROR * 1e-17}, {"FLUX": UNIT, "ERR": CGS}),
    ),
    "table of frequencies": _janskys,
    "table in air": lambda p: write(
        p, table({"wave_air": vacuum_to_air(WAVE), "flux": FLUX, "error": ERROR})
    ),
    "image with a grid": lambda p: write(p, image(FLUX, GRID), image(ERROR, name="ERR")),
    "image with CD1_1": lambda p: write(
        p,
        image(FLUX, {"CRVAL1": 500.4, "CD1_1": 0.2, "CRPIX1": 3.0, "CUNIT1": "nm"}),
        image(ERROR**2, name="VARIANCE"),
    ),
    "image in named units": lambda p: write(
        p,
        image(np.zeros((9, 9)), {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}),
        image(FLUX, name="FLUX"),
        image(ERROR**-2.0, name="IVAR"),
        image(WAVE, name="WAVE"),
    ),
    "GAMA": lambda p: write(p, image([FLUX, ERROR, FLUX * 0, ERROR], {**GRID, **_GAMA})),
    "2dF": lambda p: write(
        p, image(np.zeros((9, 9))), image([FLUX, ERROR**2, FLUX], {**GRID, "IMAGE": "SPECTRUM"})
    ),
    "6dF": lambda p: write(
        p,
        image(np.zeros((9, 9))),
        image([FLUX * 0, ERROR**2, FLUX], {**GRID, **_SIXDF}, "SPECTRUM V"),
        image([FLUX, ERROR**2, FLUX, WAVE], {**GRID, **_SIXDF}, "SPECTRUM VR"),
    ),
    "OzDES": lambda p: write(
        p, image(FLUX, {**GRID, "REFERENC": "ozdes"}), image(ERROR**2), image(FLUX * 0)
    ),
    "IRAF bands": lambda p: write(
        p,
        image(
            np.stack([FLUX, FLUX * 0, ERROR])[:, None],
            {**GRID, "BANDID1": "spectrum - optimal", "BANDID2": "raw", "BANDID3": "sigma - s"},
        ),
    ),
    "ecsv": _ecsv,
    "csv": lambda p: _written(p, "wave,flux,err\n" + _lines([WAVE, FLUX, ERROR], ",")),
    "csv with units": lambda p: _written(
        p,
        "wavelength [nm],flux (10^-17 erg/s/cm2/A),flux_ivar\n"
        + _lines([WAVE / 10, FLUX, ERROR**-2.0], ","),
    ),
    "text with a header": lambda p: _written(
        p,
        "# OBJECT: NGC 1\n# ra = 12:30:00\n# dec = -3:00:00\n# wavelength (Angstrom) flux error\n"
        + _lines([WAVE, FLUX, ERROR]),
    ),
    "text with units below": lambda p: _written(
        p, "# lambda flux sigma\n# um - -\n\n" + _lines([WAVE / 1e4, FLUX, ERROR], "\t")
    ),
    "three columns": lambda p: _written(p, _lines([WAVE, FLUX, ERROR])),
    "commas for points": lambda p: _written(
        p, "wl;flam;flam_err\n" + _lines([WAVE, FLUX, ERROR], ";").replace(".", ",")
    ),
    "semicolons": lambda p: _written(p, _lines([WAVE, FLUX, ERROR], ";")),
}
"""Files of :data:`SPECTRUM`."""

THREE: dict[str, Callable[[Path], Path]] = {
    "table with wave": lambda p: write(p, table({**_NAMED, **_ROWS, "WAVE": rows_of(WAVE)})),
    "table with wave in another": lambda p: write(
        p, table({**_NAMED, **_ROWS}), table({"WAVE": WAVE}, {"WAVE": "Angstrom"})
    ),
    "table with wave in an image": lambda p: write(
        p, table({**_NAMED, **_ROWS}), image(WAVE, name="WAVELENGTH")
    ),
    "table with a grid": lambda p: write(p, table({**_NAMED, **_ROWS}, **GRID)),
    "image and table": lambda p: write(
        p, image(rows_of(FLUX), GRID), image(rows_of(ERROR**-2.0), name="IVAR"), table(_NAMED)
    ),
    "named images": lambda p: write(
        p,
        table(_NAMED),
        image(rows_of(FLUX), name="FLUX"),
        image(rows_of(ERROR), name="ERROR"),
        image(rows_of(WAVE), name="WAVELENGTH"),
    ),
    "fibres": lambda p: write(
        p,
        image(rows_of(FLUX), GRID),
        image(rows_of(ERROR**2), name="VARIANCE"),
        _fibres(),
    ),
    "multispec": lambda p: write(
        p,
        image(rows_of(FLUX), {"CTYPE1": "MULTISPE", "CTYPE2": "MULTISPE", **_WAT}),
        image(rows_of(ERROR), name="SIGMA"),
    ),
    "2dF thrice": lambda p: write(
        p,
        *[image([FLUX, ERROR**2, FLUX], {**GRID, "IMAGE": "SPECTRUM"}) for _ in range(3)],
    ),
    "ecsv of rows": _ecsv_rows,
}
"""Files of :data:`SPECTRUM` three times."""


def _fibres() -> Any:
    columns = {"NAME": ["a", "b", "c"], "TYPE": ["P", "S", "N"], "RA": np.radians([1.0, 2.0, 3.0])}
    hdu = table({**columns, "DEC": np.radians([4.0, 5.0, 6.0])})
    hdu.name = "FIBRES"
    return hdu
