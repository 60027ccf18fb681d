"""The trunk that serves all classes, beside the networks of the separate Encoders.

    gasnet3 train recipes/trunk.toml
    python recipes/trunk.py --trunk src/gasnet3/models/trunk.json --page docs/merged.md

Both classify the same real spectra with the amortised solver, with probabilities and errors that
were fitted to the same spectra in the same way, and take their time in turn.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from calibrate import POPULATION, Answers, Sets, answers, fit_kind
from faint.sets import BY_EYE, SN, bright, by_sn, real_sets, sky
from mock_survey.library import SHARED, Survey
from numpy.typing import NDArray
from pages import percent, table, write_page

from gasnet3.classes import CLASSES
from gasnet3.nets.card import TrunkCard
from gasnet3.nets.trunk import TrunkModel, read_trunk
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.prepare import prepare
from gasnet3.spectra.batch import Spectra

BATCH = 128
"""Spectra of a batch whose time is taken."""

RARE = 0.05
"""Chance below which a difference is named."""

INTRODUCTION = """# One network for all classes

The eigenspectra that the Encoders have learned can be put into one network that only gives their
coefficients (paper, footnote 2). The shipped set of models has such a network, the *trunk*
(`trunk.safetensors`, with the card `trunk.json`): convolutions that all classes share, and a head a
class. The amortised solver reads coefficients from it, in the place of the networks of the three
Encoders. The exact and the hybrid solver solve for the coefficients and use no network; the
Encoders keep the eigenspectra for all of them.

Networks took the largest part of the amortised solver's time, which is why there is a trunk: it has
fewer and coarser convolutions, and runs once a spectrum. This page compares it with the networks of
the separate Encoders.

## Which models have one

A trunk lies beside models whose hashes its card has, as `trunk.json`. It is used if it serves all
models of a set; of other sets, such as `deep` or Encoders that you train, each Encoder's own
network gives the coefficients. `gasnet3 models` lists trunks too. To make one for
[your own Encoders](train-my-survey.md), train it on the spectra that they were trained on:

```toml
architecture = "trunk"
models = "models"              # directory of the Encoders; the trunk is written there
train = ["train/*.fits"]       # labelled spectra of all classes
valid = ["valid/*.fits"]
windows = 0.4                  # as for the Encoders
epochs = 12
```

`gasnet3 train trunk.toml` does it; then `gasnet3 calibrate` fits probabilities to its answers.
Delete `trunk.json` to go back, and calibrate again.

