"""Shapes and dtypes in annotations checked while spectra are classified: a process of its own.

The core modules are imported with :mod:`jaxtyping`'s hook, which lets beartype check every call.
Their annotations need names that are imported for type checking only, so that is what this
process says it does while it imports them.
"""

from __future__ import annotations

import typing
from importlib import import_module
from typing import Any

import numpy as np
import torch
from jaxtyping import TypeCheckError, install_import_hook

CHECKED = (
    *(f"gasnet3.solve.{name}" for name in (
        "candidates", "correlate", "curves", "fits", "minima", "prepare", "refine", "scan",
        "search", "slide", "solvers", "splines", "templates",
    )),
    "gasnet3.spectra.coverage",
    "gasnet3.spectra.resample",
)  # fmt: skip

OTHERS = ("astropy.table", "beartype", "pyarrow.parquet", "scipy.fft", "scipy.ndimage")
"""Packages of others that the core modules import."""


def checked_modules() -> None:
    """Import the core modules so that their annotations are checked."""
    for name in OTHERS:  # they mean something else by it
        import_module(name)
    with install_import_hook(list(CHECKED), "beartype.beartype"):
        typing.TYPE_CHECKING = True
        try:
            for name in CHECKED:
                import_module(name)
        finally:
            typing.TYPE_CHECKING = False


def classified() -> int:
    """Classify toy spectra with every solver, and with NumPy; how many were."""
    from gasnet3.pipeline.pipeline import Pipeline
    from gasnet3.solve.engine import Engine
    from gasnet3.solve.prepare import prepare
    from gasnet3.solve.solvers import SOLVERS, looks_at
    from gasnet3.spectra.batch import Spectra
    from toy import toy_engine, toy_model, toy_spectra

    spectra = toy_spectra(toy_model("GALAXY"), np.array([0.02, 0.05, 0.08]), sn=20)
    wave = np.linspace(4000.0, 9000.0, 3000)
    coarse = Spectra.from_arrays(np.ones((2, 3000)), np.ones((2, 3000)), wave)
    engines = tuple(toy_engine(cls) for cls in ("STAR", "GALAXY"))
    rows = 0
    for solver in SOLVERS.values():
        for some in (spectra, spectra[:1], coarse):
            rows += len(Pipeline(engines, solver, torch.device("cpu")).run(some, 2))

    class InNumPy:
        """A toy network as onnxruntime would run it."""

        def __init__(self, model: Any) -> None:
            self.model, self.card = model, model.card
            self.eigenspectra = model.eigenspectra.numpy()

        def reconstruct(self, flux: Any, ivar: Any) -> Any:
            out = self.model.reconstruct(torch.from_numpy(flux), torch.from_numpy(ivar))
            return type(out)(*(part.numpy() for part in out))

    engine, solver = Engine(InNumPy(engines[1].model)), SOLVERS["amortised"]
    prepared = prepare(spectra, 5, None)
    proposals = solver.propose(engine, prepared, 2)
    looks = looks_at([proposals], [engine], spectra.n_good)[0]
    return rows + len(solver.settle(engine, prepared, proposals, 2, looks).chi2)


def refused() -> int:
    """Calls with a wrong shape or dtype, in each of two modules; how many were refused."""
    from gasnet3.solve.minima import find_minima
    from gasnet3.solve.slide import FixedModels, slide
    from gasnet3.spectra.lattice import OBSERVED, ShiftRange
    from gasnet3.spectra.resample import rebin

    flux, rows, start = torch.ones(2, 50), torch.arange(2), torch.zeros(2, dtype=torch.float64)
    models = FixedModels(torch.ones(2, 80, dtype=torch.float64), ShiftRange(0, 24), 50)
    row = np.ones(5)
    wrong = (
        lambda: find_minima(torch.ones(5), 1.0, 1),
        lambda: slide(models, flux, flux[:, 1:], rows, start),
        lambda: slide(models, flux, flux, rows.float(), start),
        lambda: slide(models, flux, flux, rows[:1], start),
        lambda: rebin(row, row[1:], np.linspace(4000.0, 5000.0, 5), OBSERVED, log=False),
    )
    found = 0
    for call in wrong:
        try:
            call()
        except TypeCheckError:
            found += 1
    assert found == len(wrong), f"{len(wrong) - found} wrong calls went through"
    return found


if __name__ == "__main__":
    checked_modules()
    print(classified(), refused())
