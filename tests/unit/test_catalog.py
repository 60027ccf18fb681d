"""A catalog comes back from every format and dialect as it was written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gasnet3 import Notes, ZWarn
from gasnet3.catalog import (
    COLUMNS,
    DIALECTS,
    CatalogError,
    make_catalog,
    read_catalog,
    read_table,
    write_catalog,
)

ENDINGS = ("parquet", "fits", "csv", "vot")
FORMS = [(ending, dialect) for ending in ENDINGS for dialect in DIALECTS]
PROVENANCE = {
    "version": "0.1.0",
    "models": {"encoder-qso": "sha256:00ff"},
    "config": {"solver": "hybrid", "comment": "a 'quoted' & long é " + "x&" * 80, "degree": 5},
}

# FITS and numpy end text at a NUL, and blanks at the end of text mean nothing to FITS; a lone
# surrogate is no text.
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8).map(
    lambda text: text.rstrip(" ")
)
CLASHES = ("Z", "zerr", "ZWARNING", "coeff_0", "coeff", "id_in", "é", "a", "b")
NUMBERS = st.floats(width=64, allow_nan=True, allow_infinity=True)


def full_columns(rows: int, m: int = 3) -> dict[str, np.ndarray]:
    """Every native column, with a NaN in each float column's last row."""
    rng = np.random.default_rng(rows)
    out: dict[str, np.ndarray] = {}
    for column in COLUMNS:
        if column.dtype == "str":
            out[column.name] = np.array([f"{column.name}-{i}" for i in range(rows)], np.str_)
        elif column.dtype == "f8":
            out[column.name] = rng.normal(size=(rows, m) if column.vector else rows)
            out[column.name][-1:] = np.nan
        else:
            out[column.name] = rng.integers(0, 1 << 27, rows)
    return out


def assert_same(got: Table, expected: Table) -> None:
    assert got.colnames == expected.colnames
    for name in expected.colnames:
        assert not hasattr(got[name], "mask"), name
        np.testing.assert_array_equal(np.asarray(got[name]), np.asarray(expected[name]), name)
        assert got[name].dtype.kind == expected[name].dtype.kind, name
        if expected[name].dtype.kind != "U":
            assert got[name].dtype == expected[name].dtype, name
        assert got[name].unit == expected[name].unit
        assert got[name].description == expected[name].description
    assert got.meta["gasnet3"] == expected.meta["gasnet3"]


@pytest.mark.parametrize(("ending", "dialect"), FORMS)
@pytest.mark.parametrize("rows", [0, 1, 4])
def test_full_catalog_round_trip(tmp_path: Path, ending: str, dialect: str, rows: int) -> None:
    keys = {
        "plate": np.arange(rows),
        "ra": np.linspace(0, 360, rows),
        "file": np.array(["spec é.fits"] * rows, np.str_),
        "empty": np.array([""] * rows, np.str_),
        "good": np.arange(rows) % 2 == 0,
        "mags": np.ones((rows, 5), np.float32) / 3,
    }
    table = make_catalog(full_columns(rows), keys, PROVENANCE)
    path = tmp_path / f"out.{ending}"
    write_catalog(table, path, dialect)
    assert_same(read_catalog(path), table)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@st.composite
def catalogs(draw: st.DrawFn) -> Table:
    rows = draw(st.integers(0, 5))
    text = st.lists(TEXT, min_size=rows, max_size=rows)

    def floats(shape: int | tuple[int, int]) -> np.ndarray:
        return draw(hnp.arrays(np.float64, shape, elements=NUMBERS))

    columns: dict[str, Any] = {"id": draw(text), "class": draw(text), "z": floats(rows)}
    if draw(st.booleans()):
        columns["coeff"] = floats((rows, draw(st.integers(1, 4))))
    if draw(st.booleans()):
        columns["zwarn"] = draw(hnp.arrays(np.int64, rows))
    names = draw(st.lists(st.sampled_from(CLASHES)))
    names += draw(st.lists(TEXT, max_size=2))
    kinds = [np.int16, np.int64, np.uint8, np.float32, np.bool_]
    keys = {
        name: draw(text)
        if draw(st.booleans())
        else draw(hnp.arrays(draw(st.sampled_from(kinds)), rows))
        for name in names
    }
    return make_catalog(columns, keys, {"note": draw(TEXT), "n": draw(st.integers())})


