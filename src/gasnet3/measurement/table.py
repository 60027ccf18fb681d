"""Tables of what was measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.catalog.rows import Rows
from gasnet3.catalog.schema import BY_NAME, catalog_rows
from gasnet3.machine.typing import Floats
from gasnet3.measurement.measurer import KINDS, Measurer
from gasnet3.measurement.templates import load_templates
from gasnet3.nets.registry import ModelNames, find_models
from gasnet3.spectra.batch import Spectra
from gasnet3.version import __version__


def load_measurer(models: ModelNames = "encoder", only: str = "") -> Measurer:
    """Templates of some models, ready to measure.

    ValueError if ``only`` is none of :data:`~gasnet3.measurement.measurer.KINDS` or ''; ModelError
    if the models have no STAR network with eigenspectra.
    """
    if only not in ("", *KINDS):
        raise ValueError(f"unknown {only!r}: only one of {', '.join(KINDS)} can be measured alone")
    templates = load_templates(models)
    return Measurer(templates, only, find_models(models)["STAR"].card.observed)


def measured_rows(
    measurer: Measurer,
    spectra: Spectra,
    z: Floats,
    classes: NDArray[np.str_],
    zwarn: NDArray[np.int64],
) -> Rows:
    """Id, class, redshift and all that is measured, with the key columns of the spectra.

    Parameters are those of :meth:`~gasnet3.measurement.measurer.Measurer.columns`.
    """
    columns: dict[str, NDArray[Any]] = {
        "id": spectra.ids, "class": classes, "z": z, "sn_median": spectra.sn_median,
        **measurer.columns(spectra.on(measurer.lattice), z, classes, zwarn),
    }  # fmt: skip
    provenance = {
        "version": __version__, "templates": measurer.templates.digest, "only": measurer.only,
        "own_width": measurer.templates.own_width,
    }  # fmt: skip
    return catalog_rows(columns, spectra.meta, provenance)


def joined(tables: list[Rows]) -> Rows:
    """Tables of measurements one after the other."""
    first = tables[0]
    if len(tables) == 1:
        return first
    names = [name for name in first.colnames if name in BY_NAME]
    columns = {name: np.concatenate([np.asarray(one[name]) for one in tables]) for name in names}
    return catalog_rows(columns, None, first.meta["gasnet3"])
