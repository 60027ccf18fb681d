"""redrock's own templates as files, and real spectra that redrock and gasnet3 are both given."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED
from peers.with_redrock import write_template

OTHER_STARS = ("a", "b", "f", "g", "wd")
"""Star templates of which there are the vectors but not redrock's files: written as such."""

SHARP = "R=20000"
"""What is said of their resolution: they are of theoretical spectra."""

EACH = {"QSO": 70, "STAR": 70}
"""Spectra of each class."""


@contextmanager
def template_files(templates: Path) -> Iterator[tuple[list[Path], list[Path]]]:
    """redrock's files as they are, and files written of the vectors of the other stars.

    Parameters
    ----------
    templates : Path
        The shared folder of templates.
    """
    own = sorted((templates / "fits").glob("rrtemplate-*.fits"))
    with TemporaryDirectory() as directory:
        written = []
        for name in OTHER_STARS:
            with np.load(templates / f"redrock-star-{name}-basis.npz") as file:
                flux, k0 = file["flux"], int(file["k0"])
            path = Path(directory) / f"rrtemplate-STAR-{name.upper()}.fits"
            write_template(path, k0, flux, "STAR", name.upper())
            written.append(path)
        yield own, written


def real_spectra(shared: Path) -> tuple[Spectra, NDArray[np.str_], NDArray[np.float64]]:
    """Labelled real quasars and stars, evenly spread over the list, with classes and redshifts."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "recipes"))
    from mock_survey.library import Survey

    survey = Survey(shared)
    rows = [index for cls in EACH for index in _spread(_labelled(survey.rows, cls), EACH[cls])]
    classes = np.array([survey.rows[index]["cls"] for index in rows])
    z = np.array([float(survey.rows[index]["z"]) for index in rows])
    return survey.batch(np.array(rows)).on(OBSERVED), classes, z


def _labelled(rows: Sequence[dict[str, str]], cls: str) -> list[int]:
    return [
        index
        for index, row in enumerate(rows)
        if row["role"] == "labelled" and row["cls"] == cls and row["z"]
    ]


def _spread(rows: Sequence[int], most: int) -> list[int]:
    at = np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64)
    return [rows[index] for index in at]
