"""What the commands share: consoles, options, and how bad usage is reported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from gasnet3.io.options import ROLES, ReadOptions
from gasnet3.machine.progress import silent

if TYPE_CHECKING:
    from rich.console import Console

    from gasnet3.machine.progress import Progress as Advance
    from gasnet3.pipeline.choices import Choices

OK, SOME_FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses."""

Solver = Literal["amortised", "exact", "hybrid"]

Inputs = Annotated[
    list[str], typer.Argument(metavar="FILES", help="Files, directories or globs of spectra.")
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--models",
        help="A set of the shipped ones (encoder, deep, unet; gasnet3 models lists all), a "
        "directory of models, or names and cards (.json) of single models, the option given once "
        "for each. Default: encoder.",
    ),
]
SolverOption = Annotated[
    Solver, typer.Option("--solver", help="How minima are found and fitted; see the method page.")
]
Device = Annotated[str, typer.Option("--device", help="Where the networks run: cpu, cuda, cuda:1.")]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1, help="Processes that share the work. Default: the cores allotted, if it pays."
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        help="CPU threads. Default: the cores allotted, or OMP_NUM_THREADS if fewer.",
    ),
]
BatchSize = Annotated[
    int | None, typer.Option(min=1, help="Spectra worked on at a time. Default: 256.")
]
NBest = Annotated[int, typer.Option(min=1, help="Solutions kept for each spectrum.")]
MaxMemory = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Memory to keep below: 2GB. Fewer workers, smaller batches."),
]
Air = Annotated[
    bool | None,
    typer.Option(
        "--air/--vacuum",
        help="Wavelengths of files that define neither. Default: what a file says, else vacuum.",
    ),
]
ForceAir = Annotated[
    bool | None,
    typer.Option("--force-air/--force-vacuum", help="The same for files that say otherwise, too."),
]
ColumnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="ROLE=NAME",
        help="Which column or array is what: wave=LAMBDA. Roles: " + ", ".join(ROLES) + ".",
    ),
]
UnitOption = Annotated[
    list[str] | None,
    typer.Option("--unit", metavar="ROLE=UNIT", help="Unit of a column or array: wave=nm."),
]
ResolutionOption = Annotated[
    str | None,
    typer.Option(
        "--resolution",
        metavar="R=600|fwhm=5A",
        help="Resolution of all the spectra. Default: what files and surveys say, else SDSS's.",
    ),
]
ClassesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--classes", metavar="A,B", help="Try these classes only: GALAXY,QSO. Default: all."
    ),
]
ZRange = Annotated[
    list[str] | None,
    typer.Option(
        "--z-range",
        metavar="CLASS=LOW:HIGH",
        help="Redshifts to look at: GALAXY=0:0.8, or 0:0.8 for galaxies and quasars. For several "
        "classes give it once for each, or divide them by commas.",
    ),
]
PriorsOption = Annotated[
    Path | None,
    typer.Option("--priors", metavar="TABLE", help="Redshifts known before: id, z, sigma."),
]
NzOption = Annotated[
    Path | None,
    typer.Option(
        "--nz",
        metavar="TABLE",
        help="Objects per unit redshift: z, and any of star, galaxy, qso. Default: all redshifts "
        "and classes are equally likely.",
    ),
]
NoContinuum = Annotated[
    bool,
    typer.Option(
        "--no-continuum", help="Do not count the shape of the continuum, only lines and the like."
    ),
]
CurvesOption = Annotated[
    Path | None,
    typer.Option("--curves", metavar="FILE", help="Curves saved before, in the place of scans."),
]
IdsOption = Annotated[
    str | None,
    typer.Option(
        "--ids", metavar="FILE|A,B", help="Do these spectra only: a table, a list, or ids."
    ),
]
Catalog = Annotated[
    Path, typer.Argument(metavar="CATALOG", help="Catalog that gasnet3 classify wrote.")
]
CatalogOutput = Annotated[
    Path, typer.Option("--output", "-o", help="Catalog: .parquet, .fits, .csv or .vot.")
]
SpectraOption = Annotated[
    list[str] | None, typer.Option(help="Files, directories or globs of its spectra.")
]
TruthOption = Annotated[
    Path | None, typer.Option(help="Table (.csv, .parquet, .fits) with id or file, class and z.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")]


@dataclass(frozen=True)
class Printer:
    """A console of rich, made when something is first printed: the help does without."""

    stderr: bool = False

    @cached_property
    def console(self) -> Console:
        """The console itself."""
        from rich.console import Console

        # In a pipe there is no width to keep to: tables must not be cropped to 80 columns. Names
        # of files and spectra may hold brackets, which are no markup.
        width = None if self.stderr or sys.stdout.isatty() else 200
        return Console(
            stderr=self.stderr, width=width, soft_wrap=True, markup=False, highlight=False
        )

    def print(self, *what: Any, sep: str = " ") -> None:
        """Print texts or tables."""
        self.console.print(*what, sep=sep)


out = Printer()
err = Printer(stderr=True)


def note(text: str) -> None:
    """Say on stderr, in a line, what should be known."""
    err.print(f"gasnet3: {text}")


def fail(message: str) -> NoReturn:
    """Say in one line what is wrong with the call, and leave with status 2."""
    note(message)
    raise typer.Exit(BAD_USAGE)


