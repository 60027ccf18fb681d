"""gasnet3 status: how far a run is."""

from __future__ import annotations

import typer

from gasnet3.cli import console
from gasnet3.cli.merge import RunDirectory
from gasnet3.cli.show import show_failures


def status(run: RunDirectory) -> None:
    """Tell how far a run is, which files failed, and what to do next.

    The exit status is 0 when all parts are there and no file failed, else 1.
    """
    from gasnet3.run.plan import Plan

    plan = Plan.load(run)
    missing = plan.missing(retry=False)
    failed = {f.path: f for index in sorted(plan.finished()) for f in plan.failed(index)}
    rows = plan.rows - plan.rows_in(missing)
    lines = [
        f"{run}: {len(plan) - len(missing)} of {len(plan)} parts, {rows} of {plan.rows} spectra"
    ]
    if missing:
        first = ", ".join(map(str, missing[:10])) + (", ..." if len(missing) > 10 else "")
        lines.append(f"missing: {len(missing)} parts ({first})")
    if missing or failed:
        lines.append(f"next: gasnet3 work {run}")
    else:
        lines.append(f"next: gasnet3 merge {run} -o CATALOG")
    console.out.print("\n".join(lines))
    failures = [*plan.failures, *failed.values()]
    show_failures(failures, plan.files)
    raise typer.Exit(console.SOME_FAILED if missing or failures else console.OK)
