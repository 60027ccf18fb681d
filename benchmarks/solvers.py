"""How often the hybrid solver gives the answers of the exact one, on real validation spectra.

    python benchmarks/solvers.py

What the solvers cost is in benchmarks/performance.py.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.spectra.batch import Spectra

SHARED = Path(__file__).resolve().parents[2] / "shared"


def validation_spectra(shared: Path) -> Spectra:
    """The real validation spectra of the recipes."""
    root = Path(__file__).resolve().parents[1]
    sys.path.insert(0, str(root / "recipes"))
    from mock_survey.library import Survey

    survey = Survey(shared)
    return survey.batch(survey.labelled(validation=True))


def agreement(spectra: Spectra, models: str) -> Table:
    """How often the hybrid solver gives the answers of the exact one, by the exact one's class."""
    exact, hybrid = (Pipeline.load(models, name).run(spectra) for name in ("exact", "hybrid"))
    table = Table(
        "class", "spectra", "same class", "χ² within 1", "both", "χ² worse", "better", "same z"
    )
    same = np.asarray(exact["class"] == hybrid["class"])
    excess = np.asarray(hybrid["chi2"] - exact["chi2"])
    close = np.abs(excess) < 1.0
    sigma = np.hypot(exact["z_err"], hybrid["z_err"])
    same_z = np.abs(np.asarray(hybrid["z"] - exact["z"])) < 0.5 * sigma
    for cls in (*sorted(set(exact["class"])), "all"):
        of = np.full(len(exact), True) if cls == "all" else np.asarray(exact["class"] == cls)
        shares = (same[of].mean(), close[of].mean(), (same & close)[of].mean())
        counts = ((excess[of] >= 1).sum(), (excess[of] <= -1).sum())
        table.add_row(
            str(cls) or "none", str(of.sum()), *(f"{100 * share:.2f} %" for share in shares),
            *(str(count) for count in counts), f"{100 * same_z[of].mean():.2f} %",
        )  # fmt: skip
    return table


def main() -> None:
    """Compare the solvers and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--models", default="encoder", help="architecture or directory")
    parser.add_argument("--shared", type=Path, default=SHARED)
    arguments = parser.parse_args()
    if (arguments.shared / "data").is_dir():
        spectra = validation_spectra(arguments.shared)
        Console(width=100).print(agreement(spectra, arguments.models))
    else:
        print(f"no real spectra: {arguments.shared} is absent, so nothing is compared")


if __name__ == "__main__":
    main()
