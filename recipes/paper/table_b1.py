"""Table B1: the size of the training set, at an equal number of steps.

python recipes/paper/trainings.py && python recipes/paper/table_b1.py
"""

from __future__ import annotations

import argparse

from experiments import SETS, arguments_of, write_result
from trainings import TABLE_B1, score_variants


def run(arguments: argparse.Namespace) -> None:
    """Score the variants that are trained."""
    write_result("table_b1", [row for s in SETS for row in score_variants(TABLE_B1, s, arguments)])


if __name__ == "__main__":
    run(arguments_of(__doc__).parse_args())