@contextmanager
def reported(*errors: type[Exception]) -> Iterator[None]:
    """Turn errors of Python that a wrong call makes into one line, as GasnetError always is.

    Any other keeps its traceback.
    """
    try:
        yield
    except errors as error:
        # Where a message was written here, the number of the error says nothing more.
        ours = isinstance(error, OSError) and error.filename is None and error.strerror
        fail(ours or str(error))


@contextmanager
def interruptible(advice: str) -> Iterator[None]:
    """Make one line and status 130 of Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        note(f"stopped; {advice}")
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def working(advice: str, *, quiet: bool) -> Iterator[Callable[[str], Advance]]:
    """What is done by the hour: may be stopped, may be wrong, and shows :func:`bars`."""
    with interruptible(advice), reported(ValueError, OSError), bars(quiet=quiet) as bar:
        yield bar


def note_repeated(catalog: Path, ids: Sequence[str]) -> None:
    """Note if spectra of a catalog have one id: they are found, drawn and judged by it."""
    repeated = len(ids) - len(set(ids))
    if repeated:
        rows = "1 row has" if repeated == 1 else f"{repeated} rows have"
        note(
            f"{catalog}: {rows} the id of another row; what goes by the id (pictures, judgements) "
            "takes the first spectrum of that id in the files for all of them"
        )


def check_output(path: Path, *, overwrite: bool, endings: tuple[str, ...] = ()) -> None:
    """Refuse an output that cannot be written or would replace something, before any work."""
    if endings and path.suffix.lower() not in endings:
        fail(f"{path}: the ending decides the kind of file; use one of {', '.join(endings)}")
    if not path.parent.is_dir():
        fail(f"{path}: the directory {path.parent} does not exist; make it first")
    if path.is_dir():
        fail(f"{path}: is a directory; give a file name")
    if path.exists() and not overwrite:
        fail(f"{path}: exists already; remove it, name another, or add --overwrite")


def chosen(models: list[str] | None) -> str | list[str]:
    """The ``models`` argument of the library for what was given with --models."""
    if models is None:
        return "encoder"
    return models[0] if len(models) == 1 else models


def reading(
    air: bool | None,
    columns: list[str] | None,
    units: list[str] | None,
    resolution: str | None = None,
    force_air: bool | None = None,
) -> ReadOptions:
    """What was said of the files with --air, --column, --unit, --resolution and --force-air."""
    with reported(ValueError):
        return ReadOptions.parse(air, columns or (), units or (), resolution, force_air)


def choices(
    classes: list[str] | None,
    z_ranges: list[str] | None,
    priors: Path | None,
    curves: Path | None,
    nz: Path | None,
    no_continuum: bool,
) -> Choices:
    """What was chosen with --classes, --z-range, --priors, --curves, --nz and --no-continuum."""
    from gasnet3.pipeline.choices import Choices

    with reported(ValueError):
        return Choices.parse(
            classes or (), z_ranges or (), priors, curves, nz, continuum=not no_continuum
        )


def ids(source: str | None) -> list[str] | None:
    """What was given with --ids."""
    from gasnet3.run.selection import read_ids

    with reported(ValueError, OSError):
        return None if source is None else read_ids(source)


def use_networks(models: Any, device: str, threads: int | None = None) -> int:
    """Make this process one that classifies: check the device, keep freed memory.

    Returns
    -------
    int
        How many batches are to be solved at once, each by one thread. On a GPU one is, and the
        threads are PyTorch's.
    """
    from gasnet3.machine.allocator import keep_freed_memory
    from gasnet3.machine.cores import default_threads
    from gasnet3.nets.registry import is_exported
    from gasnet3.onnx.runtime import use_threads
    from gasnet3.pipeline.loading import require_torch

    keep_freed_memory()
    threads = default_threads() if threads is None else threads
    if is_exported(models):
        use_threads(1)
        return threads
    require_torch(f"--models {models}")
    on_cpu = device.partition(":")[0] == "cpu"
    use_torch(device, 1 if on_cpu else threads)
    return threads if on_cpu else 1


def without_networks(threads: int | None = None) -> int:
    """Make this process one that works with NumPy alone; how many batches are done at once."""
    from gasnet3.machine.allocator import keep_freed_memory
    from gasnet3.machine.cores import default_threads

    keep_freed_memory()
    return default_threads() if threads is None else threads


def use_torch(device: str, threads: int | None = None) -> None:
    """Check the device and set the number of threads."""
    import torch

    from gasnet3.machine.cores import default_threads
    from gasnet3.nets.devices import check_device

    with reported(ValueError):
        check_device(device)
    torch.set_num_threads(default_threads() if threads is None else threads)


@contextmanager
def bars(*, quiet: bool) -> Iterator[Callable[[str], Advance]]:
    """Bars with rate and time left, on stderr, if that is a terminal; gives ``bar(what)``."""
    if quiet or not sys.stderr.isatty():
        yield lambda what: silent
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err.console) as shown:

        def bar(what: str) -> Advance:
            task = shown.add_task(what, total=None, speed="")

            def update(done: int, total: int) -> None:
                speed = shown.tasks[task].speed
                text = f"{speed:.0f}/s" if speed else ""
                shown.update(task, completed=done, total=total, speed=text)

            return update

        yield bar
