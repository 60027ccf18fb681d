"""Table 4: the number of eigenspectra, and a continuum of degree 2 or 5.

python recipes/paper/trainings.py && python recipes/paper/table4.py
"""

from __future__ import annotations

import argparse

from experiments import SETS, arguments_of, write_result
from trainings import TABLE_4, score_variants


def run(arguments: argparse.Namespace) -> None:
    """Score the variants that are trained."""
    write_result("table4", [row for s in SETS for row in score_variants(TABLE_4, s, arguments)])


if __name__ == "__main__":
    run(arguments_of(__doc__).parse_args())
