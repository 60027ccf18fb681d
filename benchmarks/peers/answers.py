"""Answers of slow peers, kept in Parquet files so that a table can be made again cheaply."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

from astropy.table import Table, vstack

from gasnet3.catalog import read_catalog, write_catalog
from gasnet3.spectra import Spectra

ROWS = 32
"""Spectra in one file: what is lost when a run is interrupted."""

Classify = Callable[[Spectra], Table]


def kept(
    classify: Classify, identity: str, spectra: Spectra, directory: Path, *, fresh: bool = False
) -> tuple[Table, float]:
    """Classify spectra, or read what the same classifier said of the same spectra before.

    Parameters
    ----------
    classify : callable
        From spectra to a catalog of one row a spectrum.
    identity : str
        What the answers depend on beside the spectra: name, version, templates, settings.
    spectra : Spectra
        Any number of rows.
    directory : Path
        Where the files are; made when it is missing.
    fresh : bool
        Classify again, and replace what is kept.

    Returns
    -------
    Table
        The catalog.
    float
        CPU seconds all of it took when it was computed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    parts, seconds = [], 0.0
    for start in range(0, len(spectra), ROWS):
        some = spectra[start : start + ROWS]
        path = directory / f"{identity.split()[0]}-{_digest(identity, some)}.parquet"
        if fresh or not path.exists():
            began = time.process_time()
            table = classify(some)
            table.meta["gasnet3"] = {"peer": identity, "seconds": time.process_time() - began}
            write_catalog(table, path)
        part = read_catalog(path)
        seconds += float(part.meta.pop("gasnet3")["seconds"])
        parts.append(part)
    return vstack(parts), seconds


def _digest(identity: str, spectra: Spectra) -> str:
    total = hashlib.sha256(identity.encode())
    for array in (spectra.flux, spectra.ivar):
        total.update(array.tobytes())
    total.update("\n".join(str(item) for item in spectra.ids).encode())
    return total.hexdigest()[:16]
