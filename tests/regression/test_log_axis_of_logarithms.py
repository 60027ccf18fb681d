"""CTYPE1 = 'WAVE-LOG' beside CRVAL1 = 3.6, a logarithm already, was bent by an Ångström."""

from __future__ import annotations

import numpy as np
import pytest

from gasnet3.io.generic.dispersion import axis_of


@pytest.mark.parametrize("unit", [{}, {"CUNIT1": "Angstrom"}])
def test_logarithms_are_not_taken_twice(unit):
    axis = axis_of({"CTYPE1": "WAVE-LOG", "CRVAL1": 3.6, "CDELT1": 1e-4, **unit}, 3000)
    assert axis.role == "loglam"
    np.testing.assert_allclose(axis.values, 3.6 + 1e-4 * np.arange(3000), atol=1e-12)


def test_the_standard_is_kept():
    header = {"CTYPE1": "WAVE-LOG", "CRVAL1": 4000.0, "CDELT1": 1.0, "CUNIT1": "Angstrom"}
    axis = axis_of(header, 3000)
    np.testing.assert_allclose(axis.values, 4000 * np.exp(np.arange(3000) / 4000))
