"""The catalog as VOTable: valid, with UCDs, and exactly what was written."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.votable import parse, parse_single_table, ucd, validate
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from gasnet3.catalog import COLUMNS, make_catalog, read_catalog, write_catalog
from gasnet3.catalog.schema import KEY_UCDS

PROVENANCE = {"gasnet3": "0.1.0", "solver": "hybrid", "models": {"star": 'abc<&"'}}


def catalog() -> Table:
    columns = {
        "id": ["a", "b & <c>", "é𝛼"],
        "class": ["STAR", "", "QSO"],
        "z": [1e-5, np.nan, 0.1 + 0.2],
        "zwarn": [0, 1 << 40, 4],
        "znum": [0, 1, 2],
        "coeff": [[1.0, np.nan], [0.1, -0.0], [np.inf, 3.0]],
        "wave_min": [3600.0, 3700.0, np.nan],
    }
    keys = {
        "ra": [1.5, 2.5, 3.5],
        "targetid": [39627640566453451, 1, -1],
        "good": [True, False, True],
        "mag": np.float32([[0.1, 0.2], [0.3, np.nan], [1, 2]]),
        "n": np.int16([1, -2, 3]),
    }
    return make_catalog(columns, keys, PROVENANCE)


@pytest.mark.parametrize("dialect", ["native", "sdss", "redrock"])
@pytest.mark.parametrize("ending", [".vot", ".xml"])
def test_valid_and_read_back_exactly(tmp_path: Path, dialect: str, ending: str) -> None:
    path, table = tmp_path / f"a{ending}", catalog()
    write_catalog(table, path, dialect)
    report = io.StringIO()
    assert validate(str(path), output=report), report.getvalue()
    back = read_catalog(path)
    assert set(back.colnames) == set(table.colnames)
    for name in table.colnames:
        np.testing.assert_array_equal(back[name], table[name])
        assert back[name].dtype.kind == table[name].dtype.kind
        assert back[name].unit == table[name].unit
        assert back[name].description == table[name].description
    assert back.meta["gasnet3"] == PROVENANCE


def test_others_see_units_ucds_descriptions_and_what_made_it(tmp_path: Path) -> None:
    write_catalog(catalog(), tmp_path / "a.vot")
    whole = parse(tmp_path / "a.vot", verify="exception")
    fields = {field.name: field for field in whole.get_first_table().fields}
    assert fields["z"].ucd == "src.redshift"
    assert "redshift" in fields["z"].description
    assert str(fields["wave_min"].unit) == "Angstrom"
    assert (fields["ra"].ucd, str(fields["ra"].unit)) == ("pos.eq.ra;meta.main", "deg")
    assert fields["class"].datatype == "char"
    assert fields["id"].datatype == "unicodeChar"
    infos = {info.name: info.value for info in whole.resources[0].infos}
    assert infos["solver"] == "hybrid"
    assert infos["creator"] == "gasnet3 0.1.0"


def test_fits_has_the_ucds_too(tmp_path: Path) -> None:
    write_catalog(catalog(), tmp_path / "a.fits")
    header = fits.getheader(tmp_path / "a.fits", 1)
    number = next(i for i in range(1, 30) if header[f"TTYPE{i}"] == "ra")
    assert header[f"TUCD{number}"] == "pos.eq.ra;meta.main"
    assert header[f"TUNIT{number}"] == "deg"


@pytest.mark.parametrize("name", [column.name for column in COLUMNS])
def test_every_column_has_a_ucd_of_the_vocabulary(name: str) -> None:
    column = next(column for column in COLUMNS if column.name == name)
    assert ucd.parse_ucd(column.ucd, check_controlled_vocabulary=True)


@pytest.mark.parametrize("known", KEY_UCDS.values())
def test_ucds_of_key_columns_are_of_the_vocabulary(known: str) -> None:
    assert ucd.parse_ucd(known, check_controlled_vocabulary=True)


def test_units_that_no_standard_knows_come_back_and_are_not_told_to_others(tmp_path: Path) -> None:
    table = catalog()
    table["n"].unit = "furlong"
    write_catalog(table, tmp_path / "a.vot")
    assert str(read_catalog(tmp_path / "a.vot")["n"].unit) == "furlong"
    fields = {f.name: f for f in parse_single_table(tmp_path / "a.vot").fields}
    assert fields["n"].unit is None


def test_no_rows(tmp_path: Path) -> None:
    write_catalog(catalog()[:0], tmp_path / "a.vot")
    assert len(read_catalog(tmp_path / "a.vot")) == 0
    assert validate(str(tmp_path / "a.vot"), output=io.StringIO())


def test_a_votable_of_others_gets_native_names(tmp_path: Path) -> None:
    table = Table(
        {"SPECTYPE": ["QSO", "STAR"], "Z": [1.5, 0.0], "ZWARN": [4, 0], "MAG": [1.0, 2.0]}
    )
    table.write(tmp_path / "other.vot", format="votable")
    back = read_catalog(tmp_path / "other.vot")
    assert back.colnames == ["class", "z", "zwarn", "MAG"]
    assert list(back["class"]) == ["QSO", "STAR"]


@settings(max_examples=30)
@given(
    ids=st.lists(
        st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=6),
        min_size=1,
        max_size=4,
    ),
    z=st.floats(width=64),
)
def test_any_text_and_number_comes_back(tmp_path: Path, ids: list[str], z: float) -> None:
    table = make_catalog({"id": ids, "class": ["STAR"] * len(ids), "z": [z] * len(ids)})
    write_catalog(table, tmp_path / "a.vot")
    back = read_catalog(tmp_path / "a.vot")
    assert list(back["id"]) == list(table["id"])
    np.testing.assert_array_equal(back["z"], table["z"])
    assert len(parse_single_table(tmp_path / "a.vot").array) == len(ids)
