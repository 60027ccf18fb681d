"""Fits of ordinary spectra as files beside the weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.anomaly.density import Density
from gasnet3.anomaly.score import AnomalyFit
from gasnet3.machine.files import json_contents, replacing, write_json

DIRECTORY = Path(__file__).resolve().parents[1] / "models" / "anomaly"
"""The fits of the shipped weights."""


def find_anomaly(
    hashes: Mapping[str, str], kind: str, directories: Sequence[Path] = (DIRECTORY,)
) -> AnomalyFit | None:
    """The fit that belongs to networks and a kind of solution, or None.

    Parameters
    ----------
    hashes : mapping of str to str
        Hash of the weights of each class, and of a "trunk" that gives their coefficients.
    kind : {"exact", "amortised"}
        Whether coefficients are solved for.
    directories : sequence of Path
        Where fits are looked for, in files ``*.json`` with densities in ``*.safetensors``.
    """
    for content in json_contents(directories):
        fit = content.get(kind)
        if fit and fit["sha256"] == dict(hashes):
            return fit_of(fit, directories)
    return None


def fit_of(content: Mapping[str, Any], directories: Sequence[Path]) -> AnomalyFit:
    """A fit from what its JSON file holds.

    Raises
    ------
    FileNotFoundError
        If its densities are missing from all directories.
    """
    tables = {
        cls: {name: np.array(values, np.float64) for name, values in of.items()}
        for cls, of in content["tables"].items()
    }
    sky = tuple((float(low), float(high)) for low, high in content["sky"])
    name = content.get("densities")
    densities: dict[str, Density] = {}
    if name:
        path = _found(name, directories)
        densities = _densities(path, path.stat().st_mtime_ns)
    return AnomalyFit(sky, tables, densities)


def shipped_sky() -> tuple[tuple[float, float], ...]:
    """Ranges of strong sky lines and telluric bands of the shipped fits, vacuum Å."""
    ranges = next(json_contents([DIRECTORY]))["amortised"]["sky"]
    return tuple((float(low), float(high)) for low, high in ranges)


def _found(name: str, directories: Sequence[Path]) -> Path:
    for directory in directories:
        if (directory / name).is_file():
            return directory / name
    places = ", ".join(map(str, directories))
    raise FileNotFoundError(f"{name} is missing beside its JSON file (looked in {places})")


@cache
def _densities(path: Path, version: int) -> dict[str, Density]:
    """Densities by class, read again when written anew; arrays are named "CLASS.attribute"."""
    from safetensors.numpy import load_file

    by_class: dict[str, dict[str, NDArray[Any]]] = {}
    for key, array in load_file(path).items():
        cls, attribute = key.split(".")
        by_class.setdefault(cls, {})[attribute] = array
    return {cls: Density.from_arrays(arrays) for cls, arrays in by_class.items()}


def write_fits(
    fits: Mapping[str, tuple[Mapping[str, str], AnomalyFit, Mapping[str, Any]]], path: Path
) -> None:
    """Write fits by kind of solution, with the hashes of their networks and what they were made of.

    Parameters
    ----------
    fits : mapping
        Kind of solution to (hashes by class, fit, further entries such as n).
    path : Path
        The JSON file; densities go beside it, into a file of its name ending in .safetensors.
        Other kinds that it holds stay.
    """
    from safetensors.numpy import save

    content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for kind, (hashes, fit, notes) in fits.items():
        content[kind] = {
            **notes, "sha256": dict(hashes), "sky": fit.sky,
            "tables": {
                cls: {name: np.round(values, 5) for name, values in of.items()}
                for cls, of in fit.tables.items()
            },
        }  # fmt: skip
        if fit.densities:
            arrays = {
                f"{cls}.{name}": np.ascontiguousarray(array)
                for cls, density in fit.densities.items()
                for name, array in density.arrays().items()
            }
            with replacing(path.with_suffix(".safetensors")) as temporary:
                temporary.write_bytes(save(arrays))
            content[kind]["densities"] = path.with_suffix(".safetensors").name
    write_json(path, content)
