"""redrock's own templates in gasnet3 beside redrock: the same files, spectra and run.

    python benchmarks/own_templates.py
    python benchmarks/own_templates.py --page docs/templates.md

Real labelled quasars and stars. redrock's answers are kept in runs/peers; CPU times are taken in
turns in this run, the least of each counts.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from astropy.table import Table
from numpy.typing import NDArray
from peers.answers import kept
from peers.own_templates import SHARP, real_spectra, template_files
from peers.with_redrock import HOW_TO_GET, Redrock, installed

from gasnet3.evaluate.metrics import delta_z
from gasnet3.io.options import ReadOptions
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.spectra.batch import Spectra
from gasnet3.train.templates import TemplateOptions, add_templates
from gasnet3.version import __version__

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"

LIMIT = {"QSO": 0.003, "STAR": 0.0005}
"""|Δz| within which redshifts agree."""

SOLVERS = ("hybrid", "exact")
PLAIN = "redrock, no resolution matrix"

SLOW = 4
"""Spectra that redrock is timed on: it takes far longer."""

RIGHT = {"QSO": 0.01, "STAR": 0.001}
"""Δz of eq. 14 within which a redshift is that of the label."""

HEAD = (
    "spectra", "n", "same class", "same class and z", "median \\|Δz\\|", "right", "redrock right",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Asked:
    """Spectra with their labels, and what both said of them."""

    spectra: Spectra
    cls: NDArray[np.str_]
    z: NDArray[np.float64]
    ours: Table
    theirs: Table

    @property
    def same_class(self) -> NDArray[np.bool_]:
        """Whether both say one class."""
        return np.asarray(self.ours["class"]) == np.asarray(self.theirs["class"])

    @property
    def apart(self) -> NDArray[np.float64]:
        """|Δz| of the two."""
        return np.abs(np.asarray(self.ours["z"] - self.theirs["z"], np.float64))

    @property
    def agree(self) -> NDArray[np.bool_]:
        """Whether class and redshift are the same."""
        limit = np.array([LIMIT[str(cls)] for cls in self.theirs["class"]])
        return self.same_class & (self.apart < limit)

    def right(self, table: Table) -> NDArray[np.bool_]:
        """Whether answers are those of the labels."""
        limit = np.array([RIGHT[cls] for cls in self.cls])
        error = np.abs(delta_z(np.asarray(table["z"]), self.z))
        return (np.asarray(table["class"]) == self.cls) & (error < limit)

    def row(self, name: str, rows: NDArray[np.bool_]) -> tuple[str, ...]:
        """A row of :data:`HEAD`."""
        share = [one[rows].mean() for one in (self.same_class, self.agree)]
        right = [self.right(table)[rows].mean() for table in (self.ours, self.theirs)]
        middle = np.median(self.apart[rows & self.same_class])
        return (
            name, str(int(rows.sum())), *(f"{100 * one:.1f} %" for one in share), f"{middle:.1e}",
            *(f"{100 * one:.1f} %" for one in right),
        )  # fmt: skip


def timed(
    turns: dict[str, tuple[Callable[[Spectra], object], Spectra]], rounds: int
) -> dict[str, float]:
    """CPU milliseconds a spectrum, the least of rounds, taken in turns."""
    least = dict.fromkeys(turns, np.inf)
    for _ in range(rounds):
        for name, (classify, spectra) in turns.items():
            began = time.process_time()
            classify(spectra)
            used = 1e3 * (time.process_time() - began) / len(spectra)
            least[name] = min(least[name], used)
    return least


def lines(asked: Asked, cost: dict[str, float], models: Sequence[str]) -> list[str]:
    """What the page says."""
    from pages import table

    kinds = {f"{cls}, by label": asked.cls == cls for cls in LIMIT}
    rows = [asked.row(name, of) for name, of in kinds.items()]
    rows.append(asked.row("all", np.ones(len(asked.cls), bool)))
    others = [
        (
            str(asked.spectra.ids[row]), f"{asked.cls[row]}, {asked.z[row]:.4f}",
            *(f"{t['class'][row]}, {t['z'][row]:.4f}" for t in (asked.ours, asked.theirs)),
        )
        for row in np.flatnonzero(~asked.agree)
    ]  # fmt: skip
    speed = [
        (name, f"{used:.1f}", *(f"{cost[theirs] / used:.0f} ×" for theirs in ("redrock", PLAIN)))
        for name, used in cost.items()
    ]
    return [
        f"{len(asked.cls)} real spectra of SDSS, LAMOST and DESI from 3600 to 9200 Å; "
        f"{len(models)} models of redrock's QSO HIZ and LOZ (its files), of its stars CV, K and M "
        "(its files) and A, B, F, G and WD (its vectors, written as such files). "
        f"Redshifts are the same within {LIMIT['QSO']:g} (quasars) and {LIMIT['STAR']:g} (stars). "
        "right: class and redshift of the label. Neither tries galaxies.",
        "",
        table(HEAD, rows),
        "Not the same:" if others else "All are the same.",
        "",
        table(("name", "label", "gasnet3", "redrock"), others) if others else "",
        "One core, from spectra in memory to a table, the least of rounds taken in turns:",
        "",
        table(("", "CPU ms a spectrum", "redrock's over it", "without matrices"), speed),
        f"redrock {version('redrock')}, gasnet3 {__version__}, torch {torch.__version__}. redrock "
        "gets resolution matrices, as its reader of SDSS's spectra makes them, which it can do "
        "without on this grid; rebinning its templates is not counted.",
    ]


def main() -> None:
    """Ask both, print what they say, and write the page."""
    parser = argparse.ArgumentParser(description="redrock's own templates beside redrock")
    parser.add_argument("--page", type=Path, help="page whose part is written anew")
    parser.add_argument("--shared", type=Path, default=SHARED, help="directory of shared data")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the timing")
    options = parser.parse_args()
    if not installed():
        sys.exit(HOW_TO_GET)
    torch.set_num_threads(1)
    sys.path.insert(0, str(ROOT / "recipes"))
    from pages import write_part

    spectra, cls, z = real_spectra(options.shared)
    templates = options.shared / "data" / "templates"
    with TemporaryDirectory() as models, template_files(templates) as (own, written):
        files = [*own, *written]
        redrock = Redrock(templates, resolution=True, files=files)
        plain = Redrock(templates, files=files)
        cards = add_templates(own, models)
        sharp = TemplateOptions(reading=ReadOptions(resolution=SHARP))
        cards += add_templates(written, models, sharp)
        pipelines = {solver: Pipeline.load(models, solver) for solver in SOLVERS}
    theirs, _ = kept(redrock, redrock.identity, spectra, ROOT / "runs" / "peers")
    few = spectra[np.linspace(0, len(spectra) - 1, SLOW).astype(np.int64)]
    cost = timed(
        {"redrock": (redrock, few), PLAIN: (plain, few)}
        | {name: (p.run, spectra) for name, p in pipelines.items()},
        options.rounds,
    )
    asked = Asked(spectra, cls, z, pipelines["hybrid"].run(spectra), theirs)
    text = lines(asked, cost, [card.name for card in cards])
    print("\n".join(text))
    if options.page is not None:
        write_part(options.page, "beside-redrock", text)


if __name__ == "__main__":
    main()