It is trained with the χ² of each spectrum at its labelled redshift (eq. 7), relative to what the
Encoder of its class leaves, and with the difference of its reconstructions from those of the
Encoders of the other classes: a head that knew its own class only would fit the others badly in its
own way, and the comparison of classes would mean something else.
"""


@dataclass(frozen=True, eq=False)
class Contender:
    """Networks ready to classify with the amortised solver."""

    name: str
    pipeline: Pipeline

    @classmethod
    def of(cls, name: str, models: str, trunk: TrunkModel | None, sets: Sets) -> Contender:
        """A trunk, or the networks of the models, with fits of its own."""
        loaded = Pipeline.load(models, "amortised")
        engines = tuple(replace(engine, trunk=trunk) for engine in loaded.engines)
        bare = replace(loaded, engines=engines)
        confidence, errors = fit_kind("amortised", bare, sets, {})
        fitted = replace(loaded.fitted, confidence=confidence)
        if trunk is not None:
            trunk = replace(trunk, card=replace(trunk.card, calibration=errors))
            engines = tuple(replace(engine, trunk=trunk) for engine in engines)
        else:
            models_of = [
                replace(e.model, card=replace(e.card, calibration={"z_err": {"amortised": of}}))
                for e in engines
                for of in [errors.get(e.cls, {})]
            ]
            both = zip(engines, models_of, strict=True)
            engines = tuple(replace(engine, model=model) for engine, model in both)
        return cls(name, replace(bare, engines=engines, fitted=fitted))


def measured(shared: Path) -> dict[str, Spectra]:
    """What is classified: the validation spectra, made faint, real faint ones, sky; by name."""
    survey = Survey(shared)
    found = {"as they are": bright(survey)}
    found |= dict(reversed(by_sn(survey).items()))
    named = real_sets(shared, validation=True)
    found["real faint ones"] = Spectra.concatenate([s for n, s in named.items() if n != BY_EYE])
    return found | {"sky fibres": sky(survey)}


def counts(said: Answers) -> dict[str, NDArray[np.bool_]]:
    """What is counted of answers, by name, (rows,) each."""
    return {
        "class right": said.class_right,
        "redshift good": said.z_right,
        "both right": said.right,
        "both right, no warning": said.right & said.clean,
        "wrong, no warning": ~said.right & said.clean,
    }


def paired(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> tuple[int, int, float]:
    """Spectra only the one has, only the other, and how likely a split as uneven is.

    The last is McNemar's exact test, two-sided: 1 where they differ nowhere.
    """
    from scipy.stats import binomtest

    only_one, only_other = int((one & ~other).sum()), int((other & ~one).sum())
    differing = only_one + only_other
    chance = float(binomtest(only_one, differing).pvalue) if differing else 1.0
    return only_one, only_other, chance


def count_rows(name: str, spectra: Spectra, said: Sequence[Answers]) -> list[list[str]]:
    """How often each contender is right of a set, and where they differ from the first."""
    rows = []
    if name == "sky fibres":
        clean = [~a.clean for a in said]
        return [_row(f"{name}, {len(spectra)}", "warned of", clean)]
    labelled = said[0].labelled
    of_each = [counts(a) for a in said]
    for at, what in enumerate(of_each[0]):
        title = f"{name}, {int(labelled.sum())}" if at == 0 else ""
        rows.append(_row(title, what, [of[what][labelled] for of in of_each]))
    return rows


def class_rows(name: str, said: Sequence[Answers]) -> list[list[str]]:
    """The same by class, of class and redshift alone."""
    rows = []
    for cls in CLASSES:
        mine = said[0].labelled & (said[0].cls == cls)
        for what in ("class right", "redshift good"):
            title = f"{name}, {cls}, {int(mine.sum())}" if what == "class right" else ""
            rows.append(_row(title, what, [counts(a)[what][mine] for a in said]))
    return rows


def _row(title: str, what: str, found: Sequence[NDArray[np.bool_]]) -> list[str]:
    """Shares of all contenders, and where the others differ from the first."""
    cells = [percent(float(of.mean())) for of in found]
    for of in found[1:]:
        ahead, behind, chance = paired(of, found[0])
        cells.append(f"+{ahead} -{behind} ({chance:.2g})")
    return [title, what, *cells]


def unlikely(name: str, said: Mapping[str, list[Answers]]) -> str:
    """Which counts of a trunk, the second contender, differ by more than chance does as a rule."""
    found, looked = [], 0
    for kind, (first, other, *_) in said.items():
        labelled = first.labelled
        for what in counts(first) if labelled.any() else ():
            both = (counts(of)[what][labelled] for of in (other, first))
            ahead, behind, chance = paired(*both)
            looked += 1
            if chance < RARE:
                found.append(f"{kind}, {what} (+{ahead} -{behind}, {chance:.2g})")
    listed = "; ".join(found) or "none"
    return (
        f"Of the {looked} counts in the table chance would make about {RARE * looked:.0f} so "
        f"uneven that the number in brackets is below {RARE}, if nothing differed. Of the {name} "
        f"these are: {listed}.\n"
    )


def times(contenders: Sequence[Contender], spectra: Spectra, rounds: int) -> list[list[float]]:
    """Least milliseconds of processor time a spectrum: networks alone, and the whole run.

    In turn, over rounds.
    """
    batches = [prepare(spectra[at : at + BATCH]) for at in range(0, len(spectra), BATCH)]

    def networks(contender: Contender) -> None:
        with torch.inference_mode():
            for prepared in map(replace, batches):  # new ones: what is known of them is kept
                for engine in contender.pipeline.engines:
                    engine.reconstruct(prepared)

    def whole(contender: Contender) -> None:
        contender.pipeline.run(spectra)

    least = np.full((len(contenders), 2), np.inf)
    for _ in range(rounds):
        for i, contender in enumerate(contenders):
            for j, work in enumerate((partial(networks, contender), partial(whole, contender))):
                began = time.process_time()
                work()
                least[i, j] = min(least[i, j], time.process_time() - began)
    found: list[list[float]] = (1e3 * least / len(spectra)).tolist()
    return found


def loss_rows(trunks: Mapping[str, TrunkModel]) -> list[list[str]]:
    """χ² a pixel that the networks leave of the validation sets at the labelled redshifts."""
    metrics = [trunk.card.metrics for trunk in trunks.values()]
    return [
        [f"{cls}, {metrics[0]['n'][cls]}", f"{metrics[0]['valid_loss_separate'][cls]:.2f}",
         *(f"{one['valid_loss'][cls]:.2f}" for one in metrics)]
        for cls in CLASSES
    ]  # fmt: skip


def effort(name: str, card: TrunkCard) -> str:
    """How a trunk was trained, as an item of a list."""
    told, widths = card.training, ", ".join(map(str, card.options["widths"]))
    return (
        f"- {name}: seed {told['seed']}, {told['epochs']} epochs of "
        f"{sum(told['n_train'].values())} spectra, {told['seconds'] / 60:.0f} minutes; channels of "
        f"its layers {widths}"
    )


def page(
    said: Mapping[str, list[Answers]], sets: Mapping[str, Spectra], least: list[list[float]],
    trunks: Mapping[str, TrunkModel], command: str,
) -> str:  # fmt: skip
    """The whole page, from what each contender says of each set, and their times."""
    names = ["separate", *trunks]
    differ = [f"{name}, where it differs" for name in trunks]
    counted: list[Any] = [r for n, of in said.items() for r in count_rows(n, sets[n], of)]
    first = next(iter(said))
    gains = [one / two for one, two in zip(least[0], least[1], strict=True)]
    trained = [effort(name, trunk.card) for name, trunk in trunks.items()]
    parts = [
        INTRODUCTION,
        "## Speed\n",
        "Milliseconds of processor time a spectrum, one thread, least of rounds taken in turn. "
        f"The networks are {gains[0]:.1f} times faster, the whole run {gains[1]:.2f} times.\n",
        table(["", *names], [
            ["networks of all classes", *(f"{of[0]:.2f}" for of in least)],
            ["whole amortised run", *(f"{of[1]:.2f}" for of in least)],
        ]),
        "## Accuracy\n",
        "Real spectra of the validation groups, which no network was trained on and nothing was "
        "fitted to: as they are, with the noise of sky fibres at a median S/N of "
        f"{', '.join(map(str, SN[:-1]))} and {SN[-1]}, and real faint ones. Beside the shares, how "
        "many spectra only the trunk has (+) and only the separate networks have (-), and in "
        "brackets how likely a split as uneven is by chance (McNemar's exact test).\n",
        unlikely(next(iter(trunks)), said),
        table(["spectra", "", *names, *differ], counted),
        "By class:\n",
        table(["spectra", "", *names, *differ], class_rows(first, said[first])),
        "## Training\n",
        *trained,
        "\nWhat the networks leave of the validation sets, mocks included:\n",
        table(["χ² a pixel", *names], loss_rows(trunks)),
        "## Reproduce\n",
        f"```console\n$ {command}\n```",
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


def main() -> None:
    """Fit, classify, take times; print the page, and write it if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", default="encoder", help="the separate Encoders")
    parser.add_argument("--trunk", type=Path, nargs="+", required=True, help="cards of trunks")
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--population", type=Path, default=POPULATION)
    parser.add_argument("--rounds", type=int, default=5, help="the least time counts")
    parser.add_argument("--page", type=Path, help="page to write, such as docs/merged.md")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    lattice = Pipeline.load(arguments.models, "amortised").lattice
    fitted = Sets.read(arguments.shared, arguments.population, arguments.models, lattice)
    many = len(arguments.trunk) > 1
    trunks = {
        f"trunk {at}" if many else "trunk": read_trunk(path)
        for at, path in enumerate(arguments.trunk, start=1)
    }
    contenders = [
        Contender.of(name, arguments.models, trunk, fitted)
        for name, trunk in ({"separate": None} | trunks).items()
    ]
    sets = {name: spectra.on(lattice) for name, spectra in measured(arguments.shared).items()}
    said = {
        name: [answers(c.pipeline, spectra) for c in contenders] for name, spectra in sets.items()
    }
    least = times(contenders, sets["as they are"], arguments.rounds)
    cards = " ".join(map(str, arguments.trunk))
    written = arguments.page or "PAGE.md"
    command = f"python recipes/trunk.py --trunk {cards} --page {written}"
    text = page(said, sets, least, trunks, command)
    print(text)
    if arguments.page:
        write_page(arguments.page, text)


if __name__ == "__main__":
    main()
