"""gasnet3 slurm: the script that runs a plan on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gasnet3.cli import console
from gasnet3.cli.merge import (
    CATALOG_ENDINGS,
    AllowFailed,
    DialectOption,
    RunDirectory,
)


def slurm(
    run: RunDirectory,
    output: Annotated[Path, typer.Option("--output", "-o", help="The script to write.")],
    catalog: Annotated[
        Path | None,
        typer.Option(help="Catalog to write in the end; RUN.parquet if left out."),
    ] = None,
    array: Annotated[int, typer.Option(min=1, help="Tasks that share the work.")] = 16,
    cpus_per_task: Annotated[int, typer.Option(min=1, help="Cores of a task.")] = 1,
    mem: Annotated[str, typer.Option(help="Memory of a task.")] = "4G",
    time: Annotated[str, typer.Option(help="Time limit of a task.")] = "04:00:00",
    partition: Annotated[str | None, typer.Option(help="Partition of the cluster.")] = None,
    account: Annotated[str | None, typer.Option(help="Account to charge.")] = None,
    gpus: Annotated[str | None, typer.Option(help="GPUs of a task: 1, a100:1, ...")] = None,
    dialect: DialectOption = "native",
    allow_failed: AllowFailed = False,
    overwrite: console.Overwrite = False,
) -> None:
    """Write a script for SLURM: an array of workers, then the merge.

    Read it, adapt it to your cluster, and run it with bash. --overwrite is for
    the script and for the catalog.
    """
    from gasnet3.machine.files import replacing
    from gasnet3.run.plan import Plan
    from gasnet3.run.slurm import Resources, job_script

    catalog = catalog or run.absolute().with_name(f"{run.absolute().name}.parquet")
    console.check_output(output, overwrite=overwrite)
    console.check_output(catalog, overwrite=overwrite, endings=CATALOG_ENDINGS)
    Plan.load(run)  # there must be one
    with console.reported(ValueError):
        resources = Resources(array, cpus_per_task, mem, time, partition, account, gpus)
        script = job_script(
            run,
            catalog,
            resources,
            name=str(output),
            dialect=dialect,
            allow_failed=allow_failed,
            overwrite=overwrite,
        )
    with replacing(output) as temporary:
        temporary.write_text(script, encoding="utf-8")
    console.out.print(f"start it with: bash {output}")
