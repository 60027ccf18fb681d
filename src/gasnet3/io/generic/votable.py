"""Reader of VOTables, as archives of the Virtual Observatory give spectra (SSA) and tables."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gasnet3.io.fits_table import open_fits
from gasnet3.io.generic.astropy_tables import table_holding
from gasnet3.io.generic.holding import Holding, HoldingReader
from gasnet3.io.generic.roles import RolesError

_OWN = b'ID="about.gasnet3"'


class VotableReader(HoldingReader):
    """VOTable: one pixel a row, or, where columns hold arrays, one spectrum a row.

    Columns are known by name, unit and UCD; PARAMs and INFOs of the object are keywords. The
    first table counts that makes spectra. Catalogs of gasnet3 itself hold none.
    """

    name = "votable"

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether the file begins as a VOTable, and is none of our catalogs."""
        return b"<VOTABLE" in head[:4096] and _OWN not in head

    @contextmanager
    def holding(self, path: Path) -> Iterator[Holding]:
        """What the file holds."""
        from astropy.io.votable import parse

        with open_fits(path) as stream, warnings.catch_warnings():
            # Units of older standards; and what other programs write is rarely all valid.
            warnings.simplefilter("ignore")
            whole = parse(io.BytesIO(stream.read()), verify="ignore")
        missing: RolesError | None = None
        for resource in whole.resources:
            for element in resource.tables:
                table = _table(element)
                table.meta.update(_said(whole, resource, element))
                try:
                    holding = table_holding(table)
                except RolesError as error:
                    missing = missing or error
                else:
                    yield holding
                    return
        raise missing or RolesError("it has no table")


def _table(element: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return element.to_table(use_names_over_ids=True)


def _said(*elements: Any) -> dict[str, Any]:
    """PARAMs and INFOs of the file, the resource and the table, the inner ones going before."""
    out: dict[str, Any] = {}
    for element in elements:
        for one in (*getattr(element, "params", ()), *getattr(element, "infos", ())):
            value = one.value
            out[str(one.name)] = value.item() if hasattr(value, "item") else value
    return out