@settings(max_examples=60)
@given(table=catalogs(), form=st.sampled_from(FORMS))
def test_any_catalog_round_trip(tmp_path: Path, table: Table, form: tuple[str, str]) -> None:
    path = tmp_path / f"out.{form[0]}"
    write_catalog(table, path, form[1])
    assert_same(read_catalog(path), table)


def test_native_order_types_units_and_provenance() -> None:
    columns = full_columns(3)
    shuffled = dict(sorted(columns.items(), reverse=True))
    table = make_catalog(
        shuffled, provenance={"path": Path("a"), "x": np.float32(0.5), "y": np.nan}
    )
    assert table.colnames == [column.name for column in COLUMNS]
    assert str(table["wave_min"].unit) == "Angstrom"
    assert all(table[column.name].description for column in COLUMNS)
    assert table["znum"].dtype == np.int32
    assert table["coeff"].shape == (3, 3)
    assert table.meta["gasnet3"] == {"path": "a", "x": 0.5, "y": None}


def test_provenance_is_of_the_types_of_json() -> None:
    columns = {"id": ["a"], "class": ["QSO"], "z": [1.0]}
    given = {"classes": {"STAR", "QSO"}, "range": (0, np.inf), "sigma": np.ones(2), 5: True}
    assert make_catalog(columns, provenance=given).meta["gasnet3"] == {
        "classes": ["QSO", "STAR"],
        "range": [0, None],
        "sigma": [1.0, 1.0],
        "5": True,
    }
    with pytest.raises(TypeError, match="has no JSON form"):
        make_catalog(columns, provenance={"x": object()})


def test_columns_that_are_not_given_are_left_out() -> None:
    table = make_catalog({"id": ["a"], "class": ["QSO"], "z": [1.0]})
    assert table.colnames == ["id", "class", "z"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"z": None}, r"missing: \['z'\]"),
        ({"redshift": [1.0]}, r"unknown: \['redshift'\]"),
        ({"zwarn": [np.nan]}, "'zwarn' holds values that are no integers"),
        ({"z": ["high"]}, "'z' holds text"),
        ({"z": [1.0, 2.0]}, "'z' has 2 rows, 'id' 1"),
        ({"coeff": [1.0]}, r"'coeff' has shape \(1,\), expected \(rows, m\)"),
        ({"z_err": [[1.0, 2.0]]}, r"'z_err' has shape \(1, 2\), expected \(rows,\)"),
    ],
)
def test_bad_columns_are_named(change: dict[str, Any], message: str) -> None:
    columns = {"id": ["a"], "class": ["QSO"], "z": [1.0], **change}
    with pytest.raises(ValueError, match=message):
        make_catalog({name: values for name, values in columns.items() if values is not None})


@pytest.mark.parametrize("bad", [np.ones((1, 2, 2)), np.ones((1, 0)), np.array([["a", "b"]]), [1j]])
def test_key_columns_no_format_holds_are_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match="column 'odd' has"):
        make_catalog({"id": ["a"], "class": ["QSO"], "z": [1.0]}, {"odd": bad})


def test_clashing_key_columns_get_a_suffix() -> None:
    keys = {"Z": [2.0], "class": ["x"], "z_in": [3.0], "RA": [1.0], "ra": [4.0]}
    table = make_catalog({"id": ["a"], "class": ["QSO"], "z": [1.0]}, keys)
    assert table.colnames == ["id", "class", "z", "Z_in", "class_in", "z_in_in", "RA", "ra_in"]
    assert (table["z"][0], table["Z_in"][0], table["z_in_in"][0]) == (1.0, 2.0, 3.0)
    assert (table["class"][0], table["class_in"][0]) == ("QSO", "x")


