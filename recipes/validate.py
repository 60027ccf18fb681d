"""Scores of the models on the real validation spectra, which training never saw.

Beside them: how many sky fibres got a redshift without a warning (none should), and how many
stars without a known redshift were called stars.

    python recipes/validate.py --solver hybrid
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from mock_survey.library import Survey
from numpy.typing import NDArray
from rich.console import Console

from gasnet3.evaluate import evaluate
from gasnet3.lattice import OBSERVED
from gasnet3.pipeline import Pipeline
from gasnet3.spectra import Spectra

SHARED = Path(__file__).resolve().parents[2] / "shared"


def spectra_of(survey: Survey, rows: NDArray[np.int64]) -> Spectra:
    """The real spectra of the given rows of the shared table."""
    flux, ivar = survey.spectra
    ids = [f"{survey.rows[i]['survey']}/{survey.rows[i]['name']}" for i in rows]
    return Spectra.from_arrays(flux[rows], ivar[rows], loglam=OBSERVED.loglam, ids=ids)


def main() -> None:
    """Classify, score, print."""
    from astropy.table import Table

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--solver", default="hybrid", choices=["amortised", "exact", "hybrid"])
    parser.add_argument("--models", default="encoder", help="architecture or directory")
    arguments = parser.parse_args()
    console = Console()
    pipeline = Pipeline.load(arguments.models, arguments.solver)
    survey = Survey(arguments.shared)

    rows = np.array(survey.labelled(validation=True))
    spectra = spectra_of(survey, rows)
    began = time.perf_counter()
    catalog = pipeline.run(spectra)
    console.print(f"{1e3 * (time.perf_counter() - began) / len(rows):.1f} ms a spectrum")
    column = {key: [survey.rows[i][key] for i in rows] for key in ("cls", "sub", "z")}
    truth = Table(
        {
            "id": spectra.ids,
            "class": column["cls"],
            "subclass": column["sub"],
            "z": [float(z or "nan") for z in column["z"]],
        }
    )
    console.print(evaluate(catalog, truth).to_rich())

    fibres = np.array([i for i, row in enumerate(survey.rows) if row["role"] == "sky"])
    sky = pipeline.run(spectra_of(survey, fibres))
    console.print(f"sky fibres without a warning: {(sky['zwarn'] == 0).sum()} of {len(sky)}")
    stars = np.array([i for i, row in enumerate(survey.rows) if row["role"] == "star-no-z"])
    called = pipeline.run(spectra_of(survey, stars))["class"] == "STAR"
    console.print(f"stars without a redshift called STAR: {called.mean():.3f} of {len(stars)}")


if __name__ == "__main__":
    main()
