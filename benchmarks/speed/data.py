"""Mock spectra as shards and as spec files, each made once for a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from gasnet3.io import write_spec
from gasnet3.io.stores.manifest import read_manifest, shards_in, write_directory
from gasnet3.nets.registry import load_models
from gasnet3.spectra.batch import Spectra
from gasnet3.train.mock import draw_blocks
from speed.turns import tell

SN = 20.0
"""Median S/N a pixel of the mock spectra."""


def mock_shards(directory: Path, rows: int, shard_rows: int, *, seed: int = 1) -> Path:
    """A directory of shards of ``shard_rows`` mock spectra each; kept if it is there already."""
    if directory.is_dir() and sum(e.rows for e in read_manifest(directory)) == rows:
        return directory
    tell(f"{rows:,} mock spectra as shards")
    blocks = draw_blocks(load_models("encoder"), rows, sn=SN, seed=seed)
    write_directory(directory, blocks, shard_rows)
    return directory


def mock_specs(directory: Path, rows: int, *, seed: int = 1) -> Path:
    """A directory of SDSS spec files of mock spectra."""
    tell(f"{rows:,} mock spectra as spec files")
    directory.mkdir()
    for spectra in _blocks(rows, seed):
        for row, name in enumerate(spectra.ids):
            write_spec(directory / f"{name}.fits", spectra, row)
    return directory


def _blocks(rows: int, seed: int) -> Iterator[Spectra]:
    return draw_blocks(load_models("encoder"), rows, sn=SN, seed=seed)


def first_shards(directory: Path, rows: int, shard_rows: int) -> list[str]:
    """The first shards that hold ``rows`` spectra.

    Raises
    ------
    ValueError
        If ``rows`` is no multiple of the rows of a shard.
    """
    if rows % shard_rows:
        raise ValueError(f"{rows} spectra are no whole number of shards of {shard_rows}")
    return [str(path) for path in shards_in(directory)[: rows // shard_rows]]


def first_specs(directory: Path, rows: int) -> list[str]:
    """A directory of links to the first spec files: what a user would name."""
    some = directory.with_name(f"{directory.name}-{rows}")
    if not some.is_dir():
        some.mkdir()
        for path in sorted(directory.glob("*.fits"))[:rows]:
            os.link(path, some / path.name)
    return [str(some)]
