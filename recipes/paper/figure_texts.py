"""What docs/paper.md says beside each figure."""

from __future__ import annotations

from typing import Any

from experiments import MOCKS, PICTURES, REAL, read_result
from pages import table
from wording import compared, number, percent

from gasnet3 import CLASSES

SETS = {REAL: "real spectra", MOCKS: "mock spectra"}
ABOUT_CLASSES = """\
The paper's three classes are of equal size (10,000 each), ours are not, so the overall figures
weigh them differently. The paper takes the class of the least χ² (section 3.5), which the column
"by least χ²" does; the other columns are of the catalog's class, the most probable one where a
fit of the probabilities belongs to the weights. In the last column a broad-line AGN at z < 0.5
may be GALAXY or QSO: surveys differ there themselves.
"""
NO_PICTURE = "Not drawn for this page."


def figures_section(paper: dict[str, Any]) -> str:
    """Figs. 5 to 13."""
    return "\n".join(
        [
            "All the figures, and the command that draws them from your own catalog: "
            "[figures](figures.md).\n",
            "## Fig. 5: losses\n",
            picture("fig5.png", "Training and validation loss by epoch"),
            fig5_text(),
            "## Fig. 6: examples\n",
            picture("fig6.png", "A spectrum of each class with its fit and χ² curves"),
            "The real validation spectrum of each class nearest to a median S/N of 10, by the "
            "default solver: the reconstruction over the spectrum, and the χ² curves of the three "
            "classes. The paper's curves are those of the amortised solver; these are the least "
            "χ² at every shift.\n",
            "## Fig. 7: eigenspectra\n",
            picture("fig7.png", "One eigenspectrum of each class with its lines named"),
            "Of each class the eigenspectrum that carries most of the training spectra, in the "
            "sign it usually has. The paper's coefficients are positive (eq. 4) and its "
            "eigenspectra look like spectra; ours have either sign, so one eigenspectrum may hold "
            "what sets objects apart rather than an object. The far ultraviolet end is seen in few "
            "spectra, in the paper as here.\n",
            "## Fig. 8: redshift errors\n",
            *both("fig8", "Δz against z by method and class"),
            fig8_text(paper),
            "## Fig. 9: confusion\n",
            *both("fig9", "Confusion matrices"),
            fig9_text(paper),
            "## Fig. 10: distribution of χ²\n",
            *both("fig10", "Distribution of the least reduced χ²"),
            "The paper's distributions peak near 1; ours have tails where Table 2's means come "
            "from, told there.\n",
            "## Fig. 11: figures of merit against S/N\n",
            *both("fig11", "Robustness, good fraction and accuracy against S/N"),
            "R, redshift and class are those of the decided solution, over the minima of all "
            "classes. Bars are 68 % intervals of the fractions. The paper's good fraction and R "
            "rise steeply up to S/N 2; the real validation spectra hold few such faint ones, the "
            "mocks show that end.\n",
            "## Fig. 12: figures of merit against the least R\n",
            *both("fig12", "Completeness, good fraction and accuracy against R_T"),
            fig12_text(),
            "## Fig. 13: distribution of R\n",
            *both("fig13", "Distribution of the robustness R"),
            fig13_text(paper),
        ]
    )


def picture(name: str, label: str) -> str:
    """A picture, if it has been drawn."""
    if not (PICTURES / name).exists():
        return f"{NO_PICTURE}\n"
    return f"![{label}](images/paper/{name})\n"


def both(name: str, label: str) -> list[str]:
    """The picture of the real spectra, then that of the mocks."""
    return [
        f"{told.capitalize()}:\n\n{picture(f'{name}-{s}.png', label)}" for s, told in SETS.items()
    ]


