"""Measuring spectra of files at the redshifts of a catalog: the work of ``gasnet3 measure``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.catalog import CatalogError, read_table
from gasnet3.catalog.best import best_rows
from gasnet3.catalog.schema import identifiers
from gasnet3.machine.threads import side_by_side
from gasnet3.machine.typing import Floats
from gasnet3.measurement.measurer import ROWS, Measurer
from gasnet3.measurement.table import joined, load_measurer, measured_rows
from gasnet3.pipeline.request import Request
from gasnet3.run.plan import Plan, PlanError
from gasnet3.run.selection import ID_NAMES
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.placing import floats
from gasnet3.version import __version__

if TYPE_CHECKING:
    from gasnet3.catalog.rows import Rows
    from gasnet3.spectra.lattice import LogLattice

MEASURE = "measure"
"""Entry of a plan's settings that makes it one of measurements."""


@dataclass(frozen=True, eq=False)
class Redshifts:
    """What a catalog says of spectra, by id.

    Parameters
    ----------
    place : dict of str to int
        Row of each id; the first where there are several.
    z : ndarray of float64, shape (rows,)
        Redshifts.
    classes : ndarray of str, shape (rows,)
        STAR, GALAXY, QSO.
    zwarn : ndarray of int64, shape (rows,)
        Warnings.
    """

    place: dict[str, int]
    z: Floats
    classes: NDArray[np.str_]
    zwarn: NDArray[np.int64]

    @classmethod
    def read(cls, path: str | Path) -> Redshifts:
        """Best solutions of a catalog in any dialect; without classes all are galaxies.

        CatalogError if it cannot be read, or has no id or redshift.
        """
        table = read_table(path)
        names = {name.lower(): name for name in reversed(table.colnames)}
        ids = [names[name] for name in ID_NAMES if name in names]
        if not ids or "z" not in names:
            raise CatalogError(
                f"{path}: needs a column of ids ({', '.join(ID_NAMES)}) and one of redshifts (z) "
                f"to measure by; it has {', '.join(table.colnames[:12])}"
            )
        table = table[best_rows(table)]
        named = identifiers(ids[0], table[ids[0]])
        place = {name: row for row, name in reversed(list(enumerate(named.tolist())))}
        classes = np.full(len(table), "GALAXY")
        if "class" in names:
            classes = np.char.upper(np.char.strip(np.asarray(table[names["class"]], np.str_)))
        zwarn = np.zeros(len(table), np.int64)
        if "zwarn" in names:
            zwarn = np.nan_to_num(floats(np.ma.asarray(table[names["zwarn"]]))).astype(np.int64)
        return cls(place, floats(np.ma.asarray(table[names["z"]])), classes, zwarn)

    @property
    def digest(self) -> str:
        """Hash of all that a measurement takes from it."""
        sha = hashlib.sha256("\0".join(self.place).encode())
        sha.update(np.array(list(self.place.values()), np.int64).tobytes())
        sha.update(self.z.tobytes() + self.zwarn.tobytes())
        sha.update("\0".join(self.classes.tolist()).encode())
        return sha.hexdigest()

    def of(self, ids: NDArray[np.str_]) -> tuple[Floats, NDArray[np.str_], NDArray[np.int64]]:
        """Redshift, class and warnings of spectra; NaN, '' and 0 where it does not have them."""
        rows = np.array([self.place.get(str(name), -1) for name in ids], np.int64)
        there = rows >= 0
        if not len(self.z):
            return np.full(len(ids), np.nan), np.full(len(ids), "", "U6"), np.zeros(len(ids), int)
        return (
            np.where(there, self.z[rows], np.nan), np.where(there, self.classes[rows], ""),
            np.where(there, self.zwarn[rows], 0),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class CatalogMeasurer:
    """What measures the spectra of files at the redshifts of a catalog, part by part."""

    measurer: Measurer
    redshifts: Redshifts
    provenance: dict[str, Any]

    @property
    def lattice(self) -> LogLattice:
        """What files are read onto."""
        return self.measurer.lattice

    def rows(
        self, spectra: Spectra, n_best: int = 1, keep: object = None, threads: int = 1
    ) -> Rows:
        """Rows of what was measured, rows in the order of the spectra.

        ``n_best`` and ``keep`` are those of a classification and mean nothing here. No number
        depends on ``threads``.
        """
        starts = range(0, max(len(spectra), 1), ROWS)
        parts: Sequence[Spectra] = [spectra[at : at + ROWS] for at in starts]

        def measured(part: Spectra) -> Rows:
            return measured_rows(self.measurer, part, *self.redshifts.of(part.ids))

        table = joined(list(side_by_side(measured, parts, threads)))
        table.meta["gasnet3"] |= self.provenance
        return table


def measure_config(request: Request, catalog: str | Path, only: str) -> dict[str, Any]:
    """The settings of a run of measurements as its plan holds them.

    Raises
    ------
    CatalogError, ValueError, ModelError
        If the catalog cannot be used, ``only`` is something else, or there are no templates.
    """
    request = request.absolute()
    measurer, redshifts = load_measurer(request.models, only), Redshifts.read(catalog)
    return {
        "gasnet3": __version__, **request.to_json(),
        MEASURE: {"catalog": str(Path(catalog).absolute()), "only": only},
        "fingerprint": _fingerprint(measurer, redshifts),
    }  # fmt: skip


def _fingerprint(measurer: Measurer, redshifts: Redshifts) -> dict[str, Any]:
    templates = measurer.templates
    return {
        "templates": templates.digest, "own_width": templates.own_width,
        "redshifts": redshifts.digest,
    }  # fmt: skip


def measurer_of(plan: Plan) -> CatalogMeasurer:
    """What a plan of measurements asks for.

    PlanError if its models or its catalog are others now.
    """
    about = plan.config[MEASURE]
    measurer = load_measurer(plan.request.models, about["only"])
    redshifts = Redshifts.read(about["catalog"])
    if _fingerprint(measurer, redshifts) != plan.config["fingerprint"]:
        raise PlanError(
            f"{plan.directory}: the models ({plan.config['models']}) or the catalog "
            f"{about['catalog']} are not those of the plan any more; put these back, or run again"
        )
    provenance = {"models": plan.config["models"], "catalog": about["catalog"]}
    return CatalogMeasurer(measurer, redshifts, provenance)
