"""How rows of any wavelength grids get onto a lattice, each by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.flags import ZWarn
from gasnet3.machine.typing import Floats
from gasnet3.spectra.lattice import LogLattice
from gasnet3.spectra.resample import BadGrid, Placement, rebin_placed


def onto_lattice(
    flux_rows: list[NDArray[Any]],
    ivar_rows: list[NDArray[Any]],
    grids: list[NDArray[Any]],
    lattice: LogLattice,
    *,
    log: bool,
    shared: bool,
) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]], NDArray[np.int64], Floats]:
    """Flux and ivar on the lattice, shape (rows, n), flags of what went wrong, sizes of pixels."""
    rows = len(flux_rows)
    shape = (rows, lattice.n)
    flux: NDArray[np.floating[Any]] = np.zeros(shape, np.float32)
    ivar: NDArray[np.floating[Any]] = np.zeros(shape, np.float32)
    flags, size = np.zeros(rows, np.int64), np.ones(rows)
    placement = None
    for row, (f, w, grid) in enumerate(zip(flux_rows, ivar_rows, grids, strict=True)):
        if not f.shape == w.shape == grid.shape:
            raise ValueError(
                f"row {row}: flux has {f.size} pixels, ivar {w.size}, wavelengths {grid.size}"
            )
        try:
            if placement is None or grid is not grids[row - 1]:
                placement = Placement.of(floats(grid), lattice, log=log)
        except BadGrid as error:
            placement = None
            if shared:
                raise ValueError(str(error)) from None
            flags[row] |= int(ZWarn.POORDATA)
            continue
        new_flux, new_ivar, poor = rebin_placed(floats(f), floats(w), placement)
        # Rounded row by row: a row's numbers must not depend on its company.
        if _fits_float32(new_flux, new_ivar):
            new_flux, new_ivar = new_flux.astype(np.float32), new_ivar.astype(np.float32)
        elif flux.dtype == np.float32:
            flux, ivar = flux.astype(np.float64), ivar.astype(np.float64)
        flux[row], ivar[row] = new_flux, new_ivar
        flags[row] |= int(ZWarn.POORDATA) * poor
        size[row] = placement.size_of_pixels(new_ivar > 0)
    flags[~(ivar > 0).any(axis=1)] |= int(ZWarn.NODATA)
    return flux, ivar, flags, size


def _fits_float32(flux: Floats, ivar: Floats) -> bool:
    """Whether the numbers and their squares stay in its range (cgs flux, say, would not).

    Flux is 0 where ivar is.
    """
    biggest = max(np.abs(flux).max(), ivar.max())
    return bool(biggest < 1e18 and ivar.min(where=ivar > 0, initial=np.inf) > 1e-30)


def floats(values: Any) -> Floats:
    """As float64; masked entries of a masked array become NaN."""
    if isinstance(values, np.ma.MaskedArray):
        return np.asarray(np.ma.filled(values.astype(np.float64), np.nan))
    # A signalling NaN in a damaged file would warn when it is widened.
    with np.errstate(invalid="ignore"):
        return np.asarray(values, np.float64)
