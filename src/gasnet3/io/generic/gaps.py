"""What astropy adds to tables in formats that lack it: masks of values that are none, and units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

MASK = ".mask"
"""What astropy adds to the name of a column for that of its mask, in Parquet and HDF5."""


def filled(values: Any, *, pixels: bool = False, always: bool = False) -> Any:
    """What is masked as in formats without masks: NaN, '' or, of large whole numbers, all as text.

    Pixels of spectra are no identifiers, and become NaN however large. With ``always`` values are
    of the type that can tell gaps though there are none: other rows of the column may have some.
    Objects stay a MaskedArray.
    """
    kind, numbers = values.dtype.kind, np.asarray(values.data)
    none = np.ma.getmaskarray(values)
    if kind == "O":
        return np.ma.MaskedArray(numbers, none)
    if not (none.any() or always):
        return numbers
    if kind in "iu" and values.dtype.itemsize > 4 and not pixels:
        # Such are identifiers, and float64 cannot hold all of them.
        return np.where(none, "", numbers.astype(np.str_))
    if kind in "US":
        return np.where(none, np.zeros(1, values.dtype), numbers)
    return np.where(none, np.nan, numbers.astype(np.float64))


def units_in(lines: Sequence[str]) -> dict[str, str]:
    """Units by column, from the YAML that astropy writes beside a table."""
    from astropy.table.meta import get_header_from_yaml

    header = get_header_from_yaml(lines)
    return {one["name"]: str(one["unit"]) for one in header["datatype"] if "unit" in one}
