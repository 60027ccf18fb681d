"""A model with fewer eigenspectra than another class's once had amplitude NaN."""

import numpy as np
import torch

from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.solvers import SOLVERS
from toy import toy_engine, toy_model, toy_spectra


def test_padding_of_the_coefficients_has_no_part_in_the_amplitude():
    spectra = toy_spectra(toy_model("GALAXY"), np.array([0.02]))

    def run(*engines):
        return Pipeline(engines, SOLVERS["hybrid"], torch.device("cpu")).run(spectra)

    alone = run(toy_engine("GALAXY", m=4))
    both = run(toy_engine("STAR", m=6), toy_engine("GALAXY", m=4))
    assert both["class"][0] == "GALAXY"
    assert both["amplitude"][0] == alone["amplitude"][0] > 0
    np.testing.assert_array_equal(both["coeff"][0, :4], alone["coeff"][0])
    assert np.isnan(both["coeff"][0, 4:]).all()
