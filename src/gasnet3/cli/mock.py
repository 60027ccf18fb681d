"""gasnet3 mock: spectra with known truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gasnet3.cli import console

if TYPE_CHECKING:
    from gasnet3.spectra import Spectra


def mock(
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="A directory for SDSS spec files, or one .npz file."),
    ],
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
    NAME-truth.csv beside NAME.npz.
    """
    from gasnet3.io import write_npz, write_spec
    from gasnet3.mock import draw
    from gasnet3.nets.card import ModelError
    from gasnet3.nets.registry import load_models

    single = output.suffix == ".npz"
    truth = output.with_name(f"{output.stem}-truth.csv") if single else output / "truth.csv"
    if single:
        console.check_output(output, overwrite=overwrite)
    elif output.exists() and not output.is_dir():
        console.fail(f"{output}: is a file; give a directory, or a name that ends in .npz")
    if truth.parent.exists():
        console.check_output(truth, overwrite=overwrite)
    with console.told(ModelError, ValueError):
        spectra = draw(
            load_models(console.chosen(models)), count, sn=sn, seed=seed, classes=classes
        )
    files = [output.name if single else f"{name}.fits" for name in spectra.ids]
    if single:
        write_npz(output, spectra)
    else:
        output.mkdir(parents=True, exist_ok=True)
        for row, name in enumerate(files):
            write_spec(output / name, spectra, row)
    _write_truth(truth, spectra, files)
    console.out.print(f"{count} spectra: {output}, truth: {truth}", highlight=False)


def _write_truth(path: Path, spectra: Spectra, files: list[str]) -> None:
    from astropy.table import Table

    from gasnet3.files import replacing

    table = Table(
        {
            "id": spectra.ids,
            "class": spectra.classes,
            "z": spectra.z,
            "sn_median": spectra.sn_median.round(2),
            "file": files,
        }
    )
    with replacing(path) as temporary:
        table.write(temporary, format="ascii.csv")
