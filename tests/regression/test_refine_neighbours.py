"""Whether a minimum counts as converged once depended on how long its neighbours took."""

import numpy as np
import torch

from gasnet3.solve.prepare import legendre_basis, prepare
from gasnet3.solve.refine import fit_at, refine
from gasnet3.solve.templates import Templates
from gasnet3.spectra.lattice import shift_from_z
from toy import toy_model, toy_spectra


def test_convergence_does_not_depend_on_the_neighbours():
    model = toy_model("GALAXY")
    card = model.card
    templates = Templates.build(model.eigenspectra, card.shifts, legendre_basis(card.observed, 5))
    z = np.linspace(0.01, 0.09, 30)
    prepared = prepare(toy_spectra(model, z, sn=0.3))
    start = torch.from_numpy(np.rint(shift_from_z(z)) + 5.0)

    def run(rows):
        begin = fit_at(templates, prepared.flux, prepared.ivar, rows, start[rows])
        return refine(templates, prepared.flux, prepared.ivar, rows, begin, 1.5)

    together, converged = run(torch.arange(30))
    assert 0 < converged.sum() < 30
    for row in range(30):
        alone, alone_converged = run(torch.tensor([row]))
        assert torch.equal(alone.shift, together.shift[row : row + 1])
        assert alone_converged[0] == converged[row]
