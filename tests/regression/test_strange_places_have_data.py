"""The place of negative flux at the end of a spectrum was told beyond its last pixel."""

import numpy as np
import torch

from gasnet3.anomaly.statistics import pixel_statistics
from gasnet3.solve.residual import Residual
from gasnet3.spectra.lattice import OBSERVED

LAST = 3900


def test_a_place_is_one_with_data() -> None:
    flux = np.random.default_rng(0).normal(size=(1, OBSERVED.n))
    flux[:, LAST - 45 : LAST + 1] -= 20.0
    ivar = np.ones_like(flux)
    ivar[:, LAST + 1 :] = 0.0
    model = torch.zeros(flux.shape, dtype=torch.float64)
    residual = Residual(
        torch.from_numpy(flux).float(), torch.from_numpy(ivar).float(), model, model + 1.0
    )
    sky = np.zeros(OBSERVED.n, bool)
    found = pixel_statistics(residual, sky, OBSERVED)[0].wave["negative"]
    assert OBSERVED.wave[LAST - 60] <= found[0] <= OBSERVED.wave[LAST]
