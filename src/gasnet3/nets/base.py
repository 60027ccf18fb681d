"""What both networks give back."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Reconstruction(NamedTuple):
    """A rest-frame reconstruction of prepared spectra.

    Attributes
    ----------
    flux : Tensor, shape (rows, N)
        F̂ on the rest-frame lattice, in the prepared spectrum's dimensionless units.
    coeff : Tensor, shape (rows, m)
        Normalised coefficients ω_m of the eigenspectra (eq. 4); m = 0 for a U-Net.
    amplitude : Tensor, shape (rows,)
        A of eq. 5; 1 for a U-Net.
    """

    flux: Tensor
    coeff: Tensor
    amplitude: Tensor
