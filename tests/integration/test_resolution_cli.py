"""--resolution as a user gives it: shown, kept by shards, in the catalog, refused if wrong."""

from __future__ import annotations

import numpy as np
import pytest

from gasnet3 import samples
from gasnet3.catalog import read_catalog
from gasnet3.io import read
from warm import run


@pytest.fixture
def files():
    return [str(path) for path in samples.paths()[:2]]


def test_a_resolution_is_shown_and_reaches_the_catalog(files, models, tmp_path):
    said, _ = run("inspect", files[0], "--resolution", "R=600")
    assert "R 600" in said
    assert "--resolution R=600" in said.split("next")[-1]
    output = tmp_path / "catalog.parquet"
    run("classify", *files, "-o", output, "--models", models, "--resolution", "fwhm=9A")
    assert (read_catalog(output)["resolution_sigma"] > 2.0).all()


def test_shards_keep_it(files, tmp_path):
    run("convert", *files, "-o", tmp_path / "shards", "--resolution", "R=600")
    np.testing.assert_allclose(read(tmp_path / "shards").resolution, 3.074, atol=1e-3)


def test_what_is_no_resolution_is_refused(files):
    _, err = run("inspect", files[0], "--resolution", "600", status=2)
    assert "give R=600" in err
