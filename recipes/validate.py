"""Scores of the models on the real validation spectra, which training never saw.

Beside them: how many sky fibres got a redshift without a warning (none should), and how many
stars without a known redshift were called stars; of both, those of the validation groups.

    python recipes/validate.py --solver hybrid

``--write-cards`` puts the scores of each class into the card of its network. ``--faint`` scores
faint spectra instead, and writes them into a page with ``--page docs/confidence.md``; with
``--redrock`` also those of redrock, whose answers are kept in runs/peers.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.table import Table
from faint.page import report
from mock_survey.library import SHARED, Survey, in_validation
from numpy.typing import NDArray
from rich.console import Console

from gasnet3.evaluate.evaluation import Evaluation, evaluate
from gasnet3.evaluate.tables import tables
from gasnet3.nets.card import write_card
from gasnet3.nets.registry import directory_of, list_models
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.solvers import SOLVERS
from gasnet3.spectra.batch import Spectra


def truth_of(survey: Survey, rows: NDArray[np.int64], ids: NDArray[np.str_]) -> Table:
    """Labels of the given rows."""
    column = {key: [survey.rows[i][key] for i in rows] for key in ("cls", "sub", "z")}
    return Table(
        {
            "id": ids,
            "class": column["cls"],
            "subclass": column["sub"],
            "z": [float(z or "nan") for z in column["z"]],
        }
    )


def of_role(survey: Survey, role: str) -> tuple[Spectra, NDArray[np.bool_]]:
    """All spectra of a role, and which of them are of the validation groups."""
    rows = [i for i, row in enumerate(survey.rows) if row["role"] == role]
    held_out = [in_validation(survey.rows[i]["group"]) for i in rows]
    return survey.batch(rows), np.array(held_out)


def write_cards(pipeline: Pipeline, directory: Path, scores: Evaluation, solver: str) -> None:
    """Put the scores of each class into the card of its network, by solver."""
    hashes = {engine.model.card.sha256 for engine in pipeline.engines}
    for info in list_models(directory):
        if info.card.sha256 in hashes:
            of = scores.classes[info.card.cls]
            told = {
                "n": of.n, "accuracy": of.accuracy,
                "accuracy_agn_either_way": of.accuracy_agn_either_way,
                "good_fraction": of.good_fraction, "log_good_fraction": of.log_good_fraction,
                "median_delta_z": of.median_delta_z, "pull_width": of.pulls.width,
                "n_pulls": of.pulls.n,
            }  # fmt: skip
            finite = {key: round(v, 7) for key, v in told.items() if np.isfinite(v)}
            metrics = info.card.metrics | {f"real_{solver}": finite}
            write_card(info.path, replace(info.card, metrics=metrics))


def main() -> None:
    """Classify, score, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--solver", default="hybrid", choices=list(SOLVERS))
    parser.add_argument("--models", default="encoder", help="architecture or directory")
    parser.add_argument("--write-cards", action="store_true", help="put the scores into the cards")
    parser.add_argument("--faint", action="store_true", help="score faint spectra instead")
    parser.add_argument("--redrock", action="store_true", help="ask redrock too, of faint spectra")
    parser.add_argument("--page", type=Path, help="page whose parts on faint spectra are written")
    arguments = parser.parse_args()
    console = Console(width=160)
    pipeline = Pipeline.load(arguments.models, arguments.solver)
    if arguments.faint:
        report(pipeline, arguments.shared, arguments.page, console, redrock=arguments.redrock)
        return
    survey = Survey(arguments.shared)

    rows = np.array(survey.labelled(validation=True))
    spectra = survey.batch(rows)
    began = time.perf_counter()
    catalog = pipeline.run(spectra.on(pipeline.lattice))
    console.print(f"{1e3 * (time.perf_counter() - began) / len(rows):.1f} ms a spectrum")
    scores = evaluate(catalog, truth_of(survey, rows, spectra.ids))
    console.print(tables(scores))

    sky, ours = of_role(survey, "sky")
    clean = np.asarray(pipeline.run(sky.on(pipeline.lattice))["zwarn"]) == 0
    console.print(
        f"sky fibres without a warning: {clean[ours].sum()} of {ours.sum()}, "
        f"with those of the training groups {clean.sum()} of {len(clean)}"
    )
    stars, ours = of_role(survey, "star-no-z")
    called = np.asarray(pipeline.run(stars.on(pipeline.lattice))["class"]) == "STAR"
    console.print(
        f"stars without a redshift called STAR: {called[ours].mean():.4f} of {ours.sum()}, "
        f"with those of the training groups {called.mean():.4f} of {len(called)}"
    )
    if arguments.write_cards:
        write_cards(pipeline, directory_of(arguments.models), scores, arguments.solver)


if __name__ == "__main__":
    main()
