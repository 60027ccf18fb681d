"""Table 2, and the redshift columns of Table 3: χ², R and redshifts of each class's own model.

python recipes/paper/table2.py
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from experiments import (
    REAL,
    SETS,
    Method,
    arguments_of,
    catalog,
    describe_sets,
    labelled,
    methods,
    scores,
    write_result,
)

from gasnet3.evaluate.truth import read_truth
from gasnet3.paper.samples import class_samples

SPLIT_SN = 20.0
"""Median S/N that parts the faint from the bright spectra."""


def parts(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """χ² and R of the real spectra by S/N and by survey, Encoder with the default solver."""
    table = catalog(_default(arguments), REAL, arguments)
    truth = read_truth(labelled(REAL, arguments).truth)
    ids, sn = np.asarray(table["id"]).astype(np.str_), np.asarray(table["sn_median"])
    surveys = np.array([name.split("/")[0] for name in ids])
    chosen = {f"S/N below {SPLIT_SN:g}": sn < SPLIT_SN, f"S/N {SPLIT_SN:g} or more": sn >= SPLIT_SN}
    chosen |= {f"from {survey}": surveys == survey for survey in np.unique(surveys)}
    rows = []
    for name, part in chosen.items():
        for cls, sample in class_samples(table, truth).items():
            mine = sample.select(np.isin(sample.ids, ids[part]))
            if len(mine):
                told = mine.summary()
                values = {key: told[key] for key in ("n", "chi2", "chi2_median", "robustness")}
                rows.append({"part": name, "class": cls, **values})
    return rows


def _default(arguments: argparse.Namespace) -> Method:
    return next(m for m in methods(arguments) if m.solver == "hybrid")


def run(arguments: argparse.Namespace) -> None:
    """Describe the sets, and score every method on them."""
    describe_sets(arguments)
    rows = [scores(m, which, arguments) for which in SETS for m in methods(arguments)]
    write_result("table2", rows)
    told = {"method": _default(arguments).title, "rows": parts(arguments)}
    write_result("table2_parts", told)


if __name__ == "__main__":
    run(arguments_of(__doc__).parse_args())
