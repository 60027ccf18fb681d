"""What a run is to do, written down before it is done: inputs, settings, and the parts of the work.

A run is a directory. ``plan.json`` holds the settings and the key of the run, ``inputs.parquet``
one row a file, ``parts`` the finished parts. A part is a number of consecutive spectra of all
files one after the other. Its name holds the key, which changes with the settings, the weights
and the inputs, so that no part is ever taken for one of another plan.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from gasnet3.errors import GasnetError
from gasnet3.io import ReadFailure, ReadOptions
from gasnet3.machine.arrow import arrow_column, arrow_text, numbers_of, text_items
from gasnet3.machine.files import replacing, write_json
from gasnet3.machine.progress import Message, Progress
from gasnet3.pipeline.request import Request
from gasnet3.run.inputs import Inputs, counted

PLAN, INPUTS, PARTS = "plan.json", "inputs.parquet", "parts"
NUMBERS = ("rows", "size", "mtime_ns", "skip")
FORMAT = 1
PART_ROWS = (256, 4096)
"""Least and most spectra a part: seconds of work, which is what a failure costs at most."""

SHARES = 64
"""Parts that a run is cut into where they keep within these sizes, for workers to share evenly."""


class PlanError(GasnetError):
    """A directory that is no run, or one of other work. The message says what to do."""


class Unit(NamedTuple):
    """Some rows of one file, and the state the file was in when it was planned."""

    path: Path
    start: int
    stop: int
    rows: int
    size: int
    mtime_ns: int


@dataclass(frozen=True, eq=False)
class Plan:
    """A run, as planned.

    Attributes
    ----------
    directory : Path
        Where it lies.
    key : str
        Twelve hexadecimal digits that change with everything that changes an answer.
    config : dict
        The :class:`~gasnet3.pipeline.request.Request` in the types of JSON, the version of
        gasnet3, and the ``fingerprint`` of weights and fits.
    part_rows : int
        Spectra a part; the last one may have fewer.
    inputs : Inputs
        The files.
    failures : list of ReadFailure
        Files that were left out because they cannot be read.
    """

    directory: Path
    key: str
    config: dict[str, Any]
    part_rows: int
    inputs: Inputs
    failures: list[ReadFailure] = field(default_factory=list)

    @cached_property
    def request(self) -> Request:
        """What is asked."""
        return Request.from_json(self.config)

    @property
    def rows(self) -> int:
        """Number of spectra."""
        return int(self.inputs.first[-1])

    def rows_in(self, parts: Iterable[int]) -> int:
        """Number of spectra in some parts."""
        return sum(stop - start for start, stop in map(self.span, parts))

    @property
    def files(self) -> int:
        """Number of files, those that were left out included."""
        return len(self.inputs.path) + len(self.failures)

    def __len__(self) -> int:
        """Number of parts."""
        return -(-self.rows // self.part_rows)

    def span(self, index: int) -> tuple[int, int]:
        """First spectrum of a part, and the one after its last."""
        return index * self.part_rows, min(self.rows, (index + 1) * self.part_rows)

    def units(self, index: int) -> list[Unit]:
        """The files' rows that make up a part."""
        start, stop = self.span(index)
        first, inputs = self.inputs.first, self.inputs
        files = range(
            int(np.searchsorted(first, start, "right")) - 1, int(np.searchsorted(first, stop))
        )
        return [
            Unit(
                Path(inputs.path[i]),
                max(start, int(first[i])) - int(first[i]) + int(inputs.skip[i]),
                min(stop, int(first[i + 1])) - int(first[i]) + int(inputs.skip[i]),
                int(inputs.rows[i]),
                int(inputs.size[i]),
                int(inputs.mtime_ns[i]),
            )
            for i in files
            if inputs.rows[i]
        ]

    def part_path(self, index: int) -> Path:
        """Where a part lies when it is finished."""
        return self.directory / PARTS / f"part-{index:06d}-{self.key}.parquet"

    def failed(self, index: int) -> list[ReadFailure]:
        """Files of a finished part that could not be read."""
        return failures_of(part_metadata(self.part_path(index)))

    def missing(self, rank: int = 0, world: int = 1, *, retry: bool = True) -> list[int]:
        """Parts to be made by one rank of several.

        Parameters
        ----------
        rank, world : int
            Which of how many workers asks; each gets every ``world``-th part.
        retry : bool
            Whether parts that hold files which could not be read are to be made again.
        """
        there = self.finished()
        return [
            index
            for index in range(rank, len(self), world)
            if index not in there or (retry and self.failed(index))
        ]

    def finished(self) -> set[int]:
        """Numbers of the parts that are there."""
        ending = f"-{self.key}.parquet"
        names = (path.name for path in (self.directory / PARTS).glob(f"part-*{ending}"))
        return {int(name.removeprefix("part-").removesuffix(ending)) for name in names}

    @classmethod
    def load(cls, directory: str | Path) -> Plan:
        """Read a plan; PlanError if the directory holds none, or a damaged one."""
        directory = Path(directory)
        try:
            about = json.loads((directory / PLAN).read_text())
            with pa.parquet.ParquetFile(directory / INPUTS) as file:
                table = file.read()
            if about["format"] != FORMAT:
                raise PlanError(f"{directory}: planned by another gasnet3; plan it again")
            columns = {name: table[name] for name in table.column_names}
            inputs = Inputs(
                text_items(columns["path"]),
                text_items(columns["reader"]),
                *(numbers_of(columns[name]) for name in NUMBERS),
            )
            failures = [ReadFailure(Path(f["path"]), f["reason"]) for f in about["failures"]]
            plan = cls(
                directory, about["key"], about["config"], about["part_rows"], inputs, failures
            )
        except OSError as error:
            raise PlanError(
                f"{directory}: no run is planned there ({error.strerror or error}); "
                "make it with: gasnet3 plan FILES -o " + str(directory)
            ) from None
        except (ValueError, LookupError, TypeError) as error:
            raise PlanError(f"{directory}: its plan is damaged ({error}); plan it again") from error
        if make_key(plan.config, plan.part_rows, inputs) != plan.key:
            raise PlanError(f"{directory}: its plan was changed by hand; plan it again")
        return plan


