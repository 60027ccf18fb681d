"""gasnet3 convert: any files in, shards out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gasnet3.cli import console
from gasnet3.cli.show import show_failures

if TYPE_CHECKING:
    from gasnet3.io import ReadOptions

AGAIN = "run the same command again to go on, what is finished is kept"


def convert(
    files: console.Inputs,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Directory for the shards.")
    ] = None,
    shard_rows: Annotated[
        int, typer.Option(min=1, help="Spectra a shard; twice as many are held in memory.")
    ] = 4096,
    air: console.Air = None,
    force_air: console.ForceAir = None,
    column: console.ColumnOption = None,
    unit: console.UnitOption = None,
    resolution: console.ResolutionOption = None,
    models: console.Models = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check the shards of directories; convert nothing.")
    ] = False,
    quiet: console.Quiet = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace shards of other files.")
    ] = False,
) -> None:
    """Write spectra as shards, which are read fastest.

    A shard that is there already with the same spectra is kept: run the command again to go on
    where it was stopped. What cannot be read is listed on stderr and left out. Shards hold the
    wavelengths that --models look at; other models see no more of the spectra than these.
    """
    if verify:
        if output is not None:
            console.fail("--verify converts nothing: leave out --output, name the directory only")
        _verify(files, quiet=quiet)
    elif output is None:
        console.fail("give the directory for the shards with --output")
    else:
        options = console.reading(air, column, unit, resolution, force_air)
        _convert(
            files, output, shard_rows, options, console.chosen(models), quiet=quiet,
            overwrite=overwrite,
        )  # fmt: skip


def _convert(
    files: list[str],
    output: Path,
    shard_rows: int,
    options: ReadOptions,
    models: str | list[str],
    *,
    quiet: bool,
    overwrite: bool,
) -> None:
    from gasnet3.io import expand
    from gasnet3.nets.registry import lattice_of
    from gasnet3.run.convert import convert as to_shards

    if output.exists() and not output.is_dir():
        console.fail(f"{output}: is a file; give a directory")
    with console.working(AGAIN, quiet=quiet) as bar:
        paths = expand(files)
        try:
            result = to_shards(
                paths,
                output,
                shard_rows=shard_rows,
                overwrite=overwrite,
                options=options,
                lattice=lattice_of(models),
                on_counted=bar("files counted"),
                on_progress=bar("spectra converted"),
            )
        except OSError as error:
            reason = f"cannot write into it ({error.strerror or error})"
            raise OSError(f"{output}: {reason}; make room or mend it; {AGAIN}") from error
    if not quiet:
        size = sum(shard.bytes for shard in result.shards)
        console.out.print(
            f"{result.rows} spectra in {len(result.shards)} shards, {size / 1e6:.1f} MB: {output} "
            f"({result.made} written, {len(result.shards) - result.made} were there)"
        )
    show_failures(result.failures, len(paths))
    raise typer.Exit(console.SOME_FAILED if result.failures else console.OK)


def _verify(directories: list[str], *, quiet: bool) -> None:
    from gasnet3.io.stores.manifest import read_manifest, verify

    bad = False
    for directory in directories:
        failures = verify(directory)
        shards = len(read_manifest(Path(directory)))
        for failure in failures:
            console.err.print(f"{failure.path}: {failure.reason}")
        if not (failures or quiet):
            console.out.print(f"{directory}: {shards} shards, all as written")
        bad = bad or bool(failures)
    raise typer.Exit(console.SOME_FAILED if bad else console.OK)
