"""What networks give back, run by torch or elsewhere."""

from __future__ import annotations

from typing import Any, NamedTuple


class Reconstruction(NamedTuple):
    """A rest-frame reconstruction of prepared spectra.

    Attributes
    ----------
    flux : Tensor or ndarray, shape (rows, N)
        F̂ on the rest-frame lattice, in the prepared spectrum's dimensionless units.
    coeff : Tensor or ndarray, shape (rows, m)
        Normalised coefficients ω_m of the eigenspectra (eq. 4); m = 0 for a U-Net.
    amplitude : Tensor or ndarray, shape (rows,)
        A of eq. 5; 1 for a U-Net.
    """

    flux: Any
    coeff: Any
    amplitude: Any
