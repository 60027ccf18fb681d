"""Parquet as astropy writes masked columns, ``flux`` and ``flux.mask``, could not be read."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.table import MaskedColumn, Table

from gasnet3.io import find_reader, read

WAVE = np.arange(5000.0, 5100.0)


def test_masked_column(tmp_path):
    flux = MaskedColumn(np.ones(100), mask=(WAVE >= 5040) & (WAVE < 5060))
    path = tmp_path / "x.parquet"
    Table({"wave": WAVE, "flux": flux, "err": np.ones(100)}).write(path)
    assert ("mask", "column flux.mask") in find_reader(path).explain(path).used
    spectra = read(path)
    wave, seen = spectra.lattice.wave, spectra.ivar[0] > 0
    assert seen[(wave > 5002) & (wave < 5038)].all()
    assert not seen[(wave > 5041) & (wave < 5058)].any()


def test_lists_beside_columns_whose_names_begin_alike(tmp_path):
    lists = {"flux": np.ones(100), "flux.ivar": np.full(100, 4.0), "wave": WAVE}
    columns = {name: [values.tolist()] * 2 for name, values in lists.items()}
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({**columns, "flux.z": [0.5, 0.25], "z": [1.0, 2.0]}), path)
    spectra = read(path)
    assert spectra.z.tolist() == [1.0, 2.0]
    assert spectra.meta["flux.z"].tolist() == [0.5, 0.25]
    assert (spectra.flux[spectra.ivar > 0] == 1).all()
