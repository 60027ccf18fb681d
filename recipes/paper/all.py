"""All of the paper's experiments, then docs/paper.md and docs/figures.md.

    python recipes/paper/all.py

What is trained stays (Table 4 and Table B1 take hours the first time, a core a day with
`--epochs 100`), and so do catalogs whose models and code have not changed.
"""

from __future__ import annotations

import figures
import figures_page
import table2
import table3_speed
import table4
import table_b1
import trainings
import write
from experiments import arguments_of


def main() -> None:
    """Run everything in order."""
    parser = arguments_of(__doc__)
    parser.add_argument("--no-training", action="store_true", help="only what is trained already")
    arguments = parser.parse_args()
    if not arguments.no_training:
        trainings.train(arguments)
    for experiment in (table2, table3_speed, table4, table_b1, figures, write, figures_page):
        experiment.run(arguments)


if __name__ == "__main__":
    main()
