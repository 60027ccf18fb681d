"""Random windows: what is left of a spectrum is prepared as if the rest had never been there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gasnet3.solve.prepare import prepare
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import WIDE
from gasnet3.train.windows import FEWEST, ODD_LEAST, SURVEYS, random_windows, seen_through


@pytest.fixture
def spectra(rng: np.random.Generator) -> Spectra:
    x = np.linspace(-1, 1, WIDE.n)
    flux = 20 + 5 * x - 3 * x**2 + rng.normal(size=(4, WIDE.n))
    ivar = rng.uniform(0.5, 1.5, size=flux.shape)
    ivar[:, 1000:1010] = 0
    return Spectra.from_arrays(flux, ivar, loglam=WIDE.loglam, lattice=WIDE)


def test_a_window_leaves_what_would_have_been_prepared_of_it(spectra: Spectra) -> None:
    windows = torch.tensor([[300, 3000], [0, WIDE.n - 1], [1500, 4600], [2000, 2000 + FEWEST // 2]])
    whole = prepare(spectra)
    flux, ivar = seen_through(whole.flux, whole.ivar, windows, WIDE, 5)
    cut = spectra.ivar.copy()
    for row, (first, last) in enumerate(windows[:3].tolist()):
        cut[row, :first] = cut[row, last + 1 :] = 0
    expected = prepare(replace(spectra, flux=np.where(cut > 0, spectra.flux, 0.0), ivar=cut))
    torch.testing.assert_close(flux, expected.flux, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ivar, expected.ivar, rtol=1e-4, atol=1e-6)
    # The whole, and what would be too little, stay to the bit.
    for row in (1, 3):
        assert torch.equal(flux[row], whole.flux[row])
        assert torch.equal(ivar[row], whole.ivar[row])


def test_windows_are_those_of_surveys_and_others(rng: np.random.Generator) -> None:
    windows = random_windows(rng, 3000, WIDE).numpy()
    assert (windows[:, 0] < windows[:, 1]).all()
    assert windows.min() >= 0
    assert windows.max() < WIDE.n
    assert (windows[:, 1] - windows[:, 0]).min() > 0.9 * ODD_LEAST * WIDE.n
    muse = np.rint(WIDE.index(np.array(SURVEYS["MUSE"])))
    near = (np.abs(windows - muse) < 0.011 / 2.3e-4).all(axis=1)
    assert near.mean() > 0.5 * 0.7 / len(SURVEYS)
    again = random_windows(np.random.default_rng(3), 9, WIDE)
    assert torch.equal(again, random_windows(np.random.default_rng(3), 9, WIDE))
