"""gasnet3 judgements: what people said of spectra, put together and measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gasnet3.cli import console

if TYPE_CHECKING:
    from rich.table import Table

    from gasnet3.evaluate.agreement import Agreement, CatalogMeasure, Conflict

CONFLICTS_SHOWN = 20
LOST_SHOWN = 5


Catalog = Annotated[Path | None, typer.Option(help="Measure this catalog by the judgements.")]
Distance = Annotated[
    float | None,
    typer.Option(
        min=0, help="Redshifts further apart, over 1 + z, are different. Default: 0.0033."
    ),
]
Arbiter = Annotated[
    str | None, typer.Option(metavar="SCANNER", help="Whose word decides where people differ.")
]


def judgements(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES", help="Files of judgements (.csv), one or more.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write all judgements into one file: .csv."),
    ] = None,
    conflicts: Annotated[
        Path | None, typer.Option(help="Write the spectra on which people disagree: .csv.")
    ] = None,
    catalog: Catalog = None,
    dz: Distance = None,
    arbiter: Arbiter = None,
    overwrite: console.Overwrite = False,
) -> None:
    """Put the judgements of several people together.

    Prints how well they agree and where they differ; with --catalog also how complete and pure
    the catalog is by the spectra that they are sure of.
    """
    from gasnet3.catalog import read_catalog
    from gasnet3.evaluate import agreement as library
    from gasnet3.evaluate.judgements import write_judgements

    limit = library.DZ_LIMIT if dz is None else dz
    for path in filter(None, (output, conflicts)):
        console.check_output(path, overwrite=overwrite, endings=(".csv",))
    merged = library.merge([library.read_signed(path) for path in files])
    scanners = {judgement.scanner for judgement in merged}
    if arbiter is not None and arbiter not in scanners:
        console.fail(f"--arbiter {arbiter}: judged nothing here; {', '.join(sorted(scanners))} did")
    found = library.find_conflicts(merged, limit)
    measured = None
    if catalog is not None:
        with console.reported(ValueError):
            judged = library.verdicts(merged, limit, arbiter)
            measured = library.measure(read_catalog(catalog), judged, limit)
    with console.reported(OSError):
        if output is not None:
            write_judgements(merged, output)
        if conflicts is not None:
            library.write_conflicts(found, conflicts)
    console.out.print(_agreement(library.agreement(merged, found)))
    if found:
        console.out.print(_conflicts(found, conflicts))
    if measured is not None:
        console.out.print(_measured(measured))


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name)
    for row in rows:
        table.add_row(*map(Text, row))  # names and comments may hold brackets
    return table


def _agreement(result: Agreement) -> Table:
    share = f"{result.n_agree / result.n_common:.1%}" if result.n_common else ""
    rows = [
        *((f"judgements of {name}", f"{n}") for name, n in sorted(result.people.items())),
        ("mean quality", f"{result.mean_quality:.2f}"),
        ("spectra", f"{result.n_spectra}"),
        ("judged by two or more", f"{result.n_common}"),
        ("of these agreed on", f"{result.n_agree} {share}".strip()),
        *((f"different {name}", f"{n}") for name, n in result.n_differ.items()),
    ]
    return _table("Judgements", ("", "n"), rows)


def _conflicts(found: Sequence[Conflict], path: Path | None) -> Table:
    rows = []
    for conflict in found[:CONFLICTS_SHOWN]:
        said = [
            f"{one.scanner}: {'-' if one.quality is None else one.quality} {one.cls or '-'} "
            f"{'' if one.z is None else f'z = {one.z:.5g}'}".strip()
            for one in conflict.judgements
        ]
        rows.append((conflict.id, ", ".join(conflict.differs), "\n".join(said)))
    table = _table("Conflicts", ("id", "different", "judgements"), rows)
    if len(found) > CONFLICTS_SHOWN:
        where = f"all in {path}" if path else "name a file with --conflicts for all"
        table.caption = f"the first {CONFLICTS_SHOWN} of {len(found)}; {where}"
    return table


def _measured(measured: CatalogMeasure) -> Table:
    from rich.text import Text

    rows = [
        (
            name,
            *(f"{n}" for n in (one.n, one.n_right, one.n_clean, one.n_clean_right)),
            f"{one.completeness:.1%}" if one.n else "",
            f"{one.purity:.1%}" if one.n_clean else "",
        )
        for name, one in measured.classes.items()
    ]
    columns = ("class", "sure", "right", "no warning", "both", "completeness", "purity")
    table = _table("Catalog by the judgements", columns, rows)
    lost = f", {len(measured.lost)} of them not in the catalog" if measured.lost else ""
    listed = ", ".join(measured.lost[:LOST_SHOWN]) + (", ..." * (len(measured.lost) > LOST_SHOWN))
    table.caption = Text(
        f"sure of {measured.n_sure} of {measured.n_judged} judged spectra{lost}"
        + (f": {listed}" if lost else "")
    )
    return table
