"""Units in brackets in a line below the names were not seen where only blanks part columns."""

from __future__ import annotations

import numpy as np

from gasnet3.io import find_reader, read


def test_units_below_names(tmp_path):
    path = tmp_path / "x.txt"
    rows = "\n".join(f"{500 + at / 10:.1f}  2.0e-17  1.0e-17" for at in range(1000))
    path.write_text(f"# lambda  flam  flam_err\n# (nm)  (erg/s/cm2/A)  (erg/s/cm2/A)\n{rows}\n")
    used = dict(find_reader(path).explain(path).used)
    assert used["wave"].endswith("[nm]")
    assert used["flux"].endswith("[erg/s/cm2/A]")
    spectra = read(path)
    np.testing.assert_allclose(spectra.flux[spectra.ivar > 0], 2.0, rtol=1e-6)