def test_masked_and_foreign_types_of_key_columns_become_plain() -> None:
    big = 39633000000000001  # a DESI TARGETID: a float would change it
    keys = {
        "mag": np.ma.array([1.0, 2.0], mask=[False, True]),
        "fiber": np.ma.array([1, 2], mask=[True, False]),
        "target": np.ma.array([big, 0], mask=[False, True]),
        "label": np.ma.array(["é", "b"], mask=[False, True]),
        "raw": np.array(["é".encode(), b"b"]),
        "none": np.array([None, "b"], object),
        "day": np.array(["2020-01-02", "NaT"], "M8[D]"),
        "huge": np.array([2**64 - 1, 1], np.uint64),
        "swapped": np.array([1, 2], ">i4"),
        "half": np.array([0.5, 1], np.float16),
    }
    table = make_catalog({"id": ["a", "b"], "class": ["", ""], "z": [0, np.nan]}, keys)
    np.testing.assert_array_equal(table["mag"], [1.0, np.nan])
    np.testing.assert_array_equal(table["fiber"], [np.nan, 2.0])
    assert list(table["target"]) == [str(big), ""]
    assert list(table["label"]) == ["é", ""]
    assert list(table["raw"]) == ["é", "b"]
    assert list(table["none"]) == ["", "b"]
    assert list(table["day"]) == ["2020-01-02", ""]
    assert list(table["huge"]) == [str(2**64 - 1), "1"]
    assert table["swapped"].dtype == np.dtype(np.int32)
    assert table["half"].dtype == np.float32


@pytest.mark.parametrize("ending", ENDINGS)
def test_sdss_names(tmp_path: Path, ending: str) -> None:
    keys = {"plate": [266, 266], "mjd": [51602, 51602], "fiberid": [1, 2], "zwarning": [0, 4]}
    columns = full_columns(2) | {"delta_chi2": np.array([50.0, 2.0]), "dof": np.array([100, 0])}
    path = tmp_path / f"sdss.{ending}"
    write_catalog(make_catalog(columns, keys, PROVENANCE), path, "sdss")
    raw = raw_names(path)
    wanted = "CLASS SUBCLASS Z Z_ERR ZWARNING RCHI2 DOF RCHI2DIFF SN_MEDIAN_ALL PLATE MJD FIBERID"
    assert set(wanted.split()) <= set(raw)
    np.testing.assert_array_equal(raw["RCHI2DIFF"], [0.5, np.nan])
    np.testing.assert_array_equal(raw["ZWARNING"], columns["zwarn"])
    np.testing.assert_array_equal(raw["ZWARNING_IN"], [0, 4])
    assert "RCHI2DIFF" not in read_catalog(path).colnames


@pytest.mark.parametrize("ending", ENDINGS)
def test_redrock_names(tmp_path: Path, ending: str) -> None:
    columns = full_columns(2) | {"id": np.array(["39633", "39634"])}
    columns["coeff"] = np.array([[1.0, 2.0, np.nan], [1.0, 2.0, 3.0]])
    table = make_catalog(columns, {"ra": [1.0, 2.0]})
    path = tmp_path / f"redrock.{ending}"
    write_catalog(table, path, "redrock")
    raw = raw_names(path)
    wanted = "TARGETID SPECTYPE SUBTYPE Z ZERR ZWARN CHI2 DELTACHI2 ZNUM NCOEFF NPIXELS TARGET_RA"
    assert set(wanted.split()) <= set(raw)
    assert list(raw["TARGETID"]) == [39633, 39634]
    assert list(raw["NCOEFF"]) == [2, 3]
    assert list(read_catalog(path)["id"]) == ["39633", "39634"]


@pytest.mark.parametrize(("ending", "dialect"), FORMS)
def test_warnings_and_notes_are_two_columns_of_every_dialect(
    tmp_path: Path, ending: str, dialect: str
) -> None:
    zwarn = [int(ZWarn.Z_UNCERTAIN), 0, 0]
    notes = [0, int(Notes.ANOMALY | Notes.CLASS_AMBIGUOUS), int(Notes.MANY_OUTLIERS)]
    columns = {"id": ["1", "2", "3"], "class": ["QSO"] * 3, "z": [1.0] * 3}
    table = make_catalog({**columns, "zwarn": zwarn, "notes": notes})
    path = tmp_path / f"out.{ending}"
    write_catalog(table, path, dialect)
    theirs = {"native": "zwarn", "sdss": "ZWARNING", "redrock": "ZWARN"}[dialect]
    raw = raw_names(path)
    assert list(raw[theirs]) == zwarn
    assert list(raw["notes" if dialect == "native" else "NOTES"]) == notes
    back = read_catalog(path)
    assert (list(back["zwarn"]), list(back["notes"])) == (zwarn, notes)


