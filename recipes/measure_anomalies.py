"""How many strange spectra are found, and how many ordinary ones are called strange.

    python recipes/measure_anomalies.py --page docs/anomalies.md

Injects every kind of strangeness into the real spectra of the validation groups, which neither
the networks nor the calibration of the scores have seen (`recipes/anomalies/`), classifies them
and the spectra as they are, and writes the tables of the page. Some minutes on one core.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from anomalies.elsewhere import measure_elsewhere
from anomalies.inject import INJECTIONS
from anomalies.marking import mixture, worth
from anomalies.measurement import Found, measure_injected, measure_ordinary
from anomalies.page import lines
from anomalies.strangest import find_strangest
from mock_survey.library import SHARED, Survey
from pages import write_part
from rich.console import Console

from gasnet3.catalog.schema import ANOMALY_KINDS
from gasnet3.pipeline.pipeline import Pipeline


def main() -> None:
    """Classify, compare, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--solver", default="hybrid", help="as gasnet3 classify knows them")
    parser.add_argument("--models", default="encoder", help="architecture or directory")
    parser.add_argument("--rows", type=int, default=40, help="spectra a strength")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", type=Path, help="page whose part 'measured' to write")
    arguments = parser.parse_args()
    console = Console(stderr=True, soft_wrap=True)
    torch.set_num_threads(1)
    began = time.perf_counter()
    pipeline = Pipeline.load(arguments.models, arguments.solver)
    survey = Survey(arguments.shared)

    def told(found: Found) -> None:
        name = f"{found.injected.injection.name}, {found.injected.strength:g}"
        kind = found.share(found.kind_right)
        console.print(f"{name}: recall {found.recall():.2f}, kind right {kind:.2f}")

    ordinary = measure_ordinary(pipeline, survey, arguments.seed)
    found = measure_injected(pipeline, survey, arguments.rows, arguments.seed, ordinary[0], told)
    table = mixture(ordinary[:2], found, arguments.seed)
    worths = [worth(table, kind) for kind in ANOMALY_KINDS.values()]
    picture = arguments.page.parent / "images" / "anomalies.png" if arguments.page else None
    surveys = measure_elsewhere(pipeline, survey, ordinary[0], arguments.seed)
    part = lines(ordinary, found, worths, find_strangest(pipeline, survey, picture), surveys)
    spectra = sum(len(o.catalog) for o in ordinary) + sum(len(f.catalog) for f in found)
    minutes = (time.perf_counter() - began) / 60
    console.print(f"{spectra} spectra, {len(INJECTIONS)} injections, {minutes:.1f} minutes")
    if arguments.page is not None:
        write_part(arguments.page, "measured", part)
        console.print(f"wrote {arguments.page}")
    else:
        print("\n".join(part))
    scores = np.concatenate([f.score for f in found])
    console.print(f"recall over all: {np.mean(scores >= 2):.3f}")


if __name__ == "__main__":
    main()
