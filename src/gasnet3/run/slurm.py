"""A script for SLURM that works on a planned run and merges it, made to be read and changed."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Resources:
    """What the tasks of a run ask SLURM for.

    Parameters
    ----------
    array : int
        Number of tasks that share the parts.
    cpus_per_task : int
        Cores of each.
    mem : str
        Memory of each, as SLURM writes it: "4G".
    time : str
        Time limit of each, as SLURM writes it: "01:00:00". Parts that are not finished by then
        are made when the script is run again.
    partition, account, gpus : str or None
        Passed on where given; ``gpus`` is what each task gets ("1", "a100:1").
    """

    array: int = 16
    cpus_per_task: int = 1
    mem: str = "4G"
    time: str = "04:00:00"
    partition: str | None = None
    account: str | None = None
    gpus: str | None = None

    def __post_init__(self) -> None:
        if self.array < 1 or self.cpus_per_task < 1:
            raise ValueError("an array needs at least one task, and a task one core")
        for name in ("mem", "time", "partition", "account", "gpus"):
            value = getattr(self, name)
            if value is not None and (not value or any(c.isspace() for c in value)):
                raise ValueError(f"{name} {value!r} is nothing SLURM takes: give one word")


_SCRIPT = """\
#!/bin/bash
# Works on the run planned in
#   {directory}
# with SLURM, then writes the catalog
#   {output}
# Start it on a login node:  bash {name}
# Start it again after a failure or a time limit: only what is missing is done.
set -euo pipefail
mkdir -p {logs}

# 1. The work: every task takes its share of the parts. sbatch prints the number of the job.
work=$(sbatch --parsable <<'WORK'
#!/bin/bash
{work_options}
set -euo pipefail
# One thread for each core of the task, not for each of the machine.
export OMP_NUM_THREADS=${{SLURM_CPUS_PER_TASK:-1}}
# The task finds its rank in SLURM_ARRAY_TASK_ID, and how many there are beside it.
srun {gasnet3} work {directory}{device}
WORK
)

# 2. The catalog: when all tasks have ended, well or not. Unless all spectra are there it writes
# nothing, and its log says what is missing.
merge=$(sbatch --parsable --dependency=afterany:"${{work%%;*}}" <<'MERGE'
#!/bin/bash
{merge_options}
set -euo pipefail
{gasnet3} merge {directory} -o {output}{flags}
MERGE
)
echo "work is job ${{work%%;*}}, merge is job ${{merge%%;*}}; logs in {logs_text}"
"""


def job_script(
    directory: str | Path,
    output: str | Path,
    resources: Resources | None = None,
    *,
    name: str = "job.sh",
    dialect: Literal["native", "sdss", "redrock"] = "native",
    allow_failed: bool = False,
    overwrite: bool = False,
) -> str:
    """The text of a shell script that submits the work on a run and the merge after it.

    Parameters
    ----------
    directory : str or Path
        The run, seen by all machines under this name.
    output : str or Path
        The catalog.
    resources : Resources, optional
        What each task asks for.
    name : str
        Name of the script, for the line that says how to start it.
    dialect, allow_failed, overwrite
        Passed on to ``gasnet3 merge``.

    Returns
    -------
    str
        Bash; paths are absolute and quoted.

    Raises
    ------
    ValueError
        If a path has a line break.
    """
    resources = resources or Resources()
    directory, output = Path(directory).absolute(), Path(output).absolute()
    if "\n" in f"{directory}{output}{name}":
        raise ValueError("a path with a line break cannot be written into a script; rename it")
    flags = f" --dialect {dialect}" if dialect != "native" else ""
    flags += " --allow-failed" if allow_failed else ""
    flags += " --overwrite" if overwrite else ""
    return _SCRIPT.format(
        directory=shlex.quote(str(directory)),
        output=shlex.quote(str(output)),
        name=shlex.quote(name),
        logs=shlex.quote(str(directory / "logs")),
        logs_text=_in_double_quotes(str(directory / "logs")),
        gasnet3=_command(),
        work_options="\n".join(_work_options(directory, resources)),
        merge_options="\n".join(_merge_options(directory, resources)),
        device=" --device cuda" if resources.gpus else "",
        flags=flags,
    )


def _work_options(directory: Path, resources: Resources) -> list[str]:
    last = resources.array - 1
    lines = [
        "#SBATCH --job-name=gasnet3-work",
        f"# Tasks that share the parts; 0-{last}%8 would run at most 8 of them at a time.",
        f"#SBATCH --array=0-{last}",
        "# Cores and memory of one task.",
        f"#SBATCH --cpus-per-task={resources.cpus_per_task}",
        f"#SBATCH --mem={resources.mem}",
    ]
    if resources.gpus:
        lines.append(f"#SBATCH --gpus={resources.gpus}")
    return [
        *lines,
        "# A task that is stopped by its time limit loses only the part it is at.",
        f"#SBATCH --time={resources.time}",
        *_common_options(directory, resources, "work-%A_%a.log"),
    ]


def _merge_options(directory: Path, resources: Resources) -> list[str]:
    return [
        "#SBATCH --job-name=gasnet3-merge",
        "# One core and little memory are enough for any number of spectra.",
        "#SBATCH --cpus-per-task=1",
        "#SBATCH --mem=4G",
        f"#SBATCH --time={resources.time}",
        *_common_options(directory, resources, "merge-%j.log"),
    ]


def _common_options(directory: Path, resources: Resources, log: str) -> list[str]:
    # SLURM reads %-signs of the name itself, and knows no quotes but double ones here.
    name = str(directory / "logs").replace("%", "%%") + f"/{log}"
    lines = [f'#SBATCH --output="{name}"' if " " in name else f"#SBATCH --output={name}"]
    if resources.partition:
        lines.append(f"#SBATCH --partition={resources.partition}")
    if resources.account:
        lines.append(f"#SBATCH --account={resources.account}")
    return lines


def _command() -> str:
    """How this gasnet3 is called, from any directory and without its environment activated."""
    script = Path(sys.executable).with_name("gasnet3")
    if script.is_file():
        return shlex.quote(str(script))
    return f"{shlex.quote(sys.executable)} -m gasnet3"


def _in_double_quotes(text: str) -> str:
    for mark in ("\\", '"', "$", "`"):
        text = text.replace(mark, f"\\{mark}")
    return text
