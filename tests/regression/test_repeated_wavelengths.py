"""A spectrum with a wavelength that is there twice was cut into two at that place."""

from __future__ import annotations

import numpy as np
import pytest

from gasnet3.io import ReadError, read

PIXELS = np.arange(5000, 5200)


@pytest.mark.parametrize(
    "order",
    [
        np.r_[0:100, 99:200],  # twice
        np.r_[0:99, 100, 99, 101:200],  # not sorted
        np.r_[0:110, 90:200],  # two arms
    ],
)
def test_one_spectrum_is_not_cut(tmp_path, order):
    path = tmp_path / "x.csv"
    path.write_text("wave,flux,err\n" + "\n".join(f"{wave},1,1" for wave in PIXELS[order]))
    with pytest.raises(ReadError, match="rise or fall strictly"):
        read(path)
