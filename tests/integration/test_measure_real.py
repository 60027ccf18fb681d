"""Dispersions of real galaxies beside SDSS's; skipped where there are none."""

from __future__ import annotations

import csv
import zlib

import numpy as np

import gasnet3
from gasnet3.spectra.lattice import OBSERVED


def rows_of(path):
    return csv.DictReader(path.read_text().splitlines())


def test_dispersions_are_those_of_sdss(shared_dir):
    data = shared_dir / "data"
    labels = {row["name"]: row for row in rows_of(data / "labels/vdisp.csv")}
    rows = [
        (i, labels[row["name"]])
        for i, row in enumerate(rows_of(data / "spectra.csv"))
        if row["name"] in labels and zlib.crc32(row["group"].encode()) % 3 == 0
    ]
    rows = [(i, one) for i, one in rows if 60 <= float(one["vdisp"]) <= 500][::4]
    stored = np.load(data / "spectra.npz")
    which = [i for i, _ in rows]
    z, sdss = (np.array([float(one[name]) for _, one in rows]) for name in ("z", "vdisp"))
    table = gasnet3.measure(
        stored["flux"][which], stored["ivar"][which], loglam=OBSERVED.loglam, z=z, only="vdisp"
    )
    assert np.isfinite(table["vdisp"]).mean() >= 0.97
    assert abs(np.nanmedian(table["vdisp"] / sdss) - 1.0) < 0.02
    assert 1.4826 * np.nanmedian(np.abs(table["vdisp"] - sdss)) < 8.0