def part_metadata(path: Path) -> dict[str, Any]:
    """What a part says of itself: key, index, start, stop, and failures; ``rows`` are counted.

    PlanError if the file is damaged, or no part.
    """
    try:
        found = pa.parquet.read_metadata(path)
        about: dict[str, Any] = json.loads(found.metadata[b"gasnet3"])["provenance"]["part"]
        about["rows"] = found.num_rows
    except (OSError, ValueError, LookupError, TypeError, pa.ArrowException) as error:
        raise PlanError(
            f"{path}: no part of a run, or a damaged one ({error}); remove it and run gasnet3 "
            f"work {path.parent.parent} again"
        ) from error
    return about


def failures_of(about: dict[str, Any]) -> list[ReadFailure]:
    """Files that could not be read, of what :func:`part_metadata` gives."""
    return [ReadFailure(Path(f["path"]), f["reason"]) for f in about["failures"]]


def make_key(config: dict[str, Any], part_rows: int, inputs: Inputs) -> str:
    """Twelve hexadecimal digits that stand for a plan."""
    text = json.dumps([FORMAT, config, part_rows, inputs.digest()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def make_plan(
    paths: Sequence[Path],
    directory: str | Path,
    config: dict[str, Any],
    *,
    part_rows: int | None = None,
    ids: Sequence[str] | None = None,
    on_progress: Progress | None = None,
    on_message: Message | None = None,
) -> Plan:
    """Count the spectra of files and write the plan of a run.

    Parameters
    ----------
    paths : sequence of Path
        Files, see :func:`gasnet3.io.expand`.
    directory : str or Path
        Where the run is to lie; it is made where it is not there. The plan of an earlier run is
        replaced. Its parts stay, and count if the new plan is the same.
    config : dict
        The settings, see :func:`gasnet3.run.config.make_config`.
    part_rows : int, optional
        Spectra a part; chosen from the number of spectra where it is not given.
    ids : sequence of str, optional
        Do these spectra only.
    on_progress : callable, optional
        Called with the number of files counted, and of all.
    on_message : callable, optional
        Called with which of the ``ids`` no file has.

    Returns
    -------
    Plan
        Files that cannot be counted are in ``failures``, and no part of the work.

    Raises
    ------
    ValueError
        If ``part_rows`` is less than 1, or no spectrum has one of the ``ids``.
    OSError
        If the directory cannot be written.
    """
    if part_rows is not None and part_rows < 1:
        raise ValueError(f"a part must have at least one spectrum, got {part_rows}")
    directory = Path(directory)
    failures: list[ReadFailure] = []
    reading = Request.from_json(config).reading
    inputs = counted(paths, failures, on_progress, reading)
    if ids is not None:
        inputs = _selected(inputs, ids, reading, failures, on_progress, on_message)
    if part_rows is None:
        part_rows = int(np.clip(-(-inputs.rows.sum() // SHARES), *PART_ROWS))
    key = make_key(config, part_rows, inputs)
    plan = Plan(directory, key, config, part_rows, inputs, failures)
    (directory / PARTS).mkdir(parents=True, exist_ok=True)
    # The inputs first: a plan that can be read is whole.
    (directory / PLAN).unlink(missing_ok=True)
    names = ("path", "reader", *NUMBERS)
    # Known by it as a table of gasnet3: those are no spectra where a directory is the input.
    about_table = {"gasnet3": "inputs of a run"}
    columns = [getattr(inputs, name) for name in names]
    table = pa.Table.from_arrays(
        [arrow_text(c) if isinstance(c, list) else arrow_column(c) for c in columns],
        names, metadata=about_table,
    )  # fmt: skip
    with replacing(directory / INPUTS) as temporary:
        pa.parquet.write_table(table, temporary, compression="zstd")
    about = {
        "format": FORMAT, "key": key, "config": config, "part_rows": part_rows,
        "rows": plan.rows, "files": len(inputs.path),
        "failures": [{"path": f.path, "reason": f.reason} for f in failures],
    }  # fmt: skip
    write_json(directory / PLAN, about)
    return plan


def _selected(
    inputs: Inputs,
    ids: Sequence[str],
    options: ReadOptions,
    failures: list[ReadFailure],
    on_progress: Progress | None,
    on_message: Message | None,
) -> Inputs:
    from gasnet3.run.selection import select

    chosen, missing = select(inputs, ids, options, failures, on_progress)
    shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
    if not chosen.path and not failures:
        raise ValueError(
            f"no spectrum has one of the {len(missing)} ids ({shown}): give ids as the catalog "
            "has them, or a file of them that is there"
        )
    if missing and on_message:
        on_message(f"{len(missing)} of {len(ids)} ids are in none of the files: {shown}")
    return chosen


def other_parts(plan: Plan) -> list[Path]:
    """Finished parts of other plans in the same directory."""
    ending = f"-{plan.key}.parquet"
    parts = (plan.directory / PARTS).glob("[a-z]*-*.parquet")
    return sorted(path for path in parts if not path.name.endswith(ending))
