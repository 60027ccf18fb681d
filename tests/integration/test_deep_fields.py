"""Galaxies beyond the range of the default models, with those for deep fields."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import numpy as np
from astropy.table import Table

import gasnet3
from gasnet3.catalog import read_catalog
from gasnet3.nets.registry import load_models
from warm import run


def test_the_set_differs_in_its_galaxies_alone() -> None:
    deep, default = load_models("deep"), load_models()
    assert deep["GALAXY"].card.z_max == 6.5
    assert all(deep[cls] is default[cls] for cls in ("STAR", "QSO"))


def test_mocks_beyond_the_default_range_come_back(tmp_path: Path) -> None:
    mocks = tmp_path / "mocks.npz"
    options = "--models", "deep", "--class", "GALAXY", "--sn", 12, "--seed", 3
    run("mock", "-n", 24, "-o", mocks, *options)
    truth = Table.read(tmp_path / "mocks-truth.csv")
    far = np.asarray(truth["z"]) > 2.0
    assert far.sum() >= 5
    run("classify", mocks, "-o", tmp_path / "deep.parquet", "--models", "deep")
    found = read_catalog(tmp_path / "deep.parquet")
    off = np.abs(np.log1p(found["z"]) - np.log1p(truth["z"]))
    assert (off[far] < 1.5e-3).mean() > 0.9
    run("classify", mocks, "-o", tmp_path / "default.parquet")
    assert read_catalog(tmp_path / "default.parquet")["z"][far].max() < 7.01
    galaxies = read_catalog(tmp_path / "default.parquet")
    assert (galaxies["z"][galaxies["class"] == "GALAXY"] < 1.81).all()


def test_real_ones_that_no_training_saw(shared_dir: Path) -> None:
    rows = Table.read(shared_dir / "data" / "faint.csv", format="ascii.csv")
    best = {str(row["name"]): crc32(str(row["group"]).encode()) % 3 for row in rows
            if row["sub"] == "flag4"}  # fmt: skip
    with np.load(shared_dir / "data" / "faint-native" / "vandels.npz") as file:
        held_out = np.array([best.get(str(name)) == 0 for name in file["name"]])
        flux, ivar, z = (file[name][held_out] for name in ("flux", "ivar", "z"))
        wave = file["wave"]
    assert len(z) > 50
    found = gasnet3.classify(flux, ivar, wave, models="deep", resolution="R=600")
    assert (np.abs(found["z"] - z) < 0.005).mean() > 0.8
    clean = np.asarray(found["zwarn"]) == 0
    assert clean.mean() > 0.6
    assert (np.abs(np.log1p(found["z"]) - np.log1p(z))[clean] < 1.5e-3).mean() > 0.9
