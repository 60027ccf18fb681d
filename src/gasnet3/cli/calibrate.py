"""gasnet3 calibrate: confidence, redshift errors and anomalies of trained networks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasnet3.classes import CLASSES
from gasnet3.cli import console


def calibrate(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="LABELLED...",
            help="Spectra with class and z that were not trained on; class SKY: no object.",
        ),
    ],
    models: Annotated[
        Path, typer.Option("--models", help="Directory of the networks, one of each class.")
    ],
    air: console.Air = None,
    force_air: console.ForceAir = None,
    columns: console.ColumnOption = None,
    units: console.UnitOption = None,
    device: console.Device = "cpu",
    threads: console.Threads = None,
    quiet: console.Quiet = False,
) -> None:
    """Fit the probabilities and anomaly scores of trained networks to known spectra.

    Writes confidence/fit.json and anomaly/fit.json beside the networks, and the scale of the
    redshift errors into their cards; classify then takes all of them from there.
    """
    from gasnet3 import io
    from gasnet3.nets.registry import lattice_of
    from gasnet3.train import calibrate as fitting
    from gasnet3.train.posterior import FEWEST

    if not models.is_dir():
        console.fail(f"{models}: is no directory; give the one that holds the trained networks")
    options = console.reading(air, columns, units, None, force_air)
    console.use_torch(device, threads)
    with console.reported(ValueError):
        spectra = io.read(inputs, options, lattice_of(models))
        with console.bars(quiet=quiet) as bar:
            done = fitting.calibrate_models(
                models, spectra, device=device, on_progress=bar("solving")
            )
    if not quiet:
        for name in CLASSES:
            text = f"{name}: z_err stays the formal error, fewer than {FEWEST} are right"
            if error := done.get(name):
                text = (
                    f"{name}: z_err times {error['scale']:g}, floor {error['floor']:g} (1 + z), "
                    f"n = {error['n']}"
                )
            console.out.print(text)
        console.out.print(f"fits in {models}/confidence and {models}/anomaly")
