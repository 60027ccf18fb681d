"""Which rows of a catalog are the best solutions of their spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gasnet3.spectra.placing import floats

if TYPE_CHECKING:
    from astropy.table import Table


def best_rows(catalog: Table) -> NDArray[np.intp]:
    """Rows of the least ``znum`` there is, ascending; all where solutions are not ranked."""
    rank = floats(np.ma.asarray(catalog["znum"])) if "znum" in catalog.colnames else np.empty(0)
    if not np.isfinite(rank).any():
        return np.arange(len(catalog))
    return np.flatnonzero(rank == np.nanmin(rank))
