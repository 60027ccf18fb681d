"""An evaluation as tables for the terminal."""

from __future__ import annotations

import math

from rich.console import Group
from rich.table import Table

from gasnet3.classes import CLASSES
from gasnet3.evaluate.evaluation import Evaluation

LOST_SHOWN = 10


def tables(evaluation: Evaluation) -> Group:
    """The summary of an evaluation, the numbers by class and the confusion matrix."""
    return Group(_summary(evaluation), _by_class(evaluation), _confusion(evaluation))


def _summary(e: Evaluation) -> Table:
    table = Table(title="Catalog against truth", title_justify="left")
    table.add_column("")
    table.add_column("value", justify="right")
    table.add_column("n", justify="right")
    for name, value, n in (
        ("class right (eq. 13)", _percent(e.accuracy), e.n),
        ("class right, broad-line AGN either way", _percent(e.accuracy_agn_either_way), e.n),
        ("redshift good (eq. 18)", _percent(e.good_fraction), e.n_z),
        ("flagged", _percent(e.fraction_flagged), e.n),
        ("class right, unflagged", _percent(e.accuracy_unflagged), e.n_unflagged),
        ("redshift good, unflagged", _percent(e.good_fraction_unflagged), e.n_z_unflagged),
        ("calibration error of probabilities", _number(e.calibration_error), e.n),
        ("sky with an unflagged redshift", str(e.n_sky_unflagged), e.n_sky),
        ("truth rows lost: not in the catalog", str(len(e.lost)), e.n_truth),
        ("catalog rows without truth", str(e.n_without_truth), e.n_catalog),
    ):
        table.add_row(name, value, str(n))
    if e.lost:
        more = f" and {len(e.lost) - LOST_SHOWN} more" if len(e.lost) > LOST_SHOWN else ""
        table.caption = f"lost: {', '.join(e.lost[:LOST_SHOWN])}{more}"
    return table


def _by_class(e: Evaluation) -> Table:
    table = Table(title="By true class", title_justify="left")
    table.add_column("")
    for cls in CLASSES:
        table.add_column(cls, justify="right")
    classes = [e.classes[cls] for cls in CLASSES]
    for name, cells in {
        "n": [str(c.n) for c in classes],
        "class right": [_percent(c.accuracy) for c in classes],
        "class right, AGN either way": [_percent(c.accuracy_agn_either_way) for c in classes],
        "n with true redshift": [str(c.n_z) for c in classes],
        "of these not measured": [str(c.n_no_redshift) for c in classes],
        "limit on Δz": [_limit(e.thresholds.get(cls)) for cls in CLASSES],
        "GF (eq. 18)": [_percent(c.good_fraction) for c in classes],
        "GF as its class": [_percent(c.good_fraction_as_class) for c in classes],
        "GF′ (eq. 20)": [_percent(c.log_good_fraction) for c in classes],
        "median Δz (eq. 14)": [_number(c.median_delta_z) for c in classes],
        "MAE (eq. 15)": [_number(c.mae) for c in classes],
        "MAD (eq. 16)": [_number(c.mad) for c in classes],
        "Δz > 0.01": [_percent(c.outlier_fraction) for c in classes],
        "pulls, n": [str(c.pulls.n) for c in classes],
        "pulls, median": [_number(c.pulls.median) for c in classes],
        "pulls, robust width": [_number(c.pulls.width) for c in classes],
        "true z from z_lo to z_hi": [_percent(c.interval_fraction) for c in classes],
    }.items():
        table.add_row(name, *cells)
    return table


def _confusion(e: Evaluation) -> Table:
    table = Table(title="True class (rows) and class in the catalog", title_justify="left")
    table.add_column("")
    for name in (*CLASSES, "none"):
        table.add_column(name, justify="right")
    for cls, row in zip(CLASSES, e.confusion.tolist(), strict=True):
        table.add_row(cls, *[str(count) for count in row])
    return table


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.1f} %"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3g}"


def _limit(value: float | str | None) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else f"{value:g}"
