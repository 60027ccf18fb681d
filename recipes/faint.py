"""What answers are worth on faint spectra that nothing was fitted to.

Validation spectra made faint with sky fibres, and the real faint sets of the shared directory;
``python recipes/validate.py --faint`` runs it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mock_survey.faint import labelled_as, made_faint
from mock_survey.library import Survey
from numpy.typing import NDArray
from pages import table, write_part
from rich.console import Console

from gasnet3.classes import CLASSES
from gasnet3.decide.posterior import RIGHT
from gasnet3.evaluate.reliability import reliability
from gasnet3.machine.typing import Bools, Floats
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED

SN = (1, 2, 3, 5)
"""Median S/N a pixel of the spectra made faint."""

SEED = 70

NEAR = {"STAR": 1e-3, "GALAXY": 1e-3, "QSO": 1e-2}
"""A redshift is right within these |Δ ln(1 + z)|, here."""

WRONG = 0.01
"""Share of wrong ones that a sample may have, for its completeness."""

NOISE, NOISE_SN = 80, 10.0
"""Spectra of flat noise, and their S/N."""

HEAD = (
    "spectra", "n", "class right", "right", "unflagged", "wrong among unflagged", "p_z > 0.9",
    "wrong among these", "ECE class", "ECE redshift", "complete at 1 % wrong",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Said:
    """Answers beside labels; all (rows,).

    ``right`` is of class and redshift, GALAXY and QSO for each other; ``z_right`` is what ``p_z``
    promises, of the redshift alone.
    """

    cls: NDArray[np.str_]
    class_right: Bools
    right: Bools
    z_right: Bools
    clean: Bools
    p_class: Floats
    p_z: Floats

    @classmethod
    def of(cls, pipeline: Pipeline, spectra: Spectra) -> Said:
        """Classify labelled spectra; of a class that is none of ours any is right."""
        found = pipeline.run(spectra)
        name, true = np.asarray(found["class"]), spectra.classes
        p = np.stack([np.asarray(found[f"p_{c.lower()}"]) for c in CLASSES], axis=1)
        strict = np.asarray((name == true) | ~np.isin(true, CLASSES))
        either = strict | (np.isin(name, CLASSES[1:]) & np.isin(true, CLASSES[1:]))
        limits = [np.array([NEAR.get(str(c), 0.0) for c in names]) for names in (name, true)]
        off = np.abs(np.log1p(np.asarray(found["z"])) - np.log1p(spectra.z))
        right = either & (off < np.maximum(*limits))
        z_right = off < np.array([RIGHT.get(str(c), RIGHT["GALAXY"]) for c in true])
        p_z = np.nan_to_num(np.asarray(found["p_z"]))
        clean = np.asarray(found["zwarn"]) == 0
        return cls(true, strict, right, z_right, clean, np.nan_to_num(p.max(axis=1)), p_z)

    def __getitem__(self, rows: NDArray[np.bool_]) -> Said:
        """Some of the answers."""
        return Said(**{name: values[rows] for name, values in vars(self).items()})

    @classmethod
    def joined(cls, parts: Iterable[Said]) -> Said:
        """Several in one."""
        each = [vars(part) for part in parts]
        return cls(**{name: np.concatenate([part[name] for part in each]) for name in each[0]})


def worth(name: str, said: Said) -> tuple[str, ...]:
    """One row of :data:`HEAD`."""
    kept = said.p_z > 0.9
    error = [
        reliability(p, right).expected_calibration_error
        for p, right in ((said.p_class, said.class_right), (said.p_z, said.z_right))
    ]
    return (
        name, str(len(said.cls)), f"{said.class_right.mean():.3f}", f"{said.right.mean():.3f}",
        f"{said.clean.mean():.3f}", _wrong(said.right[said.clean]), f"{kept.mean():.3f}",
        _wrong(said.right[kept]), f"{error[0]:.3f}", f"{error[1]:.3f}", f"{complete(said):.3f}",
    )  # fmt: skip


def _wrong(right: Bools) -> str:
    return f"{1.0 - right.mean():.3f} ({(~right).sum()})" if len(right) else "none kept"


def complete(said: Said) -> float:
    """Largest share of the rows that a cut on p_z keeps with at most 1 % of them wrong."""
    order = np.argsort(-said.p_z, kind="stable")
    wrong = np.cumsum(~said.right[order]) / np.arange(1, len(order) + 1)
    # Rows of one p_z are kept together.
    last = np.append(np.diff(said.p_z[order]) != 0, True)
    return float(max(np.flatnonzero(last & (wrong <= WRONG)) + 1, default=0) / len(order))


def real_sets(shared: Path) -> dict[str, Spectra]:
    """The faint sets of the shared directory whose redshifts are known, by name."""
    with (shared / "data" / "faint.csv").open() as file:
        rows = list(csv.DictReader(file))
    with np.load(shared / "data" / "faint.npz") as file:
        flux, ivar = file["flux"], file["ivar"]
    z = np.array([float(row["z"] or "nan") for row in rows])
    sets = np.array([row["set"] for row in rows])
    out = {}
    for name in dict.fromkeys(sets.tolist()):
        at = np.flatnonzero((sets == name) & np.isfinite(z))
        if len(at):
            out[name] = Spectra.from_arrays(
                flux[at], ivar[at], loglam=OBSERVED.loglam, z=z[at],
                classes=np.array([rows[i]["cls"] for i in at]),
            )  # fmt: skip
    return out


def measure(pipeline: Pipeline, survey: Survey, console: Console) -> list[tuple[str, ...]]:
    """Rows of :data:`HEAD`: made faint by S/N and class, together, then each real set."""
    rows, all_faint = [], []

    def add(name: str, said: Said, *, classes: bool = False) -> None:
        parts = {name: said}
        if classes:
            parts |= {f"{name} {cls}": said[said.cls == cls] for cls in CLASSES}
        for label, part in parts.items():
            rows.append(worth(label, part))
            console.print(" | ".join(rows[-1]))

    for sn in SN:
        faint = made_faint(survey, sn, validation=True, seed=SEED + sn)
        all_faint.append(Said.of(pipeline, faint))
        add(f"S/N {sn}", all_faint[-1], classes=True)
    add("S/N 1 to 5", Said.joined(all_faint))
    chosen = survey.labelled(validation=True)
    flux, ivar = survey.spectra
    bright = labelled_as(survey, chosen, flux[chosen], ivar[chosen], "real")
    add("bright", Said.of(pipeline, bright), classes=True)
    for name, spectra in real_sets(survey.shared).items():
        add(name, Said.of(pipeline, spectra))
    return rows


def no_redshift(pipeline: Pipeline, survey: Survey) -> str:
    """What spectra without any redshift to find get."""
    sky = survey.batch(survey.of_role("sky", validation=True))
    rng = np.random.default_rng(0)
    flux = 1.0 + rng.normal(size=(NOISE, OBSERVED.n)) / NOISE_SN
    flat = Spectra.from_arrays(
        flux, np.full_like(flux, NOISE_SN**2), loglam=OBSERVED.loglam
    )  # fmt: skip
    clean = [np.asarray(pipeline.run(s)["zwarn"]) == 0 for s in (sky, flat)]
    return (
        f"Without a warning: {clean[0].sum()} of {len(sky)} sky fibres, {clean[1].sum()} of "
        f"{NOISE} spectra of flat noise at S/N {NOISE_SN:g}."
    )


def report(pipeline: Pipeline, shared: Path, page: Path | None, console: Console) -> None:
    """Measure and print; write the part "faint" of a page."""
    survey = Survey(shared)
    rows = measure(pipeline, survey, console)
    last = no_redshift(pipeline, survey)
    console.print(last)
    legend = (
        f"Held out, {pipeline.solver.name} solver. S/N: validation spectra made faint with sky "
        "fibres, by the median S/N a pixel. bright: the same as they are. Others: real faint "
        "spectra, against the labels of their sources, some of which are wrong. right: GALAXY or "
        "QSO either way, and the redshift within 0.001 in ln(1 + z), of quasars 0.01. unflagged: "
        "`zwarn` is 0. In brackets the number of wrong ones. ECE: expected calibration error, of "
        "p_z for the redshift alone. Supernovae (ozdes_sn) have the redshifts of their hosts, and "
        "no class here."
    )
    if page:
        write_part(page, "faint", [legend, "", table(HEAD, rows), last])
