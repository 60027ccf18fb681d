"""Everything measured, on the screen and in the parts of a page."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from mock_survey.library import Survey
from pages import table, write_part
from rich.console import Console

from faint import beside_redrock
from faint.beside_redrock import Ask, ask_redrock, beside
from faint.measures import HEAD, KINDS, Said, by_bin, worth
from faint.sets import BY_EYE, NOISE_SN, TWO_SURVEYS, bright, by_sn, flat_noise, real_sets, sky
from gasnet3.classes import CLASSES
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.spectra.batch import Spectra

LABELS_HEAD = ("name", "label", "ours", "Δ ln(1 + z)", "p_z", "Δχ²", "redrock")

SAME = 1e-3
"""Two redshifts are the same within this |Δ ln(1 + z)|."""

NOT_ASKED = "redrock was not asked here: `--redrock` does."


def parts_of(said: Mapping[str, Said]) -> Iterator[tuple[str, Said]]:
    """What a row is made of: spectra made faint by class, all of these, bright, real sets."""
    faint = [name for name in said if name.startswith("S/N")]
    for name, each in said.items():
        yield name, each
        if name in [*faint, "bright"]:
            yield from ((f"{name} {cls}", each[each.true == cls]) for cls in CLASSES)
        if name == faint[-1]:
            yield "S/N 1 to 5", Said.joined(said[one] for one in faint)
    yield "DESI + BOSS", Said.joined(said[name] for name in TWO_SURVEYS)


def answers(pipeline: Pipeline, spectra: Spectra) -> Said:
    """What a pipeline says of spectra, which are cut to its lattice."""
    return Said.of(pipeline.run(spectra.on(pipeline.lattice)), spectra)


def no_redshift(pipeline: Pipeline, survey: Survey) -> str:
    """What spectra without any redshift to find get."""
    fibres, noise = sky(survey), flat_noise()
    clean = [answers(pipeline, spectra).clean for spectra in (fibres, noise)]
    return (
        f"Without a warning: {clean[0].sum()} of {len(fibres)} sky fibres, {clean[1].sum()} of "
        f"{len(noise)} spectra of flat noise at S/N {NOISE_SN:g}."
    )


def against_labels(
    said: Said, spectra: Spectra, ask: Ask | None
) -> tuple[str, list[tuple[str, ...]]]:
    """Unflagged answers that differ from the label: a sentence, and rows of :data:`LABELS_HEAD`."""
    rows = np.flatnonzero(said.clean & ~said.right)
    rows = rows[np.argsort(-said.p_z[rows], kind="stable")]
    told, theirs = f"{len(rows)} of {said.clean.sum()} unflagged", [""] * len(rows)
    if ask and len(rows):
        answers = Said.of(ask(spectra[rows]), spectra[rows])
        to_us, to_label = (
            np.abs(np.log1p(answers.z) - np.log1p(z[rows])) for z in (said.z, said.true_z)
        )
        ours = ((to_us < SAME) & (to_us < to_label)).sum()
        labels = ((to_label < SAME) & (to_label <= to_us)).sum()
        told += f"; redrock finds our redshift {ours} times, that of the label {labels} times"
        theirs = [
            f"{cls} {z:.4f} (Δχ² {far:.0f}{'' if clean else ', flagged'})"
            for cls, z, far, clean in zip(
                answers.cls, answers.z, answers.delta_chi2, answers.clean, strict=True
            )
        ]
    off = np.log1p(said.z) - np.log1p(said.true_z)
    return f"{told}.", [
        (
            str(said.ids[i]), f"{said.true[i]} {said.true_z[i]:.4f}",
            f"{said.cls[i]} {said.z[i]:.4f}", f"{off[i]:+.4f}", f"{said.p_z[i]:.4f}",
            f"{said.delta_chi2[i]:.0f}", other,
        )
        for i, other in zip(rows, theirs, strict=True)
    ]  # fmt: skip


def report(
    pipeline: Pipeline, shared: Path, page: Path | None, console: Console, *, redrock: bool
) -> None:
    """Measure and print; write the parts "faint" of a page.

    Parameters
    ----------
    pipeline : Pipeline
        What is judged.
    shared : Path
        The shared directory.
    page : Path or None
        Page to write into.
    console : Console
        Where it is printed.
    redrock : bool
        Whether to ask redrock too.
    """
    found = ask_redrock(shared) if redrock else NOT_ASKED
    note, ask = (found, None) if isinstance(found, str) else ("", found)
    survey = Survey(shared)
    sets = by_sn(survey) | {"bright": bright(survey)} | real_sets(shared, validation=True)
    said = {name: answers(pipeline, spectra) for name, spectra in sets.items()}
    faint = {name: said[name] for name in sets if name.startswith("S/N")}
    faint["DESI + BOSS"] = Said.joined(said[name] for name in TWO_SURVEYS)

    def part(name: str, *blocks: str) -> None:
        console.print("\n".join(blocks), markup=False, highlight=False, soft_wrap=True)
        if page:
            write_part(page, name, ["\n\n".join(block.strip() for block in blocks)])

    rows = [worth(name, each) for name, each in parts_of(said)]
    legend = LEGEND.format(solver=pipeline.solver.name)
    part("faint", legend, table(HEAD, rows), no_redshift(pipeline, survey))
    reliable = ((text, table(("bin", *faint), by_bin(faint, kind))) for kind, text in KINDS.items())
    part("faint-reliability", *itertools.chain.from_iterable(reliable))
    beside_us = table(beside_redrock.HEAD, beside(sets, said, ask)) if ask else note
    part("faint-redrock", beside_us)
    by_eye = Spectra.concatenate([real_sets(shared, validation=v)[BY_EYE] for v in (True, False)])
    told, labels = against_labels(answers(pipeline, by_eye), by_eye, ask)
    part("faint-labels", told, table(LABELS_HEAD, labels))


LEGEND = (
    "Held out, {solver} solver. S/N: validation spectra made faint with sky fibres, by the median "
    "S/N a pixel. bright: the same as they are. Others: real faint spectra, of each set one group "
    "in three, against the labels of their sources, some of which are wrong; DESI + BOSS: the "
    "sets desi_ and boss_ together. right: GALAXY or QSO either way, and the redshift within "
    "0.001 in ln(1 + z), of quasars 0.01. unflagged: `zwarn` is 0. In brackets the number of "
    "wrong ones. ECE: expected calibration error, of p_z for the redshift alone. complete at 1 % "
    "wrong: the largest share of the rows that a cut on p_z keeps with at most 1 % of them wrong. "
    "Supernovae (ozdes_sn) have the redshifts of their hosts, and no class here."
)
