"""Train the Encoders of the paper's Table 4 and Table B1; what is trained already stays.

    python recipes/paper/trainings.py --epochs 100

The paper's Encoder, coefficients (eq. 4), loss (eq. 7) and step schedule, on its lattice and its
20,000 spectra a class: nested random subsets of what the training sets of recipes/population.py
show of that lattice. 100 epochs of all eighteen trainings take a core a day: fewer are the
default. A training that was interrupted goes on where it was. Every training takes the same number
of steps, whatever its set's size.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from experiments import RUNS, Method, arguments_of, scores
from rich.console import Console

import gasnet3
from gasnet3.io import write_npz
from gasnet3.io.stores.npz import NpzReader
from gasnet3.nets.card import ModelError, read_card
from gasnet3.spectra.lattice import OBSERVED
from gasnet3.train.config import TrainConfig
from gasnet3.train.loop import run_training

MODELS = RUNS / "models"
SETS = RUNS / "sets"
Z_RANGE = {"STAR": (-0.005, 0.005), "GALAXY": (0.0, 1.5), "QSO": (0.0, 5.0)}

BATCH = 32
ERROR_FLOOR = 0.05
"""Of the spectrum's rms: without it a few spectra of S/N 80 own a loss of few steps."""

LARGEST = 20_000
COVERED = 0.9
"""Share of the paper's lattice that a spectrum must show, as those of SDSS do."""

SELECTING = 400
"""Mocks outside every subset on which the epoch of the least loss is chosen."""

SEED = 4


@dataclass(frozen=True)
class Variant:
    """One row of Table 4 or B1: eigenspectra, degree of the continuum, training spectra."""

    m: int
    degree: int
    size: int

    @property
    def name(self) -> str:
        """Name of its directory of models."""
        return f"m{self.m}-degree{self.degree}-n{self.size}"

    @property
    def directory(self) -> Path:
        """Where its three models lie."""
        return MODELS / self.name


TABLE_4 = tuple(Variant(m, degree, LARGEST) for m, degree in ((3, 2), (5, 2), (10, 2), (10, 5)))
TABLE_B1 = tuple(Variant(10, 2, size) for size in (LARGEST // 4, LARGEST // 2, LARGEST))


def write_subsets(cls: str, population: Path) -> None:
    """Write the nested training subsets of a class, and the spectra that choose the epoch."""
    sizes = sorted({v.size for v in (*TABLE_4, *TABLE_B1)})
    paths = {size: SETS / f"{cls}-{size}.npz" for size in sizes}
    selecting = SETS / f"{cls}-select.npz"
    if all(path.exists() for path in (*paths.values(), selecting)):
        return
    SETS.mkdir(parents=True, exist_ok=True)
    spectra = NpzReader().read(population / f"{cls}-train.npz").on(OBSERVED)
    low, high = Z_RANGE[cls]
    seen = (spectra.ivar > 0).mean(axis=1) >= COVERED
    usable = np.flatnonzero(seen & (spectra.z >= low) & (spectra.z <= high))
    order = np.random.default_rng(SEED).permutation(usable)
    mocks = order[LARGEST:][np.char.startswith(spectra.ids[order[LARGEST:]], "mock")]
    if len(mocks) < SELECTING:
        raise ValueError(
            f"{population}: {len(usable)} {cls} spectra over the paper's lattice leave too few "
            f"beside {LARGEST} to train on; make a larger set with recipes/population.py --n"
        )
    chosen = {path: order[:size] for size, path in paths.items()} | {selecting: mocks[:SELECTING]}
    for path, rows in chosen.items():
        write_npz(path, replace(spectra[rows], meta={}))


def config_of(variant: Variant, cls: str, epochs: int) -> TrainConfig:
    """The training of one row of the tables for one class: epochs of the largest set."""
    low, high = Z_RANGE[cls]
    return TrainConfig(
        name=f"encoder-{cls.lower()}",
        cls=cls,
        train=[str(SETS / f"{cls}-{variant.size}.npz")],
        valid=[str(SETS / f"{cls}-select.npz")],
        z_min=low,
        z_max=high,
        output=str(variant.directory),
        options={"m": variant.m, "variant": "paper"},
        degree=variant.degree,
        k_min=OBSERVED.k_min,
        n=OBSERVED.n,
        epochs=epochs * LARGEST // variant.size,
        batch_size=BATCH,
        seed=SEED,
        schedule="step",
        error_floor=ERROR_FLOOR,
        description=f"{variant.size} spectra of recipes/population.py",
    )


def is_trained(config: TrainConfig) -> bool:
    """Whether a finished model of these settings is there."""
    try:
        card = read_card(config.directory / f"{config.name}.json")
    except ModelError:
        return False
    wanted = {name: getattr(config, name) for name in ("epochs", "batch_size", "seed")}
    return card.options == config.options and wanted.items() <= card.training.items()


def score_variants(
    variants: tuple[Variant, ...], which: str, arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """Figures of merit of the variants whose three models are trained, amortised as the paper."""
    out = []
    for variant in variants:
        configs = [config_of(variant, cls, arguments.epochs) for cls in gasnet3.CLASSES]
        if not all(is_trained(config) for config in configs):
            print(f"{variant.name}: not trained; run recipes/paper/trainings.py")
            continue
        cards = [config.directory / f"{config.name}.json" for config in configs]
        method = Method(variant.name, variant.name, tuple(map(str, cards)), "amortised")
        trained = {"epochs": configs[0].epochs, "batch_size": BATCH}
        out.append(asdict(variant) | trained | scores(method, which, arguments))
    return out


def train(arguments: argparse.Namespace) -> None:
    """Train what is missing, on one thread; the default network first."""
    torch.set_num_threads(1)
    console = Console()
    for variant in dict.fromkeys([*reversed(TABLE_4), *TABLE_B1]):
        for cls in gasnet3.CLASSES:
            config = config_of(variant, cls, arguments.epochs)
            if is_trained(config):
                continue
            write_subsets(cls, arguments.population)
            card = read_card(run_training(config, resume=True))
            console.print(f"{variant.name} {cls}: validation loss {card.metrics['valid_loss']:.3f}")


if __name__ == "__main__":
    train(arguments_of(__doc__).parse_args())
