"""Some spectra of many files: which rows have the ids that are asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from gasnet3.io import ReadError, ReadFailure, ReadOptions
from gasnet3.io.finding import SpectrumIndex
from gasnet3.machine.progress import Progress
from gasnet3.run.inputs import Inputs

ID_NAMES = ("id", "targetid", "name")
TABLES = (".csv", ".ecsv", ".fits", ".parquet", ".vot")


def read_ids(source: str) -> list[str]:
    """Ids as they are given on the command line.

    Parameters
    ----------
    source : str
        A table (.csv, .ecsv, .fits, .parquet, .vot) with a column ``id``, ``targetid`` or
        ``name``; any other file, with one id a line; or ids with commas between them.

    Raises
    ------
    ValueError
        If there is no id, or the table has none of these columns.
    gasnet3.catalog.CatalogError
        If the table cannot be read.
    OSError
        If the file cannot be read.
    """
    path = Path(source).expanduser()
    if not path.is_file():
        found = source.split(",")
    elif path.suffix.lower() in TABLES:
        from gasnet3.catalog import read_table
        from gasnet3.catalog.schema import identifiers

        table = read_table(path)
        names = {name.lower(): name for name in reversed(table.colnames)}
        known = [names[name] for name in ID_NAMES if name in names]
        if not known:
            raise ValueError(
                f"{path} has no column {', '.join(ID_NAMES)}; it has {', '.join(table.colnames)}"
            )
        found = identifiers(known[0], table[known[0]]).tolist()
    else:
        try:
            # Editors that mark UTF-8 at the beginning would make the mark a part of the first id.
            found = path.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise ValueError(
                f"{path}: is no text with one id a line; tables end in {', '.join(TABLES)}"
            ) from None
    ids = list(dict.fromkeys(item.strip() for item in found if item.strip()))
    if not ids:
        raise ValueError(f"{source}: there is no id in it")
    return ids


def select(
    inputs: Inputs,
    ids: Collection[str],
    options: ReadOptions,
    failures: list[ReadFailure],
    on_progress: Progress | None = None,
) -> tuple[Inputs, list[str]]:
    """The rows of files whose ids are wanted, in order, and the ids that no file has.

    All spectra are read once to know their ids; files that cannot be read are appended to the
    failures and left out. The rows are one entry for each run of consecutive ones.
    """
    index, missing = SpectrumIndex(frozenset(ids), options), set(ids)
    runs: list[tuple[int, int, int]] = []
    for number, path in enumerate(inputs.path):
        try:
            here = index.look(Path(path), int(inputs.rows[number]))
            found = [(rows, batch.ids.tolist()) for rows, batch in here]
        except ReadError as error:
            failures.append(ReadFailure(Path(path), error.problem))
        else:
            missing.difference_update(*(names for _, names in found))
            rows = [row for rows, _ in found for row in rows]
            runs += [(number, first, last) for first, last in _runs(rows)]
        if on_progress:
            on_progress(number + 1, len(inputs.path))
    chosen = [number for number, _, _ in runs]
    return (
        Inputs(
            [inputs.path[number] for number in chosen],
            [inputs.reader[number] for number in chosen],
            np.array([last - first for _, first, last in runs], np.int64),
            inputs.size[chosen] if chosen else inputs.size[:0],
            inputs.mtime_ns[chosen] if chosen else inputs.mtime_ns[:0],
            np.array([first for _, first, _ in runs], np.int64),
        ),
        [name for name in dict.fromkeys(ids) if name in missing],
    )


def _runs(rows: Sequence[int]) -> list[tuple[int, int]]:
    """First row and the one after the last of each run of consecutive rows."""
    if not rows:
        return []
    breaks = np.flatnonzero(np.diff(rows) > 1) + 1
    return [(int(part[0]), int(part[-1]) + 1) for part in np.split(np.array(rows), breaks)]
