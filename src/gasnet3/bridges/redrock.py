"""χ² curves and solutions as a details file of redrock, which its readers and rrplot read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from gasnet3.catalog.dialects import whole_numbers
from gasnet3.io.saved_curves import CurvesHeader, column_of, least_by_class
from gasnet3.machine.extras import needed
from gasnet3.machine.files import replacing
from gasnet3.machine.typing import Floats
from gasnet3.spectra.lattice import z_from_shift

if TYPE_CHECKING:
    from astropy.table import Table

NEAR = 15
"""Points of the curve around a solution (``zz``, ``zzchi2``), as redrock has by default."""

_COLUMNS = {
    "z": ("z", "f8"),
    "zerr": ("z_err", "f8"),
    "zwarn": ("zwarn", "i4"),
    "chi2": ("chi2", "f8"),
    "deltachi2": ("delta_chi2", "f8"),
    "npixels": ("n_good", "i4"),
    "znum": ("znum", "i4"),
}


def write_details(
    path: str | Path,
    catalog: Table,
    curves: Mapping[str, tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]],
) -> None:
    """Write what ``rrdesi --details`` writes: ``redrock.results.read_zscan`` reads it.

    Groups ``zscan/CLASS`` hold the curves, ``zfit/TARGETID/zfit`` the solutions of a target,
    ``zbest`` the best of each. Curves have no coefficients (``zcoeff`` is empty) and no
    penalty. ``subtype`` is empty, for a class has one curve here; ``subclass`` stands beside.
    A row without a solution has a class of no meaning, for redrock knows none without one.
    Where the ids are not whole numbers, TARGETID counts the spectra, and ``ids`` tells them.

    Parameters
    ----------
    path : str or Path
        Where to write (.h5), whole or not at all; a file that is there is replaced.
    catalog : astropy.table.Table
        A catalog with one or several solutions a spectrum.
    curves : mapping of str to (z, chi2)
        By class: redshifts, shape (k,), and χ², shape (spectra, k), NaN where there is none;
        rows in the order in which the spectra come in the catalog.

    Raises
    ------
    ImportError
        If h5py is not installed.
    ValueError
        If curves have another number of rows than there are spectra, or solutions of a class
        have no curve.
    """
    h5py = needed("h5py", "hdf5")
    ids = np.asarray(catalog["id"]).astype(np.str_)
    first = np.sort(np.unique(ids, return_index=True)[1])
    numbers = whole_numbers(ids[first])
    targets = ids[first].astype(np.int64) if numbers else np.arange(len(first))
    _check(catalog, curves, len(first))
    row_of = dict(zip(ids[first].tolist(), range(len(first)), strict=True))
    rows = np.array([row_of[name] for name in ids.tolist()], np.int64)
    zfit = _zfit(catalog, targets[rows], rows, curves)
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file["targetids"] = targets
        if not numbers:
            file["ids"] = [name.encode() for name in ids[first].tolist()]
        file["zbest"] = zfit[zfit["znum"] == 0]
        for name, (z, chi2) in curves.items():
            scan = file.create_group(f"zscan/{name}")
            scan["redshifts"] = np.asarray(z, np.float64)
            for key, values in (("zchi2", chi2), ("penalty", np.zeros(np.shape(chi2)))):
                scan.create_dataset(key, data=values, dtype="f4", compression="gzip")
            scan["zcoeff"] = np.zeros((*np.shape(chi2), 0), np.float32)
        order = np.argsort(rows, kind="stable")
        groups = np.split(order, np.cumsum(np.bincount(rows))[:-1])
        for target, group in zip(targets.tolist(), groups, strict=True):
            file[f"zfit/{target}/zfit"] = zfit[group]


def _check(catalog: Table, curves: Mapping[str, Any], spectra: int) -> None:
    for name, (z, chi2) in curves.items():
        if np.shape(chi2) != (spectra, len(z)):
            raise ValueError(
                f"the curves of {name} have shape {np.shape(chi2)}, expected {(spectra, len(z))}: "
                "a row for every spectrum of the catalog, in its order"
            )
    missing = sorted({str(name) for name in catalog["class"]} - curves.keys() - {""})
    if missing:
        raise ValueError(f"there are solutions as {', '.join(missing)}, but no curve of it")


def _zfit(
    catalog: Table,
    targets: NDArray[np.int64],
    rows: NDArray[np.int64],
    curves: Mapping[str, Any],
) -> NDArray[Any]:
    """The solutions as redrock's table of them."""
    coeff = np.zeros((len(catalog), 1))
    if "coeff" in catalog.colnames:
        coeff = np.asarray(catalog["coeff"], np.float64)
    used = np.isfinite(coeff)
    dtype = [
        ("targetid", "i8"),
        *((name, kind) for name, (_, kind) in _COLUMNS.items()),
        *(("spectype", "S6"), ("subtype", "S20"), ("subclass", "S20"), ("ncoeff", "i4")),
        *(("coeff", "f8", coeff.shape[1:]), ("zz", "f8", (NEAR,)), ("zzchi2", "f8", (NEAR,))),
    ]
    out = np.zeros(len(catalog), dtype)
    out["targetid"] = targets
    for name, (native, kind) in _COLUMNS.items():
        if native in catalog.colnames:
            out[name] = catalog[native]
        elif kind == "f8":
            out[name] = np.nan
    classes = np.asarray(catalog["class"]).astype(np.str_)
    # redrock knows no row without a class: of these only zwarn speaks.
    out["spectype"] = np.char.encode(np.where(classes == "", next(iter(curves)), classes), "ascii")
    if "subclass" in catalog.colnames:
        subclass = np.asarray(catalog["subclass"]).astype(np.str_)
        out["subclass"] = np.char.encode(subclass, "ascii", "replace")
    out["coeff"], out["ncoeff"] = np.where(used, coeff, 0.0), used.sum(axis=1)
    for at, (name, z) in enumerate(zip(catalog["class"], catalog["z"], strict=True)):
        out["zz"][at], out["zzchi2"][at] = _near(curves.get(str(name)), rows[at], float(z))
    return out


