"""Table 2, and the redshift columns of Table 3: χ², R and redshifts of each class's own model.

python recipes/paper/table2.py
"""

from __future__ import annotations

import argparse

from experiments import SETS, arguments_of, describe_sets, methods, scores, write_result


def run(arguments: argparse.Namespace) -> None:
    """Describe the sets, and score every method on them."""
    describe_sets(arguments)
    rows = [scores(m, which, arguments) for which in SETS for m in methods(arguments)]
    write_result("table2", rows)


if __name__ == "__main__":
    run(arguments_of(__doc__).parse_args())
