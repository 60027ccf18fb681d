"""The command line. A command is short: it checks its options and calls the library."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gasnet3.cli import console
from gasnet3.cli.anomalies import anomalies
from gasnet3.cli.calibrate import calibrate
from gasnet3.cli.classify import classify
from gasnet3.cli.convert import convert
from gasnet3.cli.evaluate import evaluate
from gasnet3.cli.export import export
from gasnet3.cli.figures import figures
from gasnet3.cli.info import info
from gasnet3.cli.inspect import inspect
from gasnet3.cli.judgements import judgements
from gasnet3.cli.measure import measure
from gasnet3.cli.merge import merge
from gasnet3.cli.mock import mock
from gasnet3.cli.models import models
from gasnet3.cli.plan import plan
from gasnet3.cli.plot import plot
from gasnet3.cli.report import report
from gasnet3.cli.slurm import slurm
from gasnet3.cli.status import status
from gasnet3.cli.templates import templates
from gasnet3.cli.train import train
from gasnet3.cli.view import view
from gasnet3.cli.work import WorkCommand, work
from gasnet3.errors import GasnetError
from gasnet3.machine.collector import spare_collector
from gasnet3.version import __version__


class Commands(TyperGroup):
    """The commands; what is wrong with a call, or torch that is missing, is said in one line."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except GasnetError as error:
            console.fail(str(error))
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            console.fail(
                f"gasnet3 {ctx.invoked_subcommand} needs torch, which is not installed here: "
                "pip install torch"
            )


app = typer.Typer(
    name="gasnet3",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    # Plain messages: one line for a wrong option, and a traceback only for a bug of ours.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gasnet3 {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Class, redshift and anomalies of optical spectra by generative networks.

    Exit status: 0 all well, 1 some file could not be read, 2 bad usage, 130 stopped by Ctrl-C.
    """
    spare_collector()


COMMANDS = (
    inspect, classify, measure, plan, work, status, merge, slurm, convert, plot, figures, report,
    view, anomalies, evaluate, judgements, models, templates, mock, train, calibrate,
    export, info,
)  # fmt: skip
for command in COMMANDS:
    app.command(cls=WorkCommand if command is work else None)(command)