def _near(curve: Any, row: int, z: float) -> tuple[Any, Any]:
    """The points of a curve around a redshift; NaN where there are none."""
    if curve is None or not np.isfinite(z) or len(curve[0]) < NEAR:
        return np.nan, np.nan
    start = int(np.searchsorted(curve[0], z)) - NEAR // 2
    start = min(max(start, 0), len(curve[0]) - NEAR)
    return curve[0][start : start + NEAR], curve[1][row, start : start + NEAR]


def saved_curves(path: str | Path, catalog: Table) -> dict[str, tuple[Floats, NDArray[np.float32]]]:
    """Curves that ``gasnet3 classify --save-curves`` kept, of the spectra of a catalog of that run.

    By class, as :func:`write_details` takes them, NaN where a spectrum has none; of models that
    compete in a class the least. CurvesError if
    the file holds no curves, ValueError if an id occurs more than once among them.
    """
    table = pa.parquet.read_table(path)
    header = CurvesHeader.of(Path(path), table.schema)
    ids, wanted = table["id"].to_pylist(), list(dict.fromkeys(map(str, catalog["id"])))
    if len(set(ids)) < len(ids):
        raise ValueError(f"{path}: several spectra have the same id, which is whose is not known")
    place = dict(zip(ids, range(len(ids)), strict=True))
    rows = np.array([place.get(name, -1) for name in wanted], np.int64)
    out = {}
    for name, grid in header.grids.items():
        flat = table[column_of("chi2", name)].combine_chunks().flatten().to_numpy()
        chi2 = np.full((len(rows), grid.points), np.nan, np.float32)
        chi2[rows >= 0] = flat.reshape(-1, grid.points)[rows[rows >= 0]]
        out[name] = (z_from_shift(grid.shifts), chi2)
    return least_by_class(out)
