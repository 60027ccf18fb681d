"""What a run keeps beside its catalog: χ² curves and best models, part by part."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from gasnet3.io.saved_curves import CurvesHeader, CurvesWriter, Grid
from gasnet3.io.write_models import Models, write_models
from gasnet3.machine.files import replacing
from gasnet3.pipeline.columns import chosen_fit
from gasnet3.solve.arrays import as_numpy
from gasnet3.spectra.lattice import LogLattice

if TYPE_CHECKING:
    from gasnet3.pipeline.outcome import Outcome
    from gasnet3.run.plan import Plan


def kept_path(plan: Plan, kind: str, index: int) -> Path:
    """Where a part of what is kept lies when its part is finished."""
    return plan.part_path(index).with_name(f"{kind}-{index:06d}-{plan.key}.parquet")


class Keeper(ExitStack):
    """Writes what a part keeps (``plan.request.keep``), batch by batch; used with ``with``.

    The files get their names when the block ends well, before the part itself is written: a part
    that is there has all that belongs to it.
    """

    def __init__(self, plan: Plan, index: int) -> None:
        super().__init__()
        self._plan, self._index = plan, index
        self._writers: dict[str, Any] = {}

    def add(self, outcome: Outcome) -> None:
        """Take what is to be kept of a batch."""
        kinds = self._plan.request.keep
        # Writers are closed before their files are renamed; nothing is where there was an error.
        if "curves" in kinds:
            if "curves" not in self._writers:
                writer = CurvesWriter(self._open("curves"), _header(outcome, self._plan))
                self._writers["curves"] = self.enter_context(writer)
            chi2 = {cls: as_numpy(found.chi2) for cls, found in outcome.scanned.items()}
            self._writers["curves"].add(outcome.spectra, chi2, outcome.p_z)
        if "models" in kinds:
            table = _models_table(outcome)
            if "models" not in self._writers:
                path = self._open("models")
                writer = pa.parquet.ParquetWriter(path, table.schema, compression="zstd")
                self._writers["models"] = self.enter_context(writer)
            self._writers["models"].write_table(table, row_group_size=len(table))

    def _open(self, kind: str) -> Path:
        path: Path = self.enter_context(replacing(kept_path(self._plan, kind, self._index)))
        return path


def _header(outcome: Outcome, plan: Plan) -> CurvesHeader:
    grids = {}
    for cls, found in outcome.scanned.items():
        shift = as_numpy(found.shift)
        step = float(shift[1] - shift[0]) if len(shift) > 1 else 1.0
        grids[cls] = Grid(float(shift[0]), step, len(shift))
    weights = {engine.key: engine.model.card.sha256 for engine in outcome.engines}
    posterior = outcome.weights is not None
    return CurvesHeader(plan.request.solver, weights, grids, posterior)


def _models_table(outcome: Outcome) -> Any:
    """The best models, whole and in the flux unit of the input."""
    ranked, total = outcome.ranked, as_numpy(chosen_fit(outcome, 0).total)
    norms = np.stack([as_numpy(prepared.norm) for prepared in outcome.prepared], axis=1)
    rows = np.arange(len(total))
    has = np.isfinite(ranked.chi2[:, 0])
    model = (total * norms[rows, ranked.cls[:, 0]][:, None]).astype(np.float32)
    model[~has] = np.nan
    flat = pa.array(model.ravel())
    columns = {
        "id": pa.array(outcome.spectra.ids.tolist()),
        "class": pa.array(
            np.where(has, np.array(ranked.classes)[ranked.cls[:, 0]], "").tolist(), pa.string()
        ),
        "z": pa.array(np.where(has, ranked.z[:, 0], np.nan)),
        "model": pa.FixedSizeListArray.from_arrays(flat, model.shape[1]),
    }
    lattice = outcome.spectra.lattice
    about = json.dumps({"k_min": lattice.k_min, "n": lattice.n})
    return pa.table(columns, metadata={"gasnet3_models": about})


def merge_kept(plan: Plan, kind: str, output: Path) -> None:
    """Write what all parts have kept as one file, when :func:`check_kept` has passed it.

    Curves are of :mod:`gasnet3.io.saved_curves`, models of :mod:`gasnet3.io.write_models`. OSError
    if a part cannot be read, or the file not be written.
    """
    first = kept_path(plan, kind, 0)
    schema = pa.parquet.read_schema(first)
    if kind == "models":
        lattice = LogLattice(**json.loads(schema.metadata[b"gasnet3_models"]))
        write_models(output, _blocks(plan), plan.rows, lattice)
        return
    header = CurvesHeader.of(first, schema)
    with replacing(output) as temporary, CurvesWriter(temporary, header) as writer:
        for index in range(len(plan)):
            writer.copy(kept_path(plan, kind, index))


def check_kept(plan: Plan, kind: str) -> None:
    """Refuse to merge what is not there of all parts, before anything is written.

    ValueError if the run has not kept it, or has no spectra, or a part of it is gone or damaged.
    """
    if kind not in plan.request.keep:
        raise ValueError(
            f"{plan.directory}: its {kind} are not kept; plan it again with --keep {kind}"
        )
    if not plan.rows:
        raise ValueError(f"{plan.directory}: there are no spectra, so there are no {kind}")
    for index in range(len(plan)):
        path, (start, stop) = kept_path(plan, kind, index), plan.span(index)
        try:
            rows = pa.parquet.read_metadata(path).num_rows
            wrong = f"have {rows} rows, not {stop - start}" if rows != stop - start else ""
        except FileNotFoundError:
            wrong = "are gone"
        except (OSError, pa.ArrowException) as error:
            wrong = f"are damaged ({error})"
        if wrong:
            raise ValueError(
                f"{plan.directory}: the {kind} of part {index} {wrong}; remove "
                f"{plan.part_path(index)} and run: gasnet3 work {plan.directory}"
            )


def _blocks(plan: Plan) -> Iterator[Models]:
    for index in range(len(plan)):
        with pa.parquet.ParquetFile(kept_path(plan, "models", index)) as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group).combine_chunks()
                rows = table.num_rows
                model: NDArray[np.float32] = (
                    table["model"].combine_chunks().flatten().to_numpy().reshape(rows, -1)
                )
                yield Models(
                    ids=np.array(table["id"].to_pylist(), np.str_),
                    classes=np.array(table["class"].to_pylist(), np.str_),
                    z=table["z"].to_numpy(),
                    znum=np.zeros(rows, np.int32),
                    model=model,
                )
