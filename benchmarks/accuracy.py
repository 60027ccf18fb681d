"""Accuracy and speed beside other classifiers, on the same real spectra and in the same run.

    python benchmarks/accuracy.py                        # shipped models, all peers
    python benchmarks/accuracy.py --models runs/mine     # models of a directory
    python benchmarks/accuracy.py --time                 # CPU times and their ratios only
    python benchmarks/accuracy.py --docs                 # write docs/accuracy.md and its figure

The spectra are those of recipes/validate.py: real, labelled, and never trained on. The peers are
the published GaSNet-III networks and redrock; their answers are kept in runs/peers. All CPU times
are taken round after round in this run, so that their ratios hold on a busy machine.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from astropy.table import Table
from numpy.typing import NDArray
from peers.answers import Classify, kept
from peers.page import Score, show, show_times, write_page
from peers.published import read_published
from peers.with_redrock import HOW_TO_GET, Redrock, installed
from rich.console import Console

from gasnet3 import CLASSES
from gasnet3.evaluate.evaluation import evaluate
from gasnet3.nets.card import ModelError
from gasnet3.nets.registry import list_models
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.spectra.batch import Spectra

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
ARCHITECTURES = {"encoder": "Encoder", "unet": "U-Net"}

SLOW = 8
"""Spectra that redrock is timed on: it takes far longer than the others."""

STARS_OF_SLOW = 6
"""redrock is given one in so many of the stars without a redshift, for the same reason."""


@dataclass(frozen=True, eq=False)
class Contestant:
    """A classifier and what is to be known of it.

    Parameters
    ----------
    label : str
        Heading of its column.
    classify : callable
        From spectra to a catalog.
    identity : str
        Under which its answers are kept; '' for those that are computed anew.
    slow : bool
        Whether to spare it some spectra.
    """

    label: str
    classify: Classify
    identity: str = ""
    slow: bool = False


@dataclass(frozen=True, eq=False)
class Sample:
    """The real spectra and their labels.

    Parameters
    ----------
    labelled : Spectra
        Labelled spectra of the validation groups, then true sky fibres.
    truth : Table
        Their labels: id, class (SKY for the fibres), subclass, z.
    stars : Spectra
        Stars without a known redshift.
    """

    labelled: Spectra
    truth: Table
    stars: Spectra


def read_sample(shared: Path, n: int | None) -> Sample:
    """The spectra of recipes/validate.py, of each kind about ``n`` or all."""
    sys.path.insert(0, str(ROOT / "recipes"))
    from mock_survey.library import Survey

    survey = Survey(shared)

    def thinned(rows: Sequence[int]) -> NDArray[np.int64]:
        return np.array(rows[:: max(1, len(rows) // n) if n else 1])

    def role(name: str) -> NDArray[np.int64]:
        return thinned([i for i, row in enumerate(survey.rows) if row["role"] == name])

    known, sky = thinned(survey.labelled(validation=True)), role("sky")
    spectra = survey.batch(np.concatenate([known, sky]))
    labels = [survey.rows[i] for i in known]
    blank = [""] * len(sky)
    truth = Table({
        "id": spectra.ids,
        "class": [row["cls"] for row in labels] + ["SKY"] * len(sky),
        "subclass": [row["sub"] for row in labels] + blank,
        "z": [float(row["z"] or "nan") for row in labels] + [float("nan")] * len(sky),
    })  # fmt: skip
    return Sample(spectra, truth, survey.batch(role("star-no-z")))


def our_contestants(source: str) -> list[Contestant]:
    """Every solver that the models of a source allow, by architecture.

    Raises
    ------
    ModelError
        If there are no models, or not one for each class.
    """
    directory = Path(source)
    infos = list_models(directory) if directory.is_dir() else list_models()
    found: list[Contestant] = []
    for architecture, label in ARCHITECTURES.items():
        mine = [info for info in infos if info.card.architecture == architecture]
        if not mine or (not directory.is_dir() and source != architecture):
            continue
        missing = sorted(set(CLASSES) - {info.card.cls for info in mine})
        if missing:
            raise ModelError(f"{source} has no {label} for {', '.join(missing)}: train one")
        paths = [info.path for info in mine]
        for solver in ("amortised", "exact", "hybrid"):
            try:
                pipeline = Pipeline.load(paths, solver)
            except ModelError:
                continue  # a U-Net has no eigenspectra to solve with
            name = f"{label}, {solver}" if architecture == "encoder" else label
            where = f" ({directory.name})" if directory.is_dir() else ""
            found.append(Contestant(name + where, pipeline.run))
    if not found and source != "unet":
        raise ModelError(f"no models in {source!r}: give 'encoder', 'unet' or a directory")
    return found


def peer_contestants(names: Sequence[str], shared: Path, console: Console) -> list[Contestant]:
    """The peers that are asked for and can be had; of the others it is told why not."""
    found: list[Contestant] = []
    weights = shared / "reference" / "weights"
    if "published" in names and weights.is_dir():
        found += [
            Contestant(networks.name, networks, networks.identity)
            for networks in read_published(weights, ROOT / "runs" / "peers" / "published")
        ]
    elif "published" in names:
        console.print(f"no published networks: {weights} is absent", markup=False)
    if "redrock" in names and installed():
        redrock = Redrock(shared / "data" / "templates")
        found.append(Contestant("redrock", redrock, redrock.identity, slow=True))
    elif "redrock" in names:
        console.print(HOW_TO_GET, markup=False)
    return found


def score(one: Contestant, sample: Sample, answers: Path, fresh: bool) -> Score:
    """What :func:`gasnet3.evaluate.evaluation.evaluate` says of a classifier."""

    def catalog(spectra: Spectra) -> Table:
        if not one.identity:
            return one.classify(spectra)
        return kept(one.classify, one.identity, spectra, answers, fresh=fresh)[0]

    found = catalog(sample.labelled)
    stars = sample.stars[:: STARS_OF_SLOW if one.slow else 1]
    called = Table({"id": stars.ids, "class": ["STAR"] * len(stars)})
    called["z"] = np.nan
    return Score(
        label=one.label,
        evaluation=evaluate(found, sample.truth),
        stars=evaluate(catalog(stars), called).classes["STAR"],
        warns="zwarn" in found.colnames,
    )


def cpu_times(contestants: Sequence[Contestant], spectra: Spectra, rounds: int) -> dict[str, float]:
    """Least CPU milliseconds a spectrum of each, over rounds taken in turn, one thread.

    The CPU's time and not the clock's: what else the machine does counts less in it.
    """
    least = dict.fromkeys((one.label for one in contestants), float("nan"))
    for number in range(rounds):
        for one in contestants:
            some = spectra[:SLOW] if one.slow else spectra
            if number == 0:
                one.classify(some[:2])  # compilers and caches warm up
            began = time.process_time()
            one.classify(some)
            spent = 1e3 * (time.process_time() - began) / len(some)
            least[one.label] = float(np.fmin(least[one.label], spent))
    return least


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--models", nargs="+", default=["encoder", "unet"], metavar="SOURCE",
        help="encoder, unet (the shipped ones) or directories of models",
    )  # fmt: skip
    parser.add_argument(
        "--peers", nargs="*", default=["published", "redrock"], choices=["published", "redrock"]
    )
    parser.add_argument("--shared", type=Path, default=SHARED, help="directory of the real spectra")
    parser.add_argument("--n", type=int, help="about so many spectra of each kind; all by default")
    parser.add_argument("--timed", type=int, default=24, help="spectra that are timed")
    parser.add_argument("--rounds", type=int, default=2, help="rounds of timing; 0 for none")
    parser.add_argument("--answers", type=Path, default=ROOT / "runs" / "peers",
                        help="where answers of peers are kept")  # fmt: skip
    parser.add_argument("--fresh", action="store_true", help="ask the peers anew")
    parser.add_argument("--time", action="store_true", help="only the CPU times and their ratios")
    parser.add_argument("--docs", action="store_true", help="write docs/accuracy.md")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all, print the table, write the page if asked to."""
    chosen, console = parsed(arguments), Console(width=180)
    if not (chosen.shared / "data").is_dir():
        print(f"skipped: the real spectra are not here ({chosen.shared / 'data'} is absent)")
        return
    torch.set_num_threads(1)
    sample = read_sample(chosen.shared, chosen.n)
    try:
        contestants = [one for source in chosen.models for one in our_contestants(source)]
    except ModelError as error:
        raise SystemExit(str(error)) from error
    contestants += peer_contestants(chosen.peers, chosen.shared, console)
    timed = sample.labelled[:: max(1, len(sample.labelled) // chosen.timed)]
    if chosen.time:
        console.print(show_times(cpu_times(contestants, timed, max(1, chosen.rounds))))
        return
    scores = []
    for one in contestants:
        console.print(f"[dim]{one.label}[/dim]")
        scores.append(score(one, sample, chosen.answers, chosen.fresh))
    times = cpu_times(contestants, timed, chosen.rounds)
    console.print(show(scores, times))
    if chosen.docs:
        write_page(ROOT / "docs", scores, times, len(timed), chosen.rounds)


if __name__ == "__main__":
    main()