@pytest.mark.parametrize("rows", [1, 3])
def test_remarks_of_the_input_do_not_pass_for_our_notes(tmp_path: Path, rows: int) -> None:
    columns = {"id": ["a"] * rows, "class": ["QSO"] * rows, "z": [1.0] * rows, "notes": [1] * rows}
    table = make_catalog(columns, {"notes": ["nice"] * rows})
    write_catalog(table, tmp_path / "a.csv")
    back = read_catalog(tmp_path / "a.csv")
    assert (set(back["notes"]), set(back["notes_in"])) == ({1}, {"nice"})


@pytest.mark.parametrize(
    ("ids", "keys", "expected"),
    [
        (["0266-51602-0001"], {}, "0266-51602-0001"),
        (["007"], {}, "007"),
        ([str(2**70)], {}, str(2**70)),
        (["coadd-0"], {"targetid": [5]}, 5),
    ],
)
def test_redrock_targetid_is_not_distorted(
    tmp_path: Path, ids: list[str], keys: dict[str, Any], expected: Any
) -> None:
    table = make_catalog({"id": ids, "class": ["QSO"], "z": [1.0]}, keys)
    write_catalog(table, tmp_path / "redrock.parquet", "redrock")
    assert list(raw_names(tmp_path / "redrock.parquet")["TARGETID"]) == [expected]
    assert list(read_catalog(tmp_path / "redrock.parquet")["id"]) == ids


def raw_names(path: Path) -> dict[str, np.ndarray]:
    """The file as somebody without gasnet3 reads it."""
    if path.suffix == ".parquet":
        return {k: np.asarray(v) for k, v in pa.parquet.read_table(path).to_pydict().items()}
    if path.suffix == ".fits":
        table = Table.read(path, hdu=1, mask_invalid=False)
        if fits.getval(path, "EXTNAME", 2) == "FIBERMAP":
            table.update(Table.read(path, hdu=2, mask_invalid=False))
    elif path.suffix == ".vot":
        table = Table.read(path, format="votable")
    else:
        table = Table.read(path, format="ascii.csv", comment="#")
        for name in [n for n in table.colnames if table[n].dtype.kind == "f"]:
            table[name] = np.ma.filled(table[name].astype(float), np.nan)
    return {name: np.asarray(table[name]) for name in table.colnames}


def test_each_format_is_its_own_users_format(tmp_path: Path) -> None:
    table = make_catalog(full_columns(2), {}, PROVENANCE)
    for ending in ENDINGS:
        write_catalog(table, tmp_path / f"out.{ending}", "redrock")
    schema = pa.parquet.read_schema(tmp_path / "out.parquet")
    assert schema.field("COEFF").type == pa.list_(pa.float64(), 3)
    assert schema.field("WAVE_MIN").metadata[b"unit"] == b"Angstrom"
    with fits.open(tmp_path / "out.fits") as hdus:
        assert hdus[1].name == "REDSHIFTS"
        assert hdus[1].columns["COEFF"].format == "3D"
        assert hdus[1].columns["WAVE_MIN"].unit == "Angstrom"
        assert hdus[0].header["CREATOR"] == "gasnet3 0.1.0"
        assert "sha256:00ff" in str(hdus[0].header["HISTORY"])
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[1].startswith("# gasnet3: {")
    assert json.loads(lines[1].removeprefix("# gasnet3: "))["provenance"] == PROVENANCE
    assert '"COEFF_0","COEFF_1","COEFF_2"' in lines[2]
    assert ",,," in lines[4]  # NaN is an empty cell


