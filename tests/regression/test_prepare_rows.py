"""The norm of a spectrum once depended, in its last bits, on how many were prepared with it."""

import numpy as np
import torch

from gasnet3.solve.prepare import prepare
from toy import toy_model, toy_spectra


def test_preparation_does_not_depend_on_the_company():
    spectra = toy_spectra(toy_model("GALAXY"), np.linspace(0.01, 0.09, 70), sn=4)
    whole = prepare(spectra)
    for rows in (slice(0, 1), slice(3, 5), slice(17, 50), slice(0, 64), slice(69, 70)):
        part = prepare(spectra[rows])
        for name in ("flux", "ivar", "continuum", "norm"):
            assert torch.equal(getattr(part, name), getattr(whole, name)[rows]), (rows, name)
        assert torch.equal(part.evaluate_continuum(), whole.evaluate_continuum()[rows])
