"""Files of no particular survey, in every form, read as the one spectrum they hold."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import mock_generic as mock
from gasnet3.flags import ZWarn
from gasnet3.io import ReadError, ReadOptions, count_rows, find_reader, read_file, read_rows
from gasnet3.io.generic.holding import HoldingReader
from gasnet3.io.generic.noise import NOISE_KEY
from gasnet3.spectra.batch import Spectra


def assert_same(found: Spectra, expected: Spectra = mock.SPECTRUM) -> None:
    """Every row of what was found is the one expected spectrum."""
    for row in range(len(found)):
        np.testing.assert_allclose(found.flux[row], expected.flux[0], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(found.ivar[row], expected.ivar[0], rtol=1e-4, atol=1e-4)


def reader_of(path: Path, options: ReadOptions | None = None) -> HoldingReader:
    reader = find_reader(path, options or ReadOptions())
    assert isinstance(reader, HoldingReader)
    return reader


@pytest.mark.parametrize("form", mock.ONE)
def test_one_spectrum_in_every_form(form: str, tmp_path: Path) -> None:
    path = mock.ONE[form](tmp_path / "night.dat")
    found = read_file(path)
    assert len(found) == count_rows(path) == 1
    assert found.ids.tolist() == ["night"]
    assert NOISE_KEY not in found.meta
    assert found.meta["file"].tolist() == ["night.dat"]
    assert_same(found)


@pytest.mark.parametrize("form", mock.THREE)
def test_three_spectra_in_every_form(form: str, tmp_path: Path) -> None:
    path = mock.THREE[form](tmp_path / "night.dat")
    found = read_file(path)
    assert len(found) == count_rows(path) == 3
    assert NOISE_KEY not in found.meta
    assert_same(found)
    some = read_rows(path, 1, 3)
    np.testing.assert_array_equal(some.flux, found.flux[1:])
    np.testing.assert_array_equal(some.ivar, found.ivar[1:])
    assert some.ids.tolist() == found.ids[1:].tolist()
    assert some.meta.keys() == found.meta.keys()
    assert len(read_rows(path, 2, 2)) == 0
    with pytest.raises(ReadError, match="it has 3"):
        read_rows(path, 0, 4)


@pytest.mark.parametrize("form", ["table with wave", "image and table", "named images"])
def test_columns_of_objects_ride_along(form: str, tmp_path: Path) -> None:
    found = read_file(mock.THREE[form](tmp_path / "night.fits"))
    assert found.ids.tolist() == ["7", "8", "9"]
    assert found.meta["targetid"].tolist() == [7, 8, 9]
    assert found.meta["targetid"].dtype.isnative
    assert found.meta["ra"].tolist() == [1.0, 2.0, 3.0]


def test_fibres_have_positions_in_radians_and_types(tmp_path: Path) -> None:
    found = read_file(mock.THREE["fibres"](tmp_path / "night.fits"))
    np.testing.assert_allclose(found.meta["ra"], [1.0, 2.0, 3.0])
    np.testing.assert_allclose(found.meta["dec"], [4.0, 5.0, 6.0])
    assert found.ids.tolist() == ["a", "b", "c"]
    assert found.zwarn.tolist() == [0, ZWarn.SKY, ZWarn.UNPLUGGED]


COUNTS = ("2dF", "6dF", "OzDES", "fibres", "2dF thrice")
"""Forms of surveys that do not calibrate their flux."""


@pytest.mark.parametrize("form", [*mock.ONE, *mock.THREE])
def test_surveys_that_count_are_known(form: str, tmp_path: Path) -> None:
    found = read_file({**mock.ONE, **mock.THREE}[form](tmp_path / "night.dat"))
    assert (~found.calibrated).all() if form in COUNTS else found.calibrated.all()


@pytest.mark.parametrize(
    ("cards", "calibrated"),
    [
        ({}, True), ({"FLUXCAL": "ABSOLUTE"}, True), ({"FLUXCAL": "UNCALIBRATED"}, False),
        ({"CONTNORM": True}, False), ({"CONTNORM": False}, True),
    ],
)  # fmt: skip
def test_headers_say_what_is_calibrated(
    cards: dict[str, object], calibrated: bool, tmp_path: Path
) -> None:
    columns = {"wave": mock.WAVE, "flux": mock.FLUX, "err": mock.ERROR}
    path = mock.write(tmp_path / "x.fits", mock.table(columns, **cards))
    assert read_file(path).calibrated.tolist() == [calibrated]


def test_zipped_files_are_the_same(tmp_path: Path) -> None:
    for form in ("table of pixels", "csv", "ecsv"):
        plain = mock.ONE[form](tmp_path / f"{form}.dat")
        zipped = tmp_path / f"{form}.gz"
        zipped.write_bytes(gzip.compress(plain.read_bytes()))
        np.testing.assert_array_equal(read_file(zipped).flux, read_file(plain).flux)


def test_what_is_used_assumed_and_ignored_is_told(tmp_path: Path) -> None:
    path = mock.ONE["GAMA"](tmp_path / "gama.fits")
    told = reader_of(path).explain(path)
    assert ("flux", "row 1 of the image of HDU 0") in told.used
    assert ("error", "row 2 of the image of HDU 0") in told.used
    assert [role for role, _ in told.used].count("wave") == 1
    assert any("taken as vacuum" in text for text in told.assumed)
    assert any("row 4" in text for text in told.ignored)
    path = mock.THREE["table with wave in another"](tmp_path / "rows.fits")
    told = reader_of(path).explain(path)
    assert ("wave", "column WAVE of HDU 2 [Angstrom]") in told.used
    assert told.ignored == []


def test_air_by_what_the_file_says_and_by_option(tmp_path: Path) -> None:
    cards = {**mock.GRID, "CTYPE1": "AWAV"}
    flux = mock.flux_at(mock.AIR_WAVE)
    error = mock.image(mock.ERROR, name="ERR")
    said = mock.write(tmp_path / "said.fits", mock.image(flux, cards), error)
    assert_same(read_file(said), mock.AIR_SPECTRUM)
    silent = mock.write(tmp_path / "silent.fits", mock.image(flux, mock.GRID), error)
    assert_same(read_file(silent, ReadOptions(air=True)), mock.AIR_SPECTRUM)
    assert_same(read_file(mock.ONE["csv"](tmp_path / "x.csv"), ReadOptions(air=False)))
    table = mock.table(
        {"wave": mock.WAVE, "flux": flux, "err": mock.ERROR}, TUCD1="em.wl;obs.atmos"
    )
    assert_same(read_file(mock.write(tmp_path / "eso.fits", table)), mock.AIR_SPECTRUM)
    table = mock.table({"wave": mock.WAVE, "flux": flux, "err": mock.ERROR}, AIRORVAC="air")
    assert_same(read_file(mock.write(tmp_path / "key.fits", table)), mock.AIR_SPECTRUM)
    comment = tmp_path / "comment.txt"
    lines = "".join(f"{w} {f} {mock.NOISE}\n" for w, f in zip(mock.WAVE, flux, strict=True))
    comment.write_text(f"# wavelengths are in air\n# wave flux err\n{lines}")
    assert_same(read_file(comment), mock.AIR_SPECTRUM)


def test_what_the_user_says_of_columns_and_units(tmp_path: Path) -> None:
    columns = {"a": mock.WAVE / 10, "b": mock.FLUX, "c": mock.ERROR}
    path = mock.write(tmp_path / "x.fits", mock.table(columns))
    with pytest.raises(ReadError, match=r"among: a, b, c; say it with --column flux=NAME"):
        read_file(path)
    said = ReadOptions.parse(columns=["wave=a", "flux=b", "error=c"], units=["wave=nm"])
    assert_same(read_file(path, said))
    stack = mock.write(tmp_path / "s.fits", mock.image([mock.FLUX, mock.ERROR], mock.GRID))
    assert len(read_file(stack)) == 2
    told = reader_of(stack).explain(stack)
    assert any("--column flux=ROW1" in text for text in told.assumed)
    assert_same(read_file(stack, ReadOptions.parse(columns=["flux=ROW1", "error=ROW2"])))
    gama = mock.ONE["GAMA"](tmp_path / "gama.fits")
    other = read_file(gama, ReadOptions.parse(columns=["flux=Sky", "variance=Error"]))
    np.testing.assert_allclose(other.flux[0][other.ivar[0] > 0], mock.NOISE, rtol=1e-5)


def test_a_mask_of_good_pixels(tmp_path: Path) -> None:
    columns = {
        "wave": mock.WAVE,
        "flux": mock.FLUX,
        "err": mock.ERROR,
        "mask": np.ones(mock.N, int),
    }
    path = mock.write(tmp_path / "x.fits", mock.table(columns))
    assert read_file(path).zwarn.tolist() == [ZWarn.NODATA | ZWarn.POORDATA]
    told = reader_of(path).explain(path)
    assert any("--column mask=good:mask" in text for text in told.assumed)
    assert_same(read_file(path, ReadOptions.parse(columns=["mask=good:mask"])))


def test_whole_numbers_with_a_scale_and_blanks(tmp_path: Path) -> None:
    hdu = mock.image(mock.FLUX, mock.GRID, "FLUX")
    stored = fits.ImageHDU(np.round(mock.FLUX * 1000).astype("i2"), hdu.header)
    stored.header.update({"BSCALE": 0.001, "BZERO": 0.0, "BLANK": -32768})
    stored.data[7] = -32768
    error = mock.image(mock.ERROR, name="ERR")
    found = read_file(mock.write(tmp_path / "x.fits", mock.table({"x": [1]}), stored, error))
    assert found.n_good[0] < mock.SPECTRUM.n_good[0]
    good = found.ivar[0] > 0
    np.testing.assert_allclose(found.flux[0][good], mock.SPECTRUM.flux[0][good], atol=2e-3)


def test_frequencies_know_of_no_air(tmp_path: Path) -> None:
    path = mock.ONE["table of frequencies"](tmp_path / "x.fits")
    assert not any("vacuum" in text for text in reader_of(path).explain(path).assumed)


def test_no_errors_and_no_names_of_columns(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "two.txt"
    flux = mock.FLUX + rng.normal(0, mock.NOISE, mock.N)
    np.savetxt(path, np.column_stack([mock.WAVE, flux]))
    found = read_file(path)
    assert found.meta[NOISE_KEY].tolist() == [True]
    assert found.sn_median[0] == pytest.approx(mock.SPECTRUM.sn_median[0], rel=0.3)
    told = reader_of(path).explain(path)
    assert any("2 columns have no names" in text for text in told.assumed)
    assert any("noise is estimated" in text for text in told.assumed)


def test_keywords_of_one_object(tmp_path: Path) -> None:
    cards = {**mock.GRID, "Z": 0.25, "NQ": 4, "SPECID": "G09", "CATAID": 12, "RA": 1.5, "DEC": -2.0}
    rows = {"ROW1": "SPECTRUM", "ROW2": "ERROR"}
    path = mock.write(tmp_path / "x.fits", mock.image([mock.FLUX, mock.ERROR], {**cards, **rows}))
    found = read_file(path)
    assert found.z.tolist() == [0.25]
    assert found.meta["specid"].tolist() == ["G09"]
    assert found.meta["cataid"].tolist() == ["12"]
    assert (found.meta["ra"][0], found.meta["dec"][0]) == (1.5, -2.0)
    doubtful = mock.image([mock.FLUX, mock.ERROR], {**cards, **rows, "NQ": 2})
    assert np.isnan(read_file(mock.write(tmp_path / "y.fits", doubtful)).z).all()
    text = read_file(mock.ONE["text with a header"](tmp_path / "x.txt"))
    assert text.meta["object"].tolist() == ["NGC 1"]
    assert text.meta["ra"][0] == pytest.approx(187.5)


@pytest.mark.parametrize(
    ("name", "hdus", "problem"),
    [
        (
            "sky",
            lambda: [mock.image(np.ones((50, 50)), {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"})],
            "images of the sky only",
        ),
        ("frame", lambda: [mock.image(np.ones((50, 50)))], "neither its keywords"),
        ("empty", lambda: [mock.table({"flux": np.zeros(0)})], "no data in it"),
        ("catalog", lambda: [mock.table({"ra": [1.0], "z": [0.1], "flux": [2.0]})], "no spectrum"),
        ("results", lambda: [mock.table({"TARGETID": [1], "Z": [0.1]})], "which array is the flux"),
        (
            "cube",
            lambda: [mock.image(np.ones((3, 4, 50)), mock.GRID)],
            "has 3 axes: extract the spectra",
        ),
        (
            "velocities",
            lambda: [mock.image(mock.FLUX, {**mock.GRID, "CTYPE1": "VELO"})],
            "one of velocities",
        ),
        (
            "upright",
            lambda: [mock.image(mock.FLUX[:, None] * np.ones(3), {"CTYPE2": "WAVE"})],
            "transpose it",
        ),
        (
            "two images",
            lambda: [
                mock.table({"x": [1]}),
                mock.image(mock.FLUX, mock.GRID, "LEFT"),
                mock.image(mock.FLUX, mock.GRID, "RIGHT"),
            ],
            "which image is the flux: LEFT, RIGHT",
        ),
        (
            "lengths",
            lambda: [mock.table({"wave": mock.WAVE[None, :-1], "flux": mock.FLUX[None]})],
            "its wavelengths 399",
        ),
    ],
)
def test_other_files_are_refused_with_a_reason(
    name: str, hdus: object, problem: str, tmp_path: Path
) -> None:
    path = mock.write(tmp_path / f"{name}.fits", *hdus())  # type: ignore[operator]
    with pytest.raises(ReadError, match=rf"{name}\.fits: .*{problem}"):
        read_file(path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("wave,flux\n1,2\n3,4\n", "2 rows of numbers are no spectrum"),
        ("1 2 3\n" * 40 + "1 2\n", "line 41 has 2 fields, the first of numbers 3"),
        ("1 2 3 4\n" * 40, r"which array is the flux among: col1, col2, col3, col4"),
        ("x,y\n" + "1,2\n" * 40, "which array is the flux among: x, y"),
        ("wave flux\n" + "5 2\n" * 40, "rise or fall"),
    ],
)
def test_other_texts_are_refused_with_a_reason(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text(text)
    with pytest.raises(ReadError, match=rf"x\.txt: .*{problem}"):
        read_file(path)


@pytest.mark.parametrize("text", ["hello\nworld\n", "one column\n1\n2\n", "{1: 2}"])
def test_prose_is_not_ours(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text(text)
    with pytest.raises(ReadError, match="no reader knows"):
        find_reader(path)
