"""The table of benchmarks/accuracy.py: on the screen, and as a page with a figure."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.table import Table

from gasnet3 import CLASSES
from gasnet3.evaluate.evaluation import ClassEvaluation, Evaluation
from gasnet3.machine.files import replacing

CAVEATS = """
- The labels are the surveys' own, and wrong or a matter of taste at times: a broad-line AGN at
  z < 0.5 may be GALAXY or QSO, so the class is counted both ways.
- The spectra are bright and near for the most part: galaxies nearly all at z < 0.3 and S/N 50.
- The published networks were trained on SDSS spectra, of stars from A to K: some of these spectra
  may have been among them, and LAMOST's and DESI's were not. They are run on their own grid with
  their own preparation (unweighted polynomial, masked pixels filled and left in), which gives the
  authors' own outputs; but the χ² curve is computed by FFT and not by their direct convolution, so
  they are faster here than in their own code.
- redrock is given the templates at hand: its galaxy basis is an old one of five vectors, which
  costs it galaxies. The templates are smoothed to SDSS's resolution. The time to rebin them, once
  a run, is not counted.
- Whole-pixel redshifts, as of the published networks, are off by up to 1.2e-4 by themselves.
- The published networks have no warnings.
""".strip()


@dataclass(frozen=True, eq=False)
class Score:
    """What is known of one classifier.

    Parameters
    ----------
    label : str
        Heading of its column.
    evaluation : Evaluation
        On the labelled spectra and the sky fibres.
    stars : ClassEvaluation
        On the stars without a known redshift.
    warns : bool
        Whether it has warnings.
    """

    label: str
    evaluation: Evaluation
    stars: ClassEvaluation
    warns: bool


def table_of(
    scores: Sequence[Score], times: Mapping[str, float]
) -> list[tuple[str, str, list[str]]]:
    """Rows of the table: what, its n, and a cell for each classifier."""
    first = scores[0].evaluation
    rows: list[tuple[str, str, list[str]]] = []

    def add(name: str, n: int | str, cell: Callable[[Score], str]) -> None:
        rows.append((name, str(n), [cell(one) for one in scores]))

    add("class right", first.n, lambda s: _percent(s.evaluation.accuracy))
    add("class right, broad-line AGN either way", first.n,
        lambda s: _percent(s.evaluation.accuracy_agn_either_way))  # fmt: skip
    for name, field, n, told in FIGURES:
        for cls in CLASSES:
            if not math.isnan(getattr(first.classes[cls], field)):
                add(f"{name}, {cls}", getattr(first.classes[cls], n),
                    lambda s, c=cls, f=field, t=told: t(getattr(s.evaluation.classes[c], f)))  # type: ignore[misc] # fmt: skip
    add("sky fibres with an unflagged redshift", first.n_sky,
        lambda s: str(s.evaluation.n_sky_unflagged) if s.warns else "–")  # fmt: skip
    add("stars without a known redshift called STAR", scores[0].stars.n,
        lambda s: _percent(s.stars.accuracy)
        + (f" of {s.stars.n}" if s.stars.n != scores[0].stars.n else ""))  # fmt: skip
    add("CPU ms a spectrum", "", lambda s: _number(times[s.label]))
    reference = times[scores[0].label]
    add(f"CPU time / that of {scores[0].label}", "", lambda s: _number(times[s.label] / reference))
    return rows


def show(scores: Sequence[Score], times: Mapping[str, float]) -> Table:
    """The table for the screen."""
    table = Table("", "n", title="Real spectra never trained on", title_justify="left")
    for one in scores:
        table.add_column(one.label, justify="right")
    for name, n, cells in table_of(scores, times):
        table.add_row(name, n, *cells)
    return table


def show_times(times: Mapping[str, float]) -> Table:
    """The CPU times alone, with their ratios to the first."""
    table = Table("", title="CPU ms a spectrum", title_justify="left")
    table.add_column("ms", justify="right")
    table.add_column(f"/ {next(iter(times))}", justify="right")
    reference = next(iter(times.values()))
    for label, value in times.items():
        table.add_row(label, _number(value), _number(value / reference))
    return table


def write_page(
    docs: Path, scores: Sequence[Score], times: Mapping[str, float], timed: int, rounds: int
) -> None:
    """Write accuracy.md and images/accuracy.png, each whole or not at all."""
    lines = ["| | n | " + " | ".join(one.label for one in scores) + " |"]
    lines.append("|---|" + "---:|" * (len(scores) + 1))
    for name, n, cells in table_of(scores, times):
        lines.append(f"| {name} | {n} | " + " | ".join(cells) + " |")
    e = scores[0].evaluation
    counts = ", ".join(f"{e.classes[cls].n} {cls}" for cls in CLASSES)
    text = f"""# Accuracy beside others