def fig5_text() -> str:
    """Least losses, and why they cannot be compared."""
    least = read_result("fig5")
    if not least:
        return ""
    rows = [[net, *[number(v.get(c)) for c in CLASSES]] for net, v in least.items()]
    return (
        f"{table(['least validation loss', *CLASSES], rows)}\n"
        "The losses are not the paper's: the Encoder's has an error floor and the projection loss "
        "beside eq. 7, the sets are mocks, and the trainings are short (a one-cycle schedule "
        "instead of 100 epochs of steps).\n"
    )


def fig8_text(paper: dict[str, Any]) -> str:
    """Good fractions beside the abstract's."""
    rows = read_result("table2")
    if not rows:
        return ""
    head = ["GF (eq. 18)", "set", *CLASSES]
    body = [
        ["paper: Encoder (conclusion)", "SDSS", *[percent(paper["abstract"][c]) for c in CLASSES]]
    ]
    text = []
    for row in rows:
        ours = {c: row["classes"][c]["gf"] for c in CLASSES}
        counts = [f"{percent(ours[c])} of {row['classes'][c]['n']}" for c in CLASSES]
        body.append([row["method"], SETS[row["set"]], *counts])
        if row["set"] == REAL:
            text.append(f"- {row['method']}, real: {compared(ours, paper['abstract'])}.")
    return (
        f"{table(head, body)}\nAgainst the paper's good fractions (alike: within 2 %):\n\n"
        + "\n".join(text)
        + "\n\nThe rows of points at whole pixels in the paper's panel of stars are gone: minima "
        "are followed to a fraction of a pixel.\n"
    )


def fig9_text(paper: dict[str, Any]) -> str:
    """Accuracies beside the paper's."""
    found = read_result("fig9")
    if not found:
        return ""
    told = paper["fig9"]
    body = [["paper", "SDSS", told["overall"], *[told[c] for c in CLASSES], "", ""]]
    for which, by_method in found.items():
        for method, e in by_method.items():
            values = [e["accuracy"], *[e["by_class"][c] for c in CLASSES]]
            values += [e["least_chi2"], e["either_way"]]
            body.append([method, SETS[which], *[percent(value) for value in values]])
    head = ["accuracy (eq. 13)", "set", "all", *CLASSES, "by least χ²", "AGN either way"]
    return f"{table(head, body)}\n{ABOUT_CLASSES}"


def fig12_text() -> str:
    """What a threshold of about 0.1 does, as the paper recommends it."""
    found = read_result("fig12")
    if not found:
        return ""
    body = []
    for which, by_method in found.items():
        for method, by_class in by_method.items():
            for cls in CLASSES:
                curve = by_class[cls]
                at = min(
                    range(len(curve["thresholds"])), key=lambda i: abs(curve["thresholds"][i] - 0.1)
                )
                whole, kept = curve["mean"][0], curve["mean"][at]
                share = percent(curve["completeness"][at])
                body.append([method, SETS[which], cls, percent(whole), percent(kept), share])
    head = ["", "set", "class", "GF with R ≥ 0", "GF with R ≥ 0.1", "completeness"]
    return (
        f"{table(head, body)}\nThe paper advises R ≥ 0.1 against catastrophic redshifts. Spectra "
        "without a second minimum have no R and are in no subset. R is below 0 where the decided "
        "solution is not that of the least χ²: such spectra are in no subset with R_T ≥ 0 either.\n"
    )


def fig13_text(paper: dict[str, Any]) -> str:
    """Medians of R."""
    found = read_result("fig13")
    if not found:
        return ""
    body = [
        [method, SETS[which], *[number(by_class[c], 3) for c in CLASSES]]
        for which, by_method in found.items()
        for method, by_class in by_method.items()
    ]
    means = [number(paper["table2"]["Encoder"]["robustness"][c]) for c in CLASSES]
    body.insert(0, ["paper: Encoder (mean, within the class)", "SDSS", *means])
    return (
        f"{table(['median R', 'set', *CLASSES], body)}\n"
        "Here R is that of the decided solution, χ²_2 the next minimum of any class more than 0.01 "
        "away, which is what a user of the catalog has in the column `robustness`; the paper's is "
        "within a class.\n"
    )
