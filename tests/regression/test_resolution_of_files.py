"""What a row says of its resolution was lost where files were classified: only arrays had it."""

from __future__ import annotations

import numpy as np

from gasnet3 import classify_files, samples
from gasnet3.catalog import read_catalog
from gasnet3.io import ReadOptions


def test_a_stated_resolution_changes_the_answer(models, tmp_path):
    path = samples.paths()[1]
    options = ReadOptions.parse(None, (), (), "R=600")
    classify_files(path, tmp_path / "as_it_is.parquet", models=models, solver="exact")
    classify_files(path, tmp_path / "said.parquet", models=models, solver="exact", options=options)
    plain, said = (read_catalog(tmp_path / f"{name}.parquet") for name in ("as_it_is", "said"))
    assert not np.isclose(plain["chi2"][0], said["chi2"][0], rtol=1e-6)
    assert said["resolution_sigma"][0] > 3.0
