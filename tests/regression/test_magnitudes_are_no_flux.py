"""Magnitudes were taken for a flux density, upside down and on a logarithmic scale."""

from __future__ import annotations

import pytest

from gasnet3.io import ReadError, read


@pytest.mark.parametrize("unit", ["mag", "ABmag", "mag(AB)", "AB", "dex(Jy)"])
def test_magnitudes_are_refused(tmp_path, unit):
    path = tmp_path / "x.csv"
    rows = "\n".join(f"{5000 + at},20.1,0.1" for at in range(100))
    path.write_text(f"wave [AA],flux [{unit}],err [{unit}]\n{rows}\n")
    with pytest.raises(ReadError, match="write it as a flux density"):
        read(path)