This page is written by `python benchmarks/accuracy.py --docs`; do not edit it.

{e.n} real spectra of SDSS, LAMOST and DESI ({counts}), of objects
our networks were not trained on, against the surveys' own labels. A redshift is good (GF, eq. 18)
within 3e-4 for STAR and GALAXY and 3e-3 for QSO; GF′ (eq. 20) is within 0.0015 and 0.015 in
ln(1 + z). {e.n_agn} are broad-line AGN at z < 0.5. n stands beside every figure.

{chr(10).join(lines)}

CPU time is the least of {rounds} rounds taken in turn over {timed} of these spectra, one thread.

![Accuracy against time](images/accuracy.png)

{sentence(scores, times)}

## What to keep in mind

{CAVEATS}

## Made with

{", ".join(versions())}; {processor()}, {os.cpu_count()} cores; {datetime.now(UTC):%Y-%m-%d}.
"""
    with replacing(docs / "accuracy.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    (docs / "images").mkdir(exist_ok=True)
    with replacing(docs / "images" / "accuracy.png") as temporary:
        draw(temporary, scores, times)


def sentence(scores: Sequence[Score], times: Mapping[str, float]) -> str:
    """What the figure says of the first (cheapest) and the last of our solvers."""
    ours = [one for one in scores if one.label.startswith("Encoder")]
    if len(ours) < 2 or math.isnan(times[ours[0].label]):
        return "The further up and to the left the better."
    cheap, best = ours[0], ours[-1]
    gains = [
        100 * (getattr(best.evaluation, f) - getattr(cheap.evaluation, f))
        for f in ("accuracy_agn_either_way", "good_fraction")
    ]
    ratio = times[best.label] / times[cheap.label]
    return (
        f"With the same eigenspectra, {best.label.split(', ')[1]} changes the share of right "
        f"classes by {gains[0]:+.1f} points and of good redshifts by {gains[1]:+.1f} points over "
        f"{cheap.label.split(', ')[1]}, for {ratio:.1f} times its CPU time."
    )


MARKERS = "osD^v*Xp"
OURS, OTHERS = "#0072B2", "#E69F00"
"""Told apart with every kind of colour vision; the marker says which."""


def draw(path: Path, scores: Sequence[Score], times: Mapping[str, float]) -> None:
    """The figure: share of right classes and of good redshifts against CPU time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2, sharex=True)
    for axis, field, title in zip(
        panels,
        ("accuracy_agn_either_way", "good_fraction"),
        ("class right, broad-line AGN either way", "redshift good (GF, eq. 18)"),
        strict=True,
    ):
        for number, one in enumerate(scores):
            ours = one.label.startswith(("Encoder", "U-Net"))
            axis.plot(times[one.label], 100 * getattr(one.evaluation, field),
                      marker=MARKERS[number % len(MARKERS)], ls="", ms=9, mec="black", mew=0.6,
                      color=OURS if ours else OTHERS, label=one.label)  # fmt: skip
        axis.set(xscale="log", xlabel="CPU ms a spectrum", ylabel="%", title=title)
        axis.margins(x=0.1, y=0.1)
        axis.grid(alpha=0.3)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig(path, dpi=120)


def versions() -> list[str]:
    """Versions of what the numbers depend on."""
    found = [f"Python {platform.python_version()}"]
    for package in ("gasnet3", "torch", "numpy", "redrock"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration, IndexError):
        return platform.processor() or platform.machine()


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.1f} %"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3g}"


FIGURES = (
    ("class right", "accuracy", "n", _percent),
    ("GF (eq. 18)", "good_fraction", "n_z", _percent),
    ("GF′ (eq. 20)", "log_good_fraction", "n_z", _percent),
    ("median Δz (eq. 14)", "median_delta_z", "n_z", _number),
    ("MAD (eq. 16)", "mad", "n_z", _number),
    ("Δz > 0.01", "outlier_fraction", "n_z", _percent),
)
"""Figures by class: heading, field of ClassEvaluation, field of its n, how it is written."""
