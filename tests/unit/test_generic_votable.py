"""Spectra in VOTables, as archives of the Virtual Observatory give them."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io.votable import from_table
from astropy.io.votable.tree import Info, Param
from astropy.table import Table

from gasnet3 import Spectra, io
from gasnet3.catalog import make_catalog, write_catalog

WAVE = np.linspace(3700.0, 9100.0, 1500)
FLUX = np.linspace(1.0, 2.0, WAVE.size)
DIRECT = Spectra.from_arrays(FLUX, np.full(WAVE.size, 100.0), WAVE)


def one_spectrum() -> Table:
    table = Table({"c1": WAVE / 10, "c2": 1e-17 * FLUX, "c3": np.full(WAVE.size, 1e-18)})
    table["c1"].unit, table["c1"].meta["ucd"] = u.nm, "em.wl"
    table["c2"].unit, table["c2"].meta["ucd"] = u.Unit("erg/(s cm2 AA)"), "phot.flux.density;em.wl"
    table["c3"].unit, table["c3"].meta["ucd"] = u.Unit("erg/(s cm2 AA)"), "stat.error;phot.flux"
    return table


@pytest.mark.parametrize("form", ["tabledata", "binary2"])
def test_columns_known_by_their_ucds_alone(tmp_path: Path, form: str) -> None:
    whole = from_table(one_spectrum())
    element = whole.get_first_table()
    element.infos.append(Info(name="OBJECT", value="NGC 1"))
    for name, value in (("RA", "12.5"), ("DEC", "-3")):
        element.params.append(Param(whole, name=name, datatype="double", value=value))
    path = tmp_path / "ssa.xml"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of units that the standard has grown out of
        whole.to_xml(str(path), tabledata_format=form)
    assert io.find_reader(path).name == "votable"
    got = io.read(path)
    np.testing.assert_allclose(got.flux, DIRECT.flux, rtol=1e-6)
    np.testing.assert_allclose(got.ivar, DIRECT.ivar, rtol=1e-6)
    assert (got.meta["ra"][0], got.meta["dec"][0]) == (12.5, -3.0)
    assert got.meta["object"][0] == "NGC 1"
    zipped = tmp_path / "ssa.vot.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(io.read(zipped).flux, got.flux)


def test_a_spectrum_a_row(tmp_path: Path) -> None:
    table = Table({"id": ["a", "b"], "wave": np.tile(WAVE, (2, 1)), "z": [0.1, 0.2]})
    table["flux"], table["error"] = np.stack([FLUX, FLUX]), np.full((2, WAVE.size), 0.1)
    table.write(tmp_path / "rows.vot", format="votable")
    got = io.read(tmp_path / "rows.vot")
    assert list(got.ids) == ["a", "b"]
    np.testing.assert_allclose(got.flux[1], DIRECT.flux[0], rtol=1e-6)


def test_tables_that_hold_no_spectra_are_refused_with_the_reason(tmp_path: Path) -> None:
    write_catalog(make_catalog({"id": ["a"], "class": ["QSO"], "z": [1.0]}), tmp_path / "c.vot")
    with pytest.raises(io.ReadError, match="a catalog that gasnet3 wrote"):
        io.read(tmp_path / "c.vot")
    Table({"ra": [1.0], "dec": [2.0]}).write(tmp_path / "cone.vot", format="votable")
    with pytest.raises(io.ReadError, match=r"cone\.vot: 1 rows of numbers are no spectrum"):
        io.read(tmp_path / "cone.vot")
    (tmp_path / "cut.vot").write_bytes((tmp_path / "cone.vot").read_bytes()[:400])
    with pytest.raises(io.ReadError, match=r"cut\.vot"):
        io.read(tmp_path / "cut.vot")
