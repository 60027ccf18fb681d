"""Write docs/figures.md: every figure of the paper from our catalogs, and how to draw one's own.

python recipes/paper/figures_page.py
"""

from __future__ import annotations

import argparse
from typing import Any

from experiments import PICTURES, REAL, ROOT, arguments_of, read_result
from pages import write_page

from gasnet3 import CLASSES
from gasnet3.paper.figures import FIGURES, HOW

PAGE = ROOT / "docs" / "figures.md"

INTRODUCTION = """\
# Figures

Every figure of the paper that shows spectra or results, from one's own catalog:

```bash
SAMPLES=$(python -c "import gasnet3.samples; print(gasnet3.samples.DIRECTORY)")
gasnet3 classify "$SAMPLES" -o catalog.parquet
gasnet3 figures catalog.parquet -o figures --truth "$SAMPLES/truth.csv" --spectra "$SAMPLES"
ls figures
```

The command draws all that its inputs allow, and says of each other figure what to give for it.
`--only 8,12,A1` draws some, `--kind pdf` or `svg` for print. From Python each is a function:

```python
from gasnet3 import samples
from gasnet3.paper.figures import FIGURES, draw, read_inputs

inputs = read_inputs("catalog.parquet", truth=samples.TRUTH)
FIGURES["9"].draw(inputs, "confusion.pdf")
drawn, left_out = draw(inputs, "figures", only=["1", "13", "14"], ending=".svg")
print(left_out)  # {'14': 'give the spectra that the catalog was made of (--spectra)'}
```

Classes differ by line and marker as well as by colour, and the colours are those of Okabe and
Ito, told apart with every common kind of colour vision.
"""

MORE = {
    "1": "The bins of each class add up to 1; those at the ends hold what lies beyond.",
    "2": "Left the spectrum and its continuum, right what the network sees (eq. 1-2).",
    "5": "Vertical lines: the epoch that was kept.",
    "6": "The curve that goes lowest decides class and redshift.",
    "7": "That of each class which carries most of the training spectra.",
    "8": "Dashed: the limit of a good redshift.",
    "9": "Below the number of spectra its share of the labelled class.",
    "10": "Where it is far above 1, a dozen parameters do not describe so good a spectrum.",
    "11": "R is the next minimum of χ² over the least, less 1; bars are 68 % intervals.",
    "12": "What a cut in R costs, and what it buys.",
    "13": "A spectrum with R near 0 has two redshifts, or classes, that fit alike.",
    "14": "What no model describes, and what has two answers: see [strange spectra](anomalies.md).",
    "A1": "Subclasses are the survey's; a black ring is a spectrum whose coefficients are unlike "
    "those of the training set (`anomaly_extreme` of 2 or more).",
    "C1": "Two of each class, of those without a flag or note.",
}
"""A second sentence on each figure."""


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION, needs_table(), sets_text()]
    for number, figure in FIGURES.items():
        parts += [f"## Fig. {number}", f"{figure.shows} {MORE[number]} {_source(number)}"]
        name = next(
            (n for n in (f"{figure.file}.png", f"{figure.file}-{REAL}.png") if _drawn(n)), None
        )
        if name:
            parts.append(f"![{figure.shows}](images/paper/{name})")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def needs_table() -> str:
    """What each figure takes beside the catalog."""
    rows = [
        f"| {f.number} | {f.shows} | {', '.join(HOW[need] for need in f.needs) or '–'} |"
        for f in FIGURES.values()
    ]
    return "\n".join(["| Fig. | shows | takes beside the catalog |", "|---|---|---|", *rows])


def sets_text() -> str:
    """Of which spectra the pictures are."""
    every, validation = read_result("every"), read_result("sets")
    lines = [
        "The pictures below are of real spectra of SDSS, LAMOST and DESI. Figs. 3 and 4 of the "
        "paper are drawings of its networks and its method. Figs. 5 to 13 are those of "
        "[the paper's experiments](paper.md), which have the numbers, and mock spectra beside the "
        "real ones."
    ]
    if every:
        counts = ", ".join(f"{every['classes'][cls]} {cls}" for cls in CLASSES)
        lines.append(
            f"*All labelled*: {every['n']} spectra ({counts} by the class found), those of the "
            "training groups among them: for these figures nothing is judged by them."
        )
    if validation:
        own: list[dict[str, Any]] = [row for row in validation if row["set"] == REAL]
        counts = ", ".join(f"{row['n']} {row['class']}" for row in own)
        total = sum(row["n"] for row in own)
        lines.append(f"*Validation*: {total} spectra ({counts}) that no training saw.")
    return "\n\n".join(lines)


def _source(number: str) -> str:
    """Which spectra a figure shows."""
    if number in ("5", "7"):
        return "(The shipped networks.)"
    return "(All labelled.)" if number in ("1", "2", "14", "A1", "C1") else "(Validation.)"


def _drawn(name: str) -> bool:
    return (PICTURES / name).exists()


def run(arguments: argparse.Namespace) -> None:
    """Write the page."""
    write_page(PAGE, page())


if __name__ == "__main__":
    run(arguments_of(__doc__).parse_args())
