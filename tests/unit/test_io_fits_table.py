"""The direct FITS table parser against astropy, and against damage."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from gasnet3.io import ReadError, fits_table
from gasnet3.io.packed import open_unpacked

COLUMNS = {
    "A": ("E", np.arange(5, dtype=np.float32) / 3),
    "BITS": ("11X", np.zeros((5, 11), bool)),
    "SMALL": ("I", np.arange(5) - 2),
    "wide": ("7J", np.ones((5, 7), int)),
    "BYTE": ("B", np.arange(250, 255)),
    "NAME": ("9A", ["ab", "", " c", "d'e", "123456789"]),
    "BIG": ("K", np.arange(5) * 10**15),
    "Double": ("D", np.arange(5) / 7),
    "HEAP": ("PE()", [np.ones(3, np.float32)] * 5),
}


def write(path, columns=COLUMNS, header=None):
    listed = [fits.Column(name, form, array=v) for name, (form, v) in columns.items()]
    hdu = fits.BinTableHDU.from_columns(listed)
    hdu.header.update(header or {})
    image = fits.PrimaryHDU(np.zeros((3, 1000), np.int16))
    fits.HDUList([image, hdu, fits.ImageHDU(np.ones(3))]).writeto(path)
    return path


def columns(path, wanted):
    """Columns of the first extension, and the header after it."""
    with open_unpacked(path) as stream:
        fits_table.skip_data(stream, fits_table.read_header(stream, path), path)
        header = fits_table.read_header(stream, path)
        assert fits_table.is_table(header)
        found = fits_table.read_columns(stream, header, path, wanted)
        return found, fits_table.read_header(stream, path)


def test_plain_columns_as_astropy_reads_them(tmp_path):
    path = write(tmp_path / "x.fits")
    wanted = ["A", "SMALL", "BYTE", "NAME", "BIG", "DOUBLE", "ABSENT"]
    kinds = {"A": "f", "SMALL": "i", "BYTE": "i", "NAME": "U", "BIG": "i", "DOUBLE": "f"}
    found, after = columns(path, wanted)
    assert list(found) == wanted[:-1]
    assert fits_table.header_text(after, "XTENSION") == "IMAGE"
    with fits.open(path) as hdus:
        for name, column in found.items():
            expected = hdus[1].data[name]
            assert column.dtype.kind == kinds[name]
            if column.dtype.kind == "U":
                assert column.tolist() == [str(text).strip() for text in expected]
            else:
                np.testing.assert_array_equal(column, expected)


@pytest.mark.parametrize("name", ["WIDE", "BITS", "HEAP"])
def test_columns_of_other_kinds_are_refused_only_when_wanted(tmp_path, name):
    path = write(tmp_path / "x.fits")
    columns(path, ["A"])
    with pytest.raises(ReadError, match=f"column {name} is not one plain value a row"):
        columns(path, [name])


def test_scaled_columns_are_refused(tmp_path):
    path = write(tmp_path / "x.fits", header={"TZERO3": 32768})
    columns(path, ["A"])
    with pytest.raises(ReadError, match="column SMALL is not one plain value a row"):
        columns(path, ["SMALL"])


def test_a_table_without_rows(tmp_path):
    empty = {"A": ("E", np.zeros(0)), "N": ("J", np.zeros(0, int)), "T": ("5A", np.zeros(0, "U5"))}
    found, _ = columns(write(tmp_path / "x.fits", empty), ["A", "N", "T"])
    assert {name: column.shape for name, column in found.items()} == dict.fromkeys("ANT", (0,))


def test_text_that_is_not_ascii_is_dropped(tmp_path):
    path = write(tmp_path / "x.fits")
    path.write_bytes(path.read_bytes().replace(b"123456789", b"1234\xff6789"))
    found, _ = columns(path, ["NAME"])
    assert found["NAME"].tolist() == ["ab", "", "c", "d'e", ""]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"NAXIS1  =", b"NAXIS9  =", "NAXIS1 is missing"),
        (b"TFIELDS =                    9", b"TFIELDS =                 9999", "9999 columns"),
        (b"TFIELDS =                    9", b"TFIELDS =                    8", "do not fill"),
        (b"TFIELDS =                    9", b"TFIELDS =                   -1", "not a count"),
        (b"TFORM1  = 'E", b"TFORM1  = 'Z", "no known format"),
        (b"TFORM1  = 'E", b"TFORM1  = 'D", "do not fill"),
        (b"NAXIS2  =                    5", b"NAXIS2  =            500000000", "claims"),
        (b"NAXIS2  =                    5", b"NAXIS2  =                 5000", "the file ends"),
    ],
)
def test_damaged_headers_say_what_and_where(tmp_path, old, new, message):
    path = write(tmp_path / "damaged.fits")
    data = path.read_bytes()
    at = data.index(old, data.index(b"XTENSION"))
    path.write_bytes(data[:at] + new + data[at + len(new) :])
    with pytest.raises(ReadError, match=rf"damaged\.fits: .*{message}.*fetch it again"):
        columns(path, ["A"])


def test_a_header_without_end(tmp_path):
    path = tmp_path / "x.fits"
    path.write_bytes(b"SIMPLE  =                    T".ljust(80) * 36 * 3)
    with (
        pytest.raises(ReadError, match="no END card"),
        open_unpacked(path) as stream,
    ):
        fits_table.read_header(stream, path)


def test_header_values():
    def card(text):
        return text.encode().ljust(72)

    header = {
        b"TEXT    ": card("= 'SPECOBJ ' / a comment"),
        b"NUMBER  ": card("=                  -12 / a comment"),
        b"QUOTED  ": card("= '0266    '"),
        b"REAL    ": card("=              1.5D+02"),
        b"BROKEN  ": card("=              1.5e5e5"),
    }
    assert fits_table.header_text(header, "TEXT") == "SPECOBJ"
    assert fits_table.header_text(header, "NUMBER") == ""
    assert fits_table.header_int(header, "NUMBER") == -12
    assert fits_table.header_int(header, "QUOTED") == 266
    assert fits_table.header_int(header, "REAL") is None
    assert fits_table.header_float(header, "REAL") == 150.0
    assert fits_table.header_float(header, "NUMBER") == -12.0
    assert np.isnan(fits_table.header_float(header, "BROKEN"))
    assert np.isnan(fits_table.header_float(header, "ABSENT"))


def test_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(ReadError, match="cannot be read"), open_unpacked(tmp_path):
        pass


def test_columns_of_several_numbers_where_they_are_asked_for(tmp_path):
    path = write(tmp_path / "x.fits")
    with open_unpacked(path) as stream:
        fits_table.skip_data(stream, fits_table.read_header(stream, path), path)
        header = fits_table.read_header(stream, path)
        found = fits_table.read_columns(stream, header, path, ["WIDE", "A"], arrays=True)
    assert found["WIDE"].tolist() == [[1] * 7] * 5
    assert found["WIDE"].dtype == np.int64
    assert found["A"].shape == (5,)


def image(path, rows=None):
    """The image of the first extension, and the header after it."""
    with open_unpacked(path) as stream:
        fits_table.skip_data(stream, fits_table.read_header(stream, path), path)
        header = fits_table.read_header(stream, path)
        pixels = fits_table.read_image(stream, header, path, rows)
        return pixels, fits_table.read_header(stream, path)


def write_image(path, pixels, **keywords):
    hdu = fits.ImageHDU(pixels, name="IT")
    hdu.header.update(keywords)
    fits.HDUList([fits.PrimaryHDU(), hdu, fits.ImageHDU(name="NEXT")]).writeto(path)
    return path


@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "i8", "f4", "f8", "u2", "u4"])
def test_images_as_astropy_reads_them(tmp_path, kind):
    pixels = np.arange(7 * 400).reshape(7, 400).astype(kind)
    path = write_image(tmp_path / "x.fits", pixels)
    for rows in (None, [0, 1, 2], [6], [], [0, 2, 3, 6]):
        wanted = None if rows is None else np.array(rows, np.int64)
        found, after = image(path, wanted)
        np.testing.assert_array_equal(found, pixels if rows is None else pixels[rows])
        assert found.dtype.isnative
        assert fits_table.header_text(after, "EXTNAME") == "NEXT"
    found, _ = image(write_image(tmp_path / "y.fits", pixels[0]))
    np.testing.assert_array_equal(found, pixels[0])


@pytest.mark.parametrize(
    ("pixels", "keywords"),
    [
        (np.ones((2, 3), np.float32), {"BSCALE": 2.0}),
        (np.ones((2, 3), np.float32), {"BZERO": 5.0}),
        (np.ones((2, 2, 2), np.float32), {}),
        (None, {}),
    ],
)
def test_images_of_other_kinds_are_refused(tmp_path, pixels, keywords):
    path = write_image(tmp_path / "x.fits", np.ones((2, 3), np.float32) if keywords else pixels)
    if keywords:  # astropy would apply them when it writes
        card, value = keywords.popitem()
        old = b"GCOUNT  =                    1"
        new = f"{card:8s}= {value:20.1f}".encode()
        path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(ReadError, match="an image is not one or two plain axes of numbers"):
        image(path)


def test_rows_that_an_image_has_not_and_an_image_cut_off(tmp_path):
    path = write_image(tmp_path / "x.fits", np.ones((4, 900), np.float32))
    with pytest.raises(ReadError, match="an image has 4 rows, not the ones asked for"):
        image(path, np.array([2, 4]))
    path.write_bytes(path.read_bytes()[: 2880 * 2 + 900 * 4 * 3])
    for rows in ([0, 2], [3]):
        with pytest.raises(ReadError, match="the file ends 3600 bytes before its data do"):
            image(path, np.array(rows))
