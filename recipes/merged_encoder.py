"""One Encoder for all classes (paper, footnote 2): train it, and compare it with the separate ones.

    python recipes/merged_encoder.py train --models encoder --out runs/merged
    python recipes/merged_encoder.py evaluate --models encoder --merged runs/merged

`recipes/population.py` makes what it is trained on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from merged.comparison import SOLVERS, Truth, merged, score, separate, times
from merged.network import read_merged
from merged.page import page as make_page
from merged.training import Settings, train_merged
from mock_survey.library import SHARED, Survey
from pages import write_page
from validate import truth_of

from gasnet3.nets.registry import load_models
from gasnet3.spectra.batch import Spectra

OPTIONS = {
    "epochs": "passes over all spectra",
    "seed": "of everything random",
    "lr": "largest learning rate",
    "others": "weight of the heads of the other classes",
    "half": "convolutions in bfloat16",
    "start": "weights of an earlier merged Encoder to start from",
}
"""Settings of the training that the command line offers."""


def real_spectra(survey: Survey) -> tuple[Spectra, Truth]:
    """The labelled spectra of the validation groups."""
    rows = np.array(survey.labelled(validation=True))
    spectra = survey.batch(rows)
    return spectra, Truth(truth_of(survey, rows, spectra.ids))


def train(arguments: argparse.Namespace) -> None:
    """Train the trunk and the heads over the eigenspectra of the models."""
    chosen = {name: getattr(arguments, name) for name in OPTIONS}
    settings = Settings(**chosen)
    models = load_models(source(arguments.models))
    print(train_merged(models, arguments.data, arguments.out, settings, resume=arguments.resume))


def compare(arguments: argparse.Namespace) -> None:
    """Score and time on real spectra, print the page, write it if asked."""
    models = load_models(source(arguments.models))
    contenders = [separate(source(arguments.models))]
    accounts: list[dict[str, Any]] = []
    for directory in arguments.merged:
        account = json.loads((directory / "merged.json").read_text())
        network = read_merged(directory / "merged.safetensors", models)
        name = "merged, others taught" if account["settings"]["others"] else "merged"
        contenders.append(merged(name, network, models, contenders[0]))
        accounts.append(account)
    spectra, truth = real_spectra(Survey(arguments.shared))
    scores = {s: [score(c, s, spectra, truth) for c in contenders] for s in SOLVERS}
    least = times(contenders, spectra, arguments.rounds)
    text = make_page(
        [c.name for c in contenders], scores, least, accounts, commands(arguments, accounts)
    )
    print(text)
    if arguments.write:
        write_page(arguments.write, text)


def source(models: list[str]) -> str | list[str]:
    """An architecture or a directory, or several models."""
    return models[0] if len(models) == 1 else models


def commands(arguments: argparse.Namespace, accounts: list[dict[str, Any]]) -> str:
    """The commands that make the page again."""
    script, models = "$ python recipes/merged_encoder.py", " ".join(arguments.models)
    lines = []
    for directory, account in zip(arguments.merged, accounts, strict=True):
        made = {name: account["settings"][name] for name in OPTIONS}
        told = {k: v for k, v in made.items() if v != getattr(Settings, k)}
        options = "".join(f" --{k}" if v is True else f" --{k} {v}" for k, v in told.items())
        lines.append(f"{script} train --models {models} --out {directory}{options}")
    directories = " ".join(map(str, arguments.merged))
    page = arguments.write or "PAGE.md"
    lines.append(f"{script} evaluate --models {models} --merged {directories} --write {page}")
    return "\n".join(lines)


def main() -> None:
    """Train or evaluate."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="cores to use")
    subparsers = parser.add_subparsers(required=True)
    for name, work in (("train", train), ("evaluate", compare)):
        sub = subparsers.add_parser(name, help=(work.__doc__ or "").rstrip("."))
        sub.set_defaults(work=work)
        sub.add_argument("--models", nargs="+", default=["encoder"], help="the separate Encoders")
        if work is train:
            sub.add_argument("--data", type=Path, default=Path("runs/population"))
            sub.add_argument("--out", type=Path, required=True)
            for option, told in OPTIONS.items():
                default = getattr(Settings, option)
                if isinstance(default, bool):
                    sub.add_argument(f"--{option}", action="store_true", help=told)
                else:
                    sub.add_argument(f"--{option}", type=type(default), default=default, help=told)
            sub.add_argument("--resume", action="store_true")
        else:
            sub.add_argument("--merged", type=Path, nargs="+", default=[Path("runs/merged")])
            sub.add_argument("--shared", type=Path, default=SHARED)
            sub.add_argument("--rounds", type=int, default=5, help="the least time counts")
            sub.add_argument("--write", type=Path, help="page to write, such as docs/merged.md")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.work(arguments)


if __name__ == "__main__":
    main()
