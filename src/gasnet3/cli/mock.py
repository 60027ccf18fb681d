"""gasnet3 mock: spectra with known truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gasnet3.cli import console

if TYPE_CHECKING:
    from gasnet3.machine.progress import Progress
    from gasnet3.spectra.batch import Spectra

Truth = tuple[Any, ...]
"""Id, class, redshift, S/N and file of a mock."""

_FILES = {".fits", ".csv", ".parquet", ".h5", ".hdf5", ".txt"}
"""Endings by which people mean one file: not to become the names of directories."""


def mock(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="A directory for SDSS spec files or shards, or one .npz."
        ),
    ],
    kind: Annotated[
        Literal["spec", "shards"], typer.Option("--format", help="What the directory is to hold.")
    ] = "spec",
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many spectra.")] = 12,
    sn: Annotated[float, typer.Option(min=0.1, help="Median S/N a pixel.")] = 20.0,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same spectra.")] = 1,
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", help="STAR, GALAXY or QSO only; may be given several times."),
    ] = None,
    models: console.Models = None,
    overwrite: console.Overwrite = False,
) -> None:
    """Draw mock spectra with known truth.

    They are drawn from trained models. The truth goes to truth.csv in the directory, or to
    NAME-truth.csv beside NAME.npz. Spec files and shards of any number of spectra need little
    memory.
    """
    from gasnet3.io.stores.manifest import MANIFEST
    from gasnet3.nets.registry import load_models
    from gasnet3.train.mock import draw_blocks

    single = output.suffix == ".npz"
    if output.suffix in _FILES and not output.is_dir():
        console.fail(f"{output}: give a directory, or a name that ends in .npz")
    truth = output.with_name(f"{output.stem}-truth.csv") if single else output / "truth.csv"
    if single and kind == "shards":
        console.fail(f"{output}: shards need a directory; leave out .npz, or --format")
    if single:
        console.check_output(output, overwrite=overwrite)
    elif output.exists() and not output.is_dir():
        console.fail(f"{output}: is a file; give a directory, or a name that ends in .npz")
    if truth.parent.exists():
        for path in [truth] if single or kind == "spec" else [truth, output / MANIFEST]:
            console.check_output(path, overwrite=overwrite)
    write = _write_npz if single else {"spec": _write_specs, "shards": _write_shards}[kind]
    with console.reported(ValueError), console.bars(quiet=False) as bar:
        blocks = draw_blocks(
            load_models(console.chosen(models)), count, sn=sn, seed=seed,
            classes=classes and [name.upper() for name in classes],
        )  # fmt: skip
        rows = write(output, _counted(blocks, count, bar("mock")))
    _write_truth(truth, rows)
    console.out.print(f"{count} spectra: {output}, truth: {truth}")


def _counted(blocks: Iterator[Spectra], count: int, update: Progress) -> Iterator[Spectra]:
    done = 0
    for spectra in blocks:
        yield spectra
        done += len(spectra)
        update(done, count)


def _write_npz(output: Path, blocks: Iterable[Spectra]) -> list[Truth]:
    from gasnet3.io import write_npz
    from gasnet3.spectra.batch import Spectra

    spectra = Spectra.concatenate(list(blocks))
    write_npz(output, spectra)
    return _truth(spectra, [output.name] * len(spectra))


def _write_specs(output: Path, blocks: Iterable[Spectra]) -> list[Truth]:
    from gasnet3.io import write_spec

    rows = []
    for spectra in blocks:
        output.mkdir(parents=True, exist_ok=True)
        files = [f"{name}.fits" for name in spectra.ids]
        for row, name in enumerate(files):
            write_spec(output / name, spectra, row)
        rows += _truth(spectra, files)
    return rows


def _write_shards(output: Path, blocks: Iterable[Spectra]) -> list[Truth]:
    from gasnet3.io.stores.manifest import SHARD_ROWS, shard_path, write_directory

    rows: list[Truth] = []

    def noted() -> Iterator[Spectra]:
        for spectra in blocks:
            numbers = range(len(rows), len(rows) + len(spectra))
            files = [shard_path(output, number // SHARD_ROWS).name for number in numbers]
            rows.extend(_truth(spectra, files))
            yield spectra

    write_directory(output, noted())
    return rows


def _truth(spectra: Spectra, files: Sequence[str]) -> list[Truth]:
    columns = (spectra.ids, spectra.classes, spectra.z, spectra.sn_median.round(2), files)
    return list(zip(*columns, strict=True))


def _write_truth(path: Path, rows: list[Truth]) -> None:
    from astropy.table import Table

    from gasnet3.machine.files import replacing

    table = Table(rows=rows, names=("id", "class", "z", "sn_median", "file"))
    with replacing(path) as temporary:
        table.write(temporary, format="ascii.csv")