@pytest.mark.parametrize("name", ["out.txt", "out", "out.fits.gz", "parquet"])
def test_unknown_ending_is_refused(tmp_path: Path, name: str) -> None:
    table = make_catalog({"id": ["a"], "class": ["QSO"], "z": [1.0]})
    with pytest.raises(CatalogError, match=r"ends in \.parquet, \.fits, \.csv"):
        write_catalog(table, tmp_path / name)
    with pytest.raises(CatalogError, match=r"ends in \.parquet, \.fits, \.csv"):
        read_catalog(tmp_path / name)


def test_unknown_dialect_and_places_that_cannot_be_written(tmp_path: Path) -> None:
    table = make_catalog({"id": ["a"], "class": ["QSO"], "z": [1.0]})
    with pytest.raises(ValueError, match="no catalog dialect 'desi': take one of native, sdss"):
        write_catalog(table, tmp_path / "a.csv", "desi")
    with pytest.raises(FileNotFoundError, match=r"no directory .*missing; make it first"):
        write_catalog(table, tmp_path / "missing" / "a.csv")
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(IsADirectoryError, match="is a directory"):
        write_catalog(table, tmp_path / "b.csv")


@pytest.mark.parametrize("ending", ENDINGS)
def test_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    table = make_catalog({"id": ["a"], "class": ["QSO"], "z": [1.0]})
    path = tmp_path / f"out.{ending}"
    write_catalog(table, path)
    before = path.read_bytes()

    def full_disk(temporary: Path, *_: Any) -> None:
        temporary.write_bytes(b"half a fi")
        raise OSError("no space left on device")

    module = write_catalog.__globals__["_FORMATS"][f".{ending}"]
    monkeypatch.setattr(f"gasnet3.catalog.{module}.write", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_catalog(table, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", ENDINGS)
def test_broken_files_are_named(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out.{ending}"
    with pytest.raises(CatalogError, match=r"cannot read .*out.*: there is no such file"):
        read_catalog(path)
    path.write_bytes(b"" if ending == "csv" else b"nonsense" * 1000)
    with pytest.raises(CatalogError, match=r"cannot read .*out.*; the file is damaged"):
        read_catalog(path)


def test_a_table_that_is_no_catalog_and_one_of_the_future(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    with pytest.raises(CatalogError, match="no column class and none z, but x, y"):
        read_catalog(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text('# gasnet3: {"format_version": 99}\nid,class,z\na,QSO,1\n')
    with pytest.raises(CatalogError, match=r"b\.csv: .*format 99, this gasnet3 reads format 1"):
        read_catalog(tmp_path / "b.csv")


def test_tables_of_other_pipelines_get_native_names(tmp_path: Path) -> None:
    redrock = Table(
        {"TARGETID": [39633], "Z": [1.5], "ZERR": [1e-4], "ZWARN": [4], "SPECTYPE": ["QSO   "]}
    )
    redrock.write(tmp_path / "redrock.fits")
    table = read_catalog(tmp_path / "redrock.fits")
    assert table.colnames == ["id", "z", "z_err", "zwarn", "class"]
    assert (table["id"][0], table["class"][0], table["zwarn"][0]) == ("39633", "QSO", 4)
    assert "gasnet3" not in table.meta
    spall = {"PLATE": [266], "CLASS": ["STAR"], "Z": [0.0], "ZWARNING": [0], "THETA": [[1.0, 2.0]]}
    pa.parquet.write_table(pa.table(spall), tmp_path / "spall.parquet")
    assert read_catalog(tmp_path / "spall.parquet").colnames == [
        "PLATE",
        "class",
        "z",
        "zwarn",
        "coeff",
    ]


def test_read_table_keeps_identifiers_of_foreign_csv_as_text(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("# made by hand\nname,z,sub\n0012,0.5,\n0013,,\n")
    table = read_table(tmp_path / "truth.csv")
    assert list(table["name"]) == ["0012", "0013"]
    np.testing.assert_array_equal(table["z"], [0.5, np.nan])
    assert list(table["sub"]) == ["", ""]
    Table({"name": ["0012"], "z": [0.5]}).write(tmp_path / "truth.ecsv")
    assert list(read_table(tmp_path / "truth.ecsv")["name"]) == ["0012"]
