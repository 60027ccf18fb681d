"""What only a GPU does otherwise, done on the CPU: the same answers, and no copies on the way."""

import numpy as np
import pytest
import torch

from gasnet3.kernels import library
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve import batching
from gasnet3.solve.solvers import SOLVERS
from gasnet3.solve.splines import spline_coefficients
from toy import toy_engine, toy_model, toy_spectra


@pytest.fixture(scope="module")
def spectra():
    return toy_spectra(toy_model("GALAXY"), np.linspace(0.01, 0.09, 5), sn=20)


def pipeline(solver):
    engines = tuple(toy_engine(cls) for cls in ("STAR", "GALAXY", "QSO"))
    return Pipeline(engines, SOLVERS[solver], torch.device("cpu"))


def as_on_a_gpu(monkeypatch):
    monkeypatch.setattr(batching, "on_gpu", lambda tensor: True)
    monkeypatch.setattr(library, "library", lambda: library.Library(None, "not on a GPU"))


@pytest.mark.parametrize("solver", list(SOLVERS))
def test_answers_are_those_of_the_cpu(solver, spectra, monkeypatch):
    expected = pipeline(solver).run(spectra)
    as_on_a_gpu(monkeypatch)
    found = pipeline(solver).run(spectra)
    np.testing.assert_array_equal(found["class"], expected["class"])
    np.testing.assert_array_equal(found["zwarn"], expected["zwarn"])
    np.testing.assert_array_equal(found["notes"], expected["notes"])
    np.testing.assert_allclose(found["z"], expected["z"], atol=1e-8)
    np.testing.assert_allclose(found["chi2"], expected["chi2"], rtol=1e-6)
    np.testing.assert_allclose(found["coeff"], expected["coeff"], atol=1e-4)


def test_splines_are_those_of_the_cpu(rng, monkeypatch):
    values = torch.from_numpy(rng.normal(size=(3, 500)))
    expected = spline_coefficients(values)
    as_on_a_gpu(monkeypatch)
    np.testing.assert_allclose(spline_coefficients(values), expected, atol=1e-13)


@pytest.mark.parametrize("solver", list(SOLVERS))
def test_nothing_leaves_the_device_before_the_solutions_do(solver, spectra, monkeypatch):
    """Copies of proposals, curves or models would cost a GPU more than the work on them."""
    run = pipeline(solver)
    run.run(spectra)  # what is made once may be made anywhere
    as_on_a_gpu(monkeypatch)
    prepared = run._prepare(spectra)
    moved = []
    for name in ("cpu", "numpy", "tolist", "__array__"):
        plain = getattr(torch.Tensor, name)

        def counted(self, *args, _plain=plain, _name=name, **kwargs):
            moved.append((_name, tuple(self.shape)))
            return _plain(self, *args, **kwargs)

        monkeypatch.setattr(torch.Tensor, name, counted)
    for engine, rows in zip(run.engines, prepared, strict=True):
        run.solver.solve(engine, rows, 2)
    assert moved == []
