"""What the models for deep fields are worth, and what they cost elsewhere.

    python recipes/deep.py --page docs/deep.md

VANDELS by the reliability of its redshifts, and the other real faint sets and spectra made faint
with the default models and with ``deep``; all of the validation groups.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from faint.measures import HEAD, Said, worth, wrong_among
from faint.page import answers
from faint.sets import BY_EYE, TWO_SURVEYS, by_sn, real_sets, sky
from mock_survey.library import SHARED, Survey
from numpy.typing import NDArray
from pages import table, write_part

from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.spectra.batch import Spectra

FLAGS = {"4": "flag4", "3": "flag3", "9 (one line)": "flag9"}
"""Reliability flags of VANDELS, as the table of the spectra has them; 4 is the best."""

WITHIN = 0.005
"""In z, as deep surveys compare redshifts."""

VANDELS_HEAD = (
    "flag of VANDELS", "n", "GALAXY", "within 0.005 in z", "within 0.0015 in ln(1 + z)",
    "no warning", "of these not within 0.005", "not within 0.0015 in ln(1 + z)", "median Δz",
)  # fmt: skip


def vandels_row(name: str, said: Said) -> tuple[str, ...]:
    """One row of :data:`VANDELS_HEAD`."""
    off = said.z - said.true_z
    near = np.abs(off) < WITHIN
    return (
        name, str(len(said)), f"{(said.cls == 'GALAXY').mean():.3f}", f"{near.mean():.3f}",
        f"{said.z_right.mean():.3f}", f"{said.clean.mean():.3f}", wrong_among(near[said.clean]),
        wrong_among(said.z_right[said.clean]),
        f"{np.median(off[said.z_right]) if said.z_right.any() else np.nan:+.4f}",
    )  # fmt: skip


def vandels(pipeline: Pipeline, spectra: Spectra, flags: NDArray[np.str_]) -> str:
    """The table of VANDELS, by flag and of the two best together."""
    said = answers(pipeline, spectra)
    rows = [vandels_row(name, said[flags == flag]) for name, flag in FLAGS.items()]
    best = np.isin(flags, ["flag3", "flag4"])
    return table(VANDELS_HEAD, [*rows, vandels_row("3 and 4", said[best])])


def elsewhere(shared: Path) -> dict[str, Spectra]:
    """What the default models are made for."""
    survey, real = Survey(shared), real_sets(shared, validation=True)
    two = Spectra.concatenate([real[name] for name in TWO_SURVEYS])
    return by_sn(survey) | {"DESI + BOSS": two, "FORS2": real[BY_EYE]}


def costs(default: Pipeline, deep: Pipeline, shared: Path) -> tuple[str, str]:
    """The other sets with both: a table, and a sentence on sky fibres."""
    rows = []
    for name, spectra in elsewhere(shared).items():
        for models, pipeline in (("default", default), ("deep", deep)):
            rows.append(worth(f"{name}, {models}", answers(pipeline, spectra)))
    fibres = sky(Survey(shared))
    clean = [int(answers(pipeline, fibres).clean.sum()) for pipeline in (default, deep)]
    return table(HEAD, rows), (
        f"Without a warning: {clean[0]} of {len(fibres)} sky fibres with the default models, "
        f"{clean[1]} with `deep`."
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--solver", default="hybrid")
    parser.add_argument("--page", type=Path, help="page whose measured part is written anew")
    arguments = parser.parse_args()
    default, deep = (Pipeline.load(name, arguments.solver) for name in ("encoder", "deep"))
    spectra = real_sets(arguments.shared, validation=True)["vandels"]
    flag_of = {row["name"]: row["sub"] for row in Survey(arguments.shared).faint}
    flags = np.array([flag_of[str(name)] for name in spectra.ids])
    lines = [
        "Held out, hybrid solver.", "", vandels(deep, spectra, flags), "",
        "The same with the default models and with `deep`; the columns are those of "
        "[faint spectra](confidence.md#faint-spectra):", "",
    ]  # fmt: skip
    both, skies = costs(default, deep, arguments.shared)
    lines += [both, "", skies]
    print("\n".join(lines))
    if arguments.page:
        write_part(arguments.page, "deep", lines)


if __name__ == "__main__":
    main()
