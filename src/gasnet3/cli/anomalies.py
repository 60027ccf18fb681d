"""gasnet3 anomalies: the strangest spectra of a catalog, and why they are."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gasnet3.cli import console
from gasnet3.cli.merge import CATALOG_ENDINGS
from gasnet3.cli.plot import PICTURE_ENDINGS

if TYPE_CHECKING:
    from astropy.table import Table

    from gasnet3.anomaly.labels import Labels


Kind = StrEnum("Kind", ["DEFECT", "INCOMPLETE", "EXTREME", "AMBIGUOUS", "SECOND"])
"""Names of the kinds; typer takes no list of literals."""

MinScore = Annotated[
    float, typer.Option(help="Least score listed: 2 is one in a hundred, 3 a thousand.")
]
LabelsOption = Annotated[
    Path | None, typer.Option(help="Table of id and interesting (yes or no): learn from it.")
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Write the rows listed, in order, as a catalog."),
]
OrdinaryHere = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Compare the scores with what is ordinary among the spectra of each instrument in "
        "this catalog, write it anew as FILE, and list from that.",
    ),
]
Group = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Column that tells instruments apart for --ordinary-here. Default: survey, "
        "instrument, telescope, and what key columns tell.",
    ),
]


def anomalies(
    catalog: console.Catalog,
    n: Annotated[int, typer.Option("-n", "--number", min=1, help="Spectra to list.")] = 20,
    kind: Annotated[
        list[Kind] | None,
        typer.Option("--kind", help="Only this kind; the option may be given several times."),
    ] = None,
    min_score: MinScore = 0.0,
    labels: LabelsOption = None,
    ordinary_here: OrdinaryHere = None,
    group: Group = None,
    output: Output = None,
    spectra: console.SpectraOption = None,
    gallery: Annotated[
        Path | None, typer.Option(help="Draw the spectra listed: .png, .pdf, .svg.")
    ] = None,
    models: console.Models = None,
    overwrite: console.Overwrite = False,
) -> None:
    """List the strangest spectra of a catalog, each with the reason.

    With --labels, spectra like those that a person marked as interesting come first, and those
    like the ones marked as not come last. With --ordinary-here what most spectra of an instrument
    have in common is not strange; this takes 100 spectra of it, else its scores stay.
    """
    from gasnet3.anomaly.ranking import strangest
    from gasnet3.catalog.files import open_catalog, write_catalog
    from gasnet3.catalog.rows import Rows

    written = [(ordinary_here, CATALOG_ENDINGS), (output, CATALOG_ENDINGS)]
    for path, endings in (*written, (gallery, PICTURE_ENDINGS)):
        if path is not None:
            console.check_output(path, overwrite=overwrite, endings=endings)
    if group is not None and ordinary_here is None:
        console.fail("--group is for --ordinary-here: give that too")
    if ordinary_here is not None and output is not None and ordinary_here == output:
        console.fail(f"{output}: is to be the catalog of --ordinary-here already")
    if (gallery is None) != (spectra is None):
        console.fail("--gallery needs the spectra and --spectra is for it: give both or neither")
    with console.reported(ValueError, ModuleNotFoundError):
        table = open_catalog(catalog)
        if ordinary_here is not None:
            table = _compared(table.table(), ordinary_here, group)
        found = strangest(table, [*(kind or ())], min_score, _labels(labels, table))
    shown = Rows.of(found[:n]).table()
    _show(shown, found, len(table), min_score)
    if output is not None:
        with console.reported(ValueError):
            write_catalog(shown, output)
        console.out.print(str(output))
    if gallery is not None and spectra is not None:
        console.note_repeated(catalog, [str(name) for name in found["id"]])
        _draw(shown, spectra, gallery, table, console.chosen(models))


def _compared(table: Table, path: Path, group: str | None) -> Table:
    """The catalog compared with its own spectra, written, and told what was done."""
    from gasnet3.anomaly.here import FEWEST, RECORD, ordinary_here
    from gasnet3.catalog import write_catalog

    table = ordinary_here(table, group)
    for of in table.meta["gasnet3"][RECORD]:
        spectra = f"{of['group']}: {of['n']} spectra"
        if of["n"] < FEWEST:
            console.note(f"{spectra}, fewer than {FEWEST}: the scores stay as they are")
            continue
        moved = [f"{kind} by {of['shift'][kind]:.2f}, width {of['scale'][kind]:.2f}"
                 for kind in of["shift"]]  # fmt: skip
        told = "; ".join(moved) or "no kind is stranger than ordinary, the scores stay"
        counts = f"{of['strange_before']} were strange, {of['strange']} are"
        console.out.print(f"{spectra}, {counts} ({told})")
    write_catalog(table, path)
    console.out.print(f"{path}\n")
    return table


def _labels(path: Path | None, table: Table) -> Labels | None:
    """The marks of a file; those of spectra that the catalog does not have are noted."""
    from gasnet3.anomaly.labels import Labels

    if path is None:
        return None
    labels = Labels.read(path)
    unknown = labels.unknown(table["id"]) if "id" in table.colnames else []
    if unknown:
        listed = ", ".join(unknown[:10]) + (", ..." if len(unknown) > 10 else "")
        console.note(f"{path}: {len(unknown)} marked spectra are not in the catalog: {listed}")
    return labels


def _show(shown: Table, listed: Table, rows: int, min_score: float) -> None:
    """Print the spectra listed, reason and flags under each, and of how many they are."""
    from gasnet3.anomaly.ranking import STRANGE
    from gasnet3.flags import Notes
    from gasnet3.report import columns

    found, strange = len(listed), int((listed["anomaly_score"] >= STRANGE).sum())
    if not found:
        console.out.print(f"none of {rows} rows has a score of {min_score:g} or more (--min-score)")
        return
    have, are = ("has", "is") if strange == 1 else ("have", "are")
    console.out.print(
        f"The strangest {len(shown)} of {found} spectra; {strange} of them {have} a score of "
        f"{STRANGE:g} or more and {are} called strange\n"
    )
    zwarn, notes = columns.zwarn(shown), columns.notes(shown)
    both = (("zwarn", columns.flags(zwarn)), ("notes", columns.flags(notes, Notes)))
    width = max(len(str(row["anomaly_kind"])) for row in shown)
    for place, row in enumerate(shown, 1):
        line = f"{place:4}  score {row['anomaly_score']:.2f}  {row['anomaly_kind']:{width}}"
        if "mark" in shown.colnames:
            line += f"  interest {row['interest']:.2f} {row['mark']:4}"
        line += f"  {row['class'] or 'none'} z = {row['z']:.5f}  {row['id']}"
        console.out.print(line)
        reason = row["anomaly_reason"] or "nothing stands out"
        console.out.print(f"      {reason}")
        raised = [f"{name}: {flags[place - 1]}" for name, flags in both if flags[place - 1]]
        if raised:
            console.out.print(f"      {'; '.join(raised)}")
    console.out.print()


def _draw(
    shown: Table, files: list[str], path: Path, catalog: Table, models: str | list[str]
) -> None:
    """A picture of the spectra listed, in their order."""
    from gasnet3.io import find_spectra
    from gasnet3.io.options import reading_of
    from gasnet3.nets.registry import lattice_of

    if not len(shown):
        console.fail(f"{path} is not drawn: there is no spectrum to show")
    made_by = catalog.meta.get("gasnet3", {})
    ids = [str(name) for name in shown["id"]]
    likely = {str(name) for name in shown["file"]} if "file" in shown.colnames else set()
    spectra = find_spectra(
        files, ids, likely=likely, options=reading_of(made_by), lattice=lattice_of(models)
    )
    missing = [name for name in ids if name not in spectra]
    if missing:
        console.fail(
            f"--spectra: {len(missing)} of the spectra listed are not in these files, the first "
            f"is {missing[0]}; give the files that the catalog was made of"
        )

    from gasnet3.pipeline.pipeline import Pipeline
    from gasnet3.report.figures import plot_gallery, save_figure

    console.use_torch("cpu")
    solver = made_by.get("solver", "hybrid")
    with console.reported(ValueError):
        pipeline = Pipeline.load(models, solver)
        seen = [pipeline.inspect(spectra[name]) for name in ids]
        marks = zip(shown["anomaly_wave"], shown["anomaly_reason"], strict=True)
        reasons = [(float(wave), str(reason)) for wave, reason in marks]
        save_figure(plot_gallery(seen, marks=reasons), path)
    console.out.print(str(path))
