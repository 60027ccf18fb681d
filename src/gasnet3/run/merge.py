"""The parts of a run put together as one catalog, if all of it is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from gasnet3.catalog.files import CatalogError, passes, read_alike, write_parts
from gasnet3.catalog.layout import BLOCK_ROWS
from gasnet3.catalog.rows import Rows
from gasnet3.errors import GasnetError
from gasnet3.io import ReadFailure
from gasnet3.machine.progress import Progress, silent
from gasnet3.run.kept import check_kept, merge_kept
from gasnet3.run.plan import Plan, PlanError, failures_of, part_metadata
from gasnet3.spectra.batch import Spectra

NAMED = 8
"""Parts or files that a message names before it only counts the rest."""


class MergeError(GasnetError):
    """The parts do not make up the run. The message says which, and what mends it."""


@dataclass(frozen=True)
class MergeResult:
    """What was merged.

    Attributes
    ----------
    parts : int
        Number of parts.
    rows : int
        Number of spectra, those without an answer included.
    failures : list of ReadFailure
        Files that could not be read: those that the plan left out, and those whose rows have no
        answer.
    unmatched : list of str
        Ids of priors that no spectrum has.
    """

    parts: int
    rows: int
    failures: list[ReadFailure] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)

    @property
    def message(self) -> str:
        """What a user should know of the unmatched; '' if there is nothing."""
        if not self.unmatched:
            return ""
        return f"{_named(self.unmatched, 'prior')} of ids that no spectrum has: not used"


def merge(
    plan: Plan,
    output: str | Path,
    dialect: str = "native",
    *,
    allow_failed: bool = False,
    save_curves: str | Path | None = None,
    save_models: str | Path | None = None,
    on_progress: Progress | None = None,
) -> MergeResult:
    """Write the catalog of a run, if every planned spectrum is there exactly once.

    The parts are read one at a time, so memory does not grow with them. The bytes of the catalog
    depend on the plan only, not on who made the parts and when.

    Parameters
    ----------
    plan : Plan
        The run.
    output : str or Path
        Where to write; ends in .parquet, .fits, .csv or .vot. A file there is replaced.
    dialect : {'native', 'sdss', 'redrock'}
        Names of the columns.
    allow_failed : bool
        Whether rows without an answer, of files that could not be read, may be in the catalog.
    save_curves, save_models : str or Path, optional
        Where to write what the run has kept, in the order of the spectra.
    on_progress : callable, optional
        Called with the spectra gone through so far, and those to be gone through; each counts
        twice, or more often where the format wants it.

    Raises
    ------
    MergeError
        If a part is missing, damaged or of other rows, or a file could not be read.
    CatalogError, ValueError
        If the output cannot be a catalog, see :func:`gasnet3.catalog.write_parts`, or what is
        to be saved was not kept.
    OSError
        If the output cannot be written, the message says what to do.
    """
    failures = _checked(plan)
    if failures and not allow_failed:
        raise MergeError(
            f"{plan.directory}: {_named([f'{f.path} ({f.reason})' for f in failures], 'file')} "
            "could not be read; put right what is wrong and run gasnet3 work "
            f"{plan.directory} again, or plan again if it is to stay so, or add --allow-failed "
            "to keep the rows without an answer"
        )
    both = (("curves", save_curves), ("models", save_models))
    saved = {kind: Path(path) for kind, path in both if path is not None}
    for kind in saved:
        check_kept(plan, kind)
    for kind, path in saved.items():
        merge_kept(plan, kind, path)
    parts = _Parts(plan, passes(Path(output), dialect), on_progress or silent)
    try:
        write_parts(parts, output, dialect)
    except (FileNotFoundError, IsADirectoryError):
        raise
    except OSError as error:
        raise OSError(
            f"cannot write {output}: {error.strerror or error}; make room or name another place, "
            f"and merge again, the parts in {plan.directory} are kept"
        ) from error
    return MergeResult(len(plan), plan.rows, [*plan.failures, *failures], list(parts.unmatched))


def _checked(plan: Plan) -> list[ReadFailure]:
    """Files that the parts have no answer for; MergeError unless the parts make up the run."""
    there = plan.finished()
    missing = [index for index in range(len(plan)) if index not in there]
    if missing:
        raise MergeError(
            f"{plan.directory}: {_named(_ranges(missing), 'part', len(missing))} of {len(plan)} "
            f"missing; make them with: gasnet3 work {plan.directory}"
        )
    surplus = sorted(there - set(range(len(plan))))
    if surplus:
        paths = [str(plan.part_path(index)) for index in surplus]
        raise MergeError(f"{_named(paths, 'file')} beyond the {len(plan)} parts planned; remove it")
    failures: dict[Path, str] = {}
    damaged: dict[Path, str] = {}
    for index in range(len(plan)):
        try:
            about = part_metadata(plan.part_path(index))
            _check_part(plan, index, about)
            failures |= {failure.path: failure.reason for failure in failures_of(about)}
        except (PlanError, ValueError, OSError, pa.ArrowException) as error:
            damaged[plan.part_path(index)] = str(error.__cause__ or error)
    if damaged:
        raise MergeError(_mend(plan, list(damaged), next(iter(damaged.values()))))
    return [ReadFailure(path, reason) for path, reason in failures.items()]


def _check_part(plan: Plan, index: int, about: dict[str, Any]) -> None:
    """ValueError unless the part is the planned one, with the planned number of rows."""
    start, stop = plan.span(index)
    expected = {"key": plan.key, "index": index, "start": start, "stop": stop}
    found = {name: about.get(name) for name in expected}
    if found != expected:
        raise ValueError(f"it says it is {found}, planned is {expected}")
    planned = (stop - start) * plan.request.n_best
    if about["rows"] != planned:
        raise ValueError(f"it has {about['rows']} rows, planned are {planned}")


@dataclass
class _Parts:
    """The tables of a run one after the other, as often as they are asked for."""

    plan: Plan
    passes: int
    on_progress: Progress
    read: int = 0
    held: list[Rows] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.unmatched = _ids_of_priors(self.plan)

    def __iter__(self) -> Iterator[Rows]:
        # What is written as one block is in memory anyhow: small parts are read once.
        few = self.plan.rows * self.plan.request.n_best <= BLOCK_ROWS
        held: list[Rows] = []
        for table in self.held or self._read():
            if few:
                held.append(table)
            self.read += len(table) // self.plan.request.n_best
            self.on_progress(self.read, self.passes * self.plan.rows)
            yield table
        self.held = held

    def _read(self) -> Iterator[Rows]:
        if not len(self.plan):
            from gasnet3.run.config import pipeline_of

            pipeline = pipeline_of(self.plan)
            none = Spectra.from_arrays([], [], [3600.0], lattice=pipeline.lattice)
            yield pipeline.rows(none, self.plan.request.n_best)
        paths = [self.plan.part_path(index) for index in range(len(self.plan))]
        left = iter(paths)
        try:
            for table in read_alike(left, "part"):
                if self.unmatched:
                    for name in table["id"].tolist():
                        self.unmatched.pop(str(name), None)
                yield table
        except CatalogError as error:
            path = paths[len(paths) - len(list(left)) - 1]
            raise MergeError(_mend(self.plan, [path], str(error))) from error


def _ids_of_priors(plan: Plan) -> dict[str, None]:
    """Ids of the priors of a run, in their order; none if their table is gone or another now."""
    path = plan.request.choices.priors
    if not path:
        return {}
    from gasnet3.solve.priors import Priors

    try:
        priors = Priors.read(path)
    except (CatalogError, ValueError, OSError):
        return {}
    same = priors.digest == plan.config["fingerprint"]["priors"]
    return dict.fromkeys(priors.place) if same else {}


def _mend(plan: Plan, paths: Sequence[Path], reason: str) -> str:
    named = _named([path.name for path in paths], "part")
    return (
        f"{plan.directory}: {named} damaged: {' '.join(reason.split())}; remove what is damaged "
        f"from {paths[0].parent} and run: gasnet3 work {plan.directory}"
    )


def _ranges(numbers: Sequence[int]) -> list[str]:
    """Numbers as ranges: 1, 4-7."""
    out: list[list[int]] = []
    for number in numbers:
        if out and out[-1][-1] == number - 1:
            out[-1][1:] = [number]
        else:
            out.append([number])
    return ["-".join(map(str, ends)) for ends in out]


def _named(items: Sequence[str], what: str, count: int | None = None) -> str:
    """The number of things, and the first of them by name."""
    count = len(items) if count is None else count
    listed = ", ".join(items[:NAMED]) + (", ..." if len(items) > NAMED else "")
    return f"{count} {what}{'' if count == 1 else 's'} ({listed})"
