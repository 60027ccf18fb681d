"""gasnet3 view: look at the spectra of a catalog one by one, and say what they are."""

from __future__ import annotations

import getpass
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gasnet3.cli import console

if TYPE_CHECKING:
    from astropy.table import Table

    from gasnet3.evaluate.judgements import Judgement, JudgementFile
    from gasnet3.io import ReadOptions
    from gasnet3.pipeline.choices import Choices
    from gasnet3.pipeline.outcome import Outcome
    from gasnet3.view.listing import Listing

CATALOG_ENDINGS = (".parquet", ".csv", ".fits", ".ecsv", ".vot", ".xml")

LOCAL = "127.0.0.1"

Address = Annotated[str, typer.Option(help="Where to listen; the default is this machine alone.")]
Scanner = Annotated[str | None, typer.Option(help="Who judges. Default: the name of the login.")]
Judgements = Annotated[
    Path | None,
    typer.Option(help="CSV file of the judgements. Default: beside the catalog, NAME_vi.csv."),
]

Colleagues = Annotated[
    list[Path] | None,
    typer.Option(
        "--colleague",
        metavar="FILE",
        help="Judgements of somebody else: what you disagree on can be listed. May be repeated.",
    ),
]


def view(
    catalog: Annotated[
        Path, typer.Argument(metavar="CATALOG", help="A catalog, or a file of spectra.")
    ],
    spectra: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILES]", help="Files, directories or globs of its spectra."),
    ] = None,
    judgements: Judgements = None,
    scanner: Scanner = None,
    colleague: Colleagues = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 0,
    address: Address = LOCAL,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
    air: console.Air = None,
    force_air: console.ForceAir = None,
    column: console.ColumnOption = None,
    unit: console.UnitOption = None,
    resolution: console.ResolutionOption = None,
    solver: console.SolverOption = "hybrid",
    models: console.Models = None,
    no_continuum: console.NoContinuum = False,
    device: console.Device = "cpu",
) -> None:
    """Look at spectra with their solutions in a browser, and judge them.

    A file of spectra without a catalog is classified first. Nothing leaves this machine, and the
    page is shown to who has the address that is printed. In it, ? lists all keys.
    """
    from gasnet3.io import ReadOptions
    from gasnet3.pipeline.choices import Choices
    from gasnet3.view.app import opening, prepared, serve

    options, choices = (
        console.reading(air, column, unit, resolution, force_air),
        Choices(continuum=not no_continuum),
    )
    listing, files = _listing(catalog, spectra or [], options, solver, models, device, choices)
    console.note_repeated(catalog, listing.ids.tolist())
    file, theirs = _judgements(catalog, judgements, scanner, colleague or [])
    shared = prepared(
        listing, files, file, catalog.name, colleagues=theirs,
        models=console.chosen(models), solver=solver, device=device, choices=choices,
        options=options if options != ReadOptions() else None,
    )  # fmt: skip
    if address != LOCAL:
        console.note(f"listening on {address}: who has the address can see the spectra and judge")

    def ready(url: str) -> None:
        text = f"{url} shows {catalog.name}; judgements go to {file.path}; Ctrl-C ends"
        console.out.print(text)
        if browser:
            webbrowser.open(opening(url))

    with console.interruptible(f"the judgements are in {file.path}"):
        serve(shared, port=port, address=address, on_ready=ready)


def _judgements(
    catalog: Path, path: Path | None, scanner: str | None, colleagues: list[Path]
) -> tuple[JudgementFile, list[Judgement]]:
    """Where judgements go, and those of others, who may have written to the same file."""
    from gasnet3.evaluate.agreement import merge, read_signed
    from gasnet3.evaluate.judgements import JudgementError, JudgementFile

    place = catalog.resolve()
    file = JudgementFile(path or place.with_name(f"{place.stem}_vi.csv"), scanner or _login())
    for one in colleagues:
        if not one.exists():
            console.fail(f"{one}: there is no such file")
    theirs = [read_signed(one) for one in colleagues]
    if file.path.exists():
        try:
            theirs.append(read_signed(file.path))
        except JudgementError as error:  # of others' rows: one's own were read before
            console.note(f"what others say in it is not shown: {error}")
    return file, merge(theirs)


def _listing(
    path: Path,
    spectra: list[str],
    options: ReadOptions,
    solver: str,
    models: list[str] | None,
    device: str,
    choices: Choices,
) -> tuple[Listing, list[str]]:
    """The rows to list, and the files of their spectra."""
    from gasnet3.io import ReadError, count_rows
    from gasnet3.view.listing import Listing

    if not path.exists():
        console.fail(f"{path}: there is no such file")
    if not path.is_dir() and path.suffix.lower() in CATALOG_ENDINGS:
        try:
            # Readers of any FITS file or table say no to a catalog only when they look inside.
            count_rows(path, options=options)
        except ReadError:  # no spectra: it must be a catalog
            return Listing.read(path), spectra
    files = [str(path), *spectra]
    return Listing(_classified(files, options, solver, models, device, choices)), files


def _classified(
    files: list[str],
    options: ReadOptions,
    solver: str,
    models: list[str] | None,
    device: str,
    choices: Choices,
) -> Table:
    from gasnet3.io import read
    from gasnet3.pipeline.pipeline import Pipeline

    console.use_torch(device)
    with console.reported(ValueError), console.bars(quiet=False) as bar:
        pipeline = Pipeline.load(console.chosen(models), solver, device, choices)
        whole = read(files, options, pipeline.lattice)
        update, done = bar("classify"), 0

        def count(batch: Outcome) -> None:
            nonlocal done
            done += len(batch.spectra)
            update(done, len(whole))

        return pipeline.run(whole, keep=count)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may know no name of its user
        console.fail("the login has no name: say who judges with --scanner NAME")
