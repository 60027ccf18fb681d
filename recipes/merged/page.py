"""The comparison as a page of the documentation: every number from the run that writes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pages import table

from gasnet3.evaluate.evaluation import ClassEvaluation
from merged.comparison import SOLVERS, Score, Times, paired, verdict

INTRODUCTION = """# One Encoder for all classes

Footnote 2 of the paper: the eigenspectra that the Encoders of the classes have learned can be put
into one Encoder that only learns coefficients. `recipes/merged_encoder.py` does this: the
eigenspectra are frozen, the classes share one trunk of convolutions (the "deep" Encoder's), and
each class has a head that gives coefficients and amplitude. It is trained on the separate
Encoders' population, with the χ² of each spectrum at its labelled redshift, relative to that of
the separate Encoder of its class; `--others` also teaches each head what the separate Encoder
makes of the other classes' spectra. It wins if, with the amortised solver, it is nowhere behind
in class or good redshifts and the whole pipeline is clearly faster.
"""


def percent(value: float) -> str:
    """A fraction in percent; a dash where there is none."""
    return f"{100 * value:.1f} %" if value == value else "-"


ROWS: tuple[tuple[str, Callable[[ClassEvaluation], str]], ...] = (
    ("class right", lambda c: percent(c.accuracy)),
    ("class right, AGN either way", lambda c: percent(c.accuracy_agn_either_way)),
    ("redshift good (GF)", lambda c: percent(c.good_fraction)),
    ("the same, given the class", lambda c: percent(c.good_fraction_as_class)),
    ("GF'", lambda c: percent(c.log_good_fraction)),
    ("median Δz", lambda c: f"{c.median_delta_z:.1e}"),
)


def score_table(names: Sequence[str], scores: Sequence[Score]) -> str:
    """Scores of all contenders with one solver, by class."""
    whole = scores[0].evaluation
    rows = [
        [f"all, {whole.n}", "class right", *(percent(s.evaluation.accuracy) for s in scores)],
        ["", "AGN either way", *(percent(s.evaluation.accuracy_agn_either_way) for s in scores)],
        ["", "redshift good (GF)", *(percent(s.evaluation.good_fraction) for s in scores)],
    ]
    for cls, first in whole.classes.items():
        for i, (title, form) in enumerate(ROWS):
            label = f"{cls}, {first.n}" if i == 0 else ""
            if title == "GF'" and form(first) == "-":
                continue
            rows.append([label, title, *(form(s.evaluation.classes[cls]) for s in scores)])
    return table(["spectra", "", *names], rows)


def pair_table(names: Sequence[str], scores: Sequence[Score]) -> str:
    """Where the contenders differ from the separate Encoders, spectrum by spectrum."""
    rows = []
    for name, candidate in zip(names[1:], scores[1:], strict=True):
        for what in ("right", "good"):
            ahead, behind, chance = paired(getattr(candidate, what), getattr(scores[0], what))
            title = "class right" if what == "right" else "redshift good"
            rows.append([name, title, str(ahead), str(behind), f"{chance:.2g}"])
    return table(["", "", "only merged", "only separate", "chance of such a split"], rows)


def loss_table(accounts: Sequence[dict[str, Any]], names: Sequence[str]) -> str:
    """χ² a pixel of each class's validation set at the labelled redshifts."""
    reference = accounts[0]["valid_loss_separate"]
    header = ["χ² a pixel, validation set", *names]
    rows = [
        [f"{cls}, {accounts[0]['n_valid'][cls]}", f"{reference[cls]:.2f}",
         *(f"{account['valid_loss'][cls]:.2f}" for account in accounts)]
        for cls in reference
    ]  # fmt: skip
    return table(header, rows)


def effort(name: str, account: dict[str, Any]) -> str:
    """How long a merged Encoder was trained, as an item of a list."""
    settings, spectra = account["settings"], sum(account["n_train"].values())
    begun = "an earlier merged Encoder" if settings["start"] else "the separate Encoders"
    minutes = sum(row["seconds"] for row in account["history"]) / 60
    return (
        f"- {name}: {settings['epochs']} epochs of {spectra} spectra in {minutes:.0f} minutes, "
        f"begun with the weights of {begun}"
    )


def speed_table(names: Sequence[str], seconds: Sequence[Times]) -> str:
    """Times of all contenders."""
    fields = (("networks alone", "network"), ("whole amortised pipeline", "pipeline"))
    speed = [[title, *(f"{getattr(t, field):.2f}" for t in seconds)] for title, field in fields]
    return table(["", *names], speed)


def accuracy(names: Sequence[str], scores: dict[str, list[Score]]) -> list[str]:
    """The tables of each solver."""
    parts = []
    for solver in SOLVERS:
        proposer = " (the network proposes, eigenspectra decide)" if solver == "hybrid" else ""
        parts += [
            f"### Solver: {solver}{proposer}\n",
            score_table(names, scores[solver]),
            "Spectrum by spectrum (McNemar's exact test):\n",
            pair_table(names, scores[solver]),
        ]
    return parts


def training(names: Sequence[str], accounts: Sequence[dict[str, Any]]) -> list[str]:
    """What the networks were made of, and what they leave."""
    models = ", ".join(f"{name} ({sha[:8]})" for name, sha in accounts[0]["models"].items())
    return [
        "## Training\n",
        f"The separate Encoders, with the first digits of their sha256: {models}.\n",
        *(effort(name, account) for name, account in zip(names[1:], accounts, strict=True)),
        "\nWhat the networks leave at the labelled redshifts, mocks included:\n",
        loss_table(accounts, names),
    ]


def page(
    names: Sequence[str],
    scores: dict[str, list[Score]],
    seconds: Sequence[Times],
    accounts: Sequence[dict[str, Any]],
    command: str,
) -> str:
    """The whole page.

    Parameters
    ----------
    names : sequence of str
        The contenders, the separate Encoders first.
    scores : dict of str to list of Score
        By solver, in the order of ``names``.
    seconds : sequence of Times
        In the order of ``names``.
    accounts : sequence of dict
        ``merged.json`` of the merged ones.
    command : str
        What wrote the page.
    """
    amortised = scores["amortised"]
    found = [
        verdict(amortised[0], amortised[i], seconds[0], seconds[i]) for i in range(1, len(names))
    ]
    won = any(won for won, _ in found)
    parts = [
        INTRODUCTION,
        "## Verdict\n",
        "It wins.\n" if won else "It is not shipped: it does not win.\n",
        *(f"- {name}: {why}" for name, (_, why) in zip(names[1:], found, strict=True)),
        "\n## Speed\n",
        "Milliseconds of processor time a spectrum, least of rounds taken in turn. The trunk "
        "sees a spectrum once for all classes.\n",
        speed_table(names, seconds),
        "## Accuracy\n",
        "Real spectra of the validation groups, which no training saw, against the surveys' "
        "labels. Both take the class of the least reduced χ²: the shipped fit of class "
        "probabilities knows the separate networks.\n",
    ]
    parts += accuracy(names, scores)
    parts += training(names, accounts)
    parts += ["## Reproduce\n", f"```console\n{command}\n```"]
    return "\n".join(parts) + "\n"
