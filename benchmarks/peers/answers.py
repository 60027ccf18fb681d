"""Answers of slow peers, kept in Parquet files so that a table can be made again cheaply."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack

from gasnet3.catalog import read_catalog, write_catalog
from gasnet3.spectra.batch import Spectra

ROWS = 32
"""Spectra classified before their answers are written: what an interrupted run loses."""

Classify = Callable[[Spectra], Table]
"""From spectra to a catalog of one row a spectrum."""


def kept(
    classify: Classify, identity: str, spectra: Spectra, directory: Path, *, fresh: bool = False
) -> tuple[Table, float]:
    """Classify spectra, or read what the same classifier said of the same spectra before.

    Parameters
    ----------
    classify : callable
        The classifier.
    identity : str
        What the answers depend on beside the spectra: name, version, templates, settings.
    spectra : Spectra
        Any number of rows.
    directory : Path
        Where the file is; made when it is missing.
    fresh : bool
        Classify again, and replace what is kept.

    Returns
    -------
    Table
        The catalog, in the order of the spectra.
    float
        CPU seconds a spectrum when they were classified.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{identity.split()[0]}-{_sum(identity.encode())}.parquet"
    known = None if fresh or not path.exists() else read_catalog(path)
    wanted = [digest(spectra, row) for row in range(len(spectra))]
    have = set() if known is None else set(known["spectrum"])
    missing = [row for row, key in enumerate(wanted) if key not in have]
    for start in range(0, len(missing), ROWS):
        rows = missing[start : start + ROWS]
        some = spectra[np.array(rows)]
        began = time.process_time()
        table = classify(some)
        table["seconds"] = (time.process_time() - began) / len(rows)
        table["spectrum"] = [wanted[row] for row in rows]
        table.meta.clear()
        known = table if known is None else vstack([known, table])
        write_catalog(known, path)
    if known is None:
        raise ValueError("there are no spectra to classify")
    place = {key: i for i, key in enumerate(known["spectrum"])}
    found = known[[place[key] for key in wanted]]
    return found, float(np.mean(found["seconds"]))


def digest(spectra: Spectra, row: int) -> str:
    """A checksum of one spectrum with its identifier."""
    flux, ivar = spectra.flux[row].tobytes(), spectra.ivar[row].tobytes()
    return _sum(str(spectra.ids[row]).encode() + flux + ivar)


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
