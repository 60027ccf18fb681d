"""With continua of different degree, a model was once held against another one's continuum."""

from dataclasses import replace

import numpy as np
import torch

from gasnet3.nets.model import Model
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.engine import Engine
from gasnet3.solve.solvers import SOLVERS
from toy import toy_model, toy_spectra


def test_the_model_shown_has_the_chi2_reported():
    galaxy, star = toy_model("GALAXY"), toy_model("STAR")
    spectra = toy_spectra(galaxy, np.array([0.02]))
    engines = (Engine(Model(replace(star.card, degree=2), star.network)), Engine(galaxy))
    pipeline = Pipeline(engines, SOLVERS["hybrid"], torch.device("cpu"))
    table, seen = pipeline.run(spectra), pipeline.inspect(spectra)
    assert seen.cls == "GALAXY"
    chi2 = ((seen.flux - seen.model) ** 2 * seen.ivar).sum()
    np.testing.assert_allclose(chi2, table["chi2"][0], rtol=1e-5)
