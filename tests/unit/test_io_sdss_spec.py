"""SDSS spec files: layouts, keys, masks, labels."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from astropy.io import fits

from gasnet3.flags import ZWarn
from gasnet3.io import ReadError, find_reader, read
from gasnet3.io.survey.sdss import MASKED_BITS, PixMask, apply_mask, spectrum_id
from gasnet3.io.survey.sdss_spec import SdssSpecReader

LOGLAM = np.arange(36000, 36300) * 1e-4
LABEL = {
    "CLASS": ("6A", "QSO"),
    "Z": ("E", 1.5),
    "ZWARNING": ("J", 0),
    "PLATE": ("J", 266),
    "MJD": ("J", 51602),
    "FIBERID": ("J", 1),
    "PLUG_RA": ("D", 146.5),
    "PLUG_DEC": ("D", -0.5),
}
KEYS = {"PLATEID": 266, "MJD": 51602, "FIBERID": 1, "RA": 145.0, "DEC": 0.0}


def spec(
    path, *, keys=KEYS, label=LABEL, case=str.lower, named=True, mask=None, extra=(), form="E"
):
    """Write a file in one of the layouts of SDSS's releases."""
    primary = fits.PrimaryHDU()
    primary.header.update(keys)
    columns = {
        "flux": (form, np.arange(300.0)),
        "loglam": (form, LOGLAM),
        "ivar": (form, np.full(300, 4.0)),
        "and_mask": ("J", np.zeros(300, int) if mask is None else mask),
        "sky": ("E", np.zeros(300)),
    }
    hdus = [primary, table(columns, "COADD" if named else "", case)]
    if label is not None:
        rows = {name: (form, [value]) for name, (form, value) in label.items()}
        hdus.append(table(rows, "SPECOBJ" if named else ""))
    fits.HDUList([*hdus, *extra]).writeto(path)
    return path


def table(columns, name, case=str):
    listed = [fits.Column(case(key), form, array=v) for key, (form, v) in columns.items()]
    return fits.BinTableHDU.from_columns(listed, name=name)


def line_table():
    return table({"LINENAME": ("8A", ["Ha", "Hb"]), "LINEZ": ("E", [0.1, 0.1])}, "SPZLINE")


def exposure():
    return table({"flux": ("E", np.ones(9)), "loglam": ("E", np.ones(9))}, "B1-00022151")


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_layouts(tmp_path, case, named):
    path = spec(tmp_path / "x.fits", case=case, named=named, extra=[line_table(), exposure()])
    spectra = read(path)
    assert spectra.ids.tolist() == ["0266-51602-0001"]
    assert spectra.classes.tolist() == ["QSO"]
    assert spectra.z.tolist() == [1.5]
    assert spectra.zwarn.tolist() == [0]
    seen = spectra.ivar[0] > 0
    np.testing.assert_allclose(spectra.lattice.loglam[seen], LOGLAM, atol=1e-9)
    np.testing.assert_array_equal(spectra.flux[0, seen], np.arange(300.0))
    assert set(spectra.ivar[0, seen]) == {4.0}
    assert {name: column.tolist() for name, column in spectra.meta.items()} == {
        "plate": [266],
        "mjd": [51602],
        "fiberid": [1],
        "ra": [146.5],
        "dec": [-0.5],
        "file": ["x.fits"],
    }


@pytest.mark.parametrize("extra", [[], [line_table()], [exposure()]])
def test_a_file_without_its_label_is_read_without_label(tmp_path, extra):
    spectra = read(spec(tmp_path / "x.fits", label=None, extra=extra))
    assert spectra.ids.tolist() == ["0266-51602-0001"]
    assert spectra.classes.tolist() == [""]
    assert np.isnan(spectra.z).all()
    assert "ra" not in spectra.meta


def test_keys_come_from_the_table_where_the_header_has_none(tmp_path):
    spectra = read(spec(tmp_path / "x.fits", keys={}))
    assert spectra.ids.tolist() == ["0266-51602-0001"]


@pytest.mark.parametrize("name", ["PLATE", "PLATEID"])
def test_plate_has_two_names_and_five_digits(tmp_path, name):
    keys = {name: 10000, "MJD": 57346, "FIBERID": 8}
    assert read(spec(tmp_path / "x.fits", keys=keys)).ids.tolist() == ["10000-57346-0008"]


def test_a_file_that_does_not_say_its_name_has_that_of_the_file(tmp_path):
    path = spec(tmp_path / "strange.fits", keys={"MJD": "unknown", "FIBERID": -4}, label=None)
    spectra = read(path)
    assert spectra.ids.tolist() == ["strange"]
    assert set(spectra.meta) == {"file"}


def test_position_is_the_objects_and_not_the_plates(tmp_path):
    label = {**LABEL, "PLUG_RA": ("D", np.nan), "RA": ("D", 3.0)}
    keys = {**KEYS, "PLUG_RA": 2.0}
    spectra = read(spec(tmp_path / "x.fits", label=label, keys=keys))
    assert spectra.meta["ra"].tolist() == [2.0]
    assert read(spec(tmp_path / "y.fits", label=label)).meta["ra"].tolist() == [3.0]


@pytest.mark.parametrize("bit", list(PixMask))
def test_the_chosen_bits_mask_their_pixel_and_no_other(tmp_path, bit):
    mask = np.zeros(300, int)
    mask[17] = bit
    spectra = read(spec(tmp_path / "x.fits", mask=mask))
    assert spectra.n_good.tolist() == [299 if bit in MASKED_BITS else 300]
    hidden = spectra.ivar[0, 36017 - spectra.lattice.k_min] == 0
    assert hidden == (bit in MASKED_BITS)
    assert spectra.zwarn.tolist() == [0]


def test_sky_left_in_the_flux_is_masked_and_whole_arms_are_not():
    residuals = (PixMask.BRIGHTSKY, PixMask.BADSKYCHI, PixMask.REDMONSTER, PixMask.SCATTEREDLIGHT)
    arms = (PixMask.MANYBADCOLUMNS, PixMask.MANYREJECTED, PixMask.WHOPPER, PixMask.NODATA)
    ivar = np.ones(4)
    assert not apply_mask(ivar, np.array(residuals, int)).any()
    assert apply_mask(ivar, np.array(arms, int)).all()
    assert MASKED_BITS.value == 0x1ED4000F


def test_flags_known_before_any_fit(tmp_path):
    sky = read(spec(tmp_path / "a.fits", label={**LABEL, "TARGETTYPE": ("8A", "SKY")}))
    assert sky.zwarn.tolist() == [ZWarn.SKY]
    sky = read(spec(tmp_path / "b.fits", label={**LABEL, "OBJTYPE": ("16A", "SKY")}))
    assert sky.zwarn.tolist() == [ZWarn.SKY]
    unplugged = read(spec(tmp_path / "c.fits", mask=np.ones(300, int)))
    assert unplugged.zwarn.tolist() == [ZWarn.UNPLUGGED | ZWarn.NODATA]
    fit_too = ZWarn.BAD_TARGET | ZWarn.SMALL_DELTA_CHI2 | 1 << 4  # MANY_OUTLIERS
    bad = read(spec(tmp_path / "d.fits", label={**LABEL, "ZWARNING": ("J", int(fit_too))}))
    assert bad.zwarn.tolist() == [ZWarn.BAD_TARGET]
    science = read(spec(tmp_path / "e.fits", label={**LABEL, "OBJTYPE": ("16A", "SKYLINE")}))
    assert science.zwarn.tolist() == [0]


def test_gzip_whatever_the_name(tmp_path):
    plain = spec(tmp_path / "x.fits")
    zipped = tmp_path / "zipped.dat"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    a, b = read(plain), read(zipped)
    np.testing.assert_array_equal(a.flux, b.flux)
    assert a.ids.tolist() == b.ids.tolist()
    assert find_reader(zipped).name == "sdss-spec"
    for size in (20, 500, len(zipped.read_bytes()) // 2):
        broken = tmp_path / f"broken-{size}.dat"
        broken.write_bytes(zipped.read_bytes()[:size])
        with pytest.raises(ReadError, match=r"gzip stream is broken|no reader knows"):
            read(broken)


def test_a_table_without_ivar_is_not_a_spec_file(tmp_path):
    path = tmp_path / "x.fits"
    columns = {"flux": ("E", np.ones(9)), "loglam": ("E", np.ones(9))}
    fits.HDUList([fits.PrimaryHDU(), table(columns, "COADD")]).writeto(path)
    with pytest.raises(ReadError, match=r"x\.fits: no spectra were found"):
        read(path)


SDSS_V = {
    "FIELD": ("J", 15000),
    "MJD": ("J", 59146),
    "SDSS_ID": ("K", 23326),
    "OBJTYPE": ("16A", "science"),
    "FIBER_RA": ("D", 10.5),
    "FIBER_DEC": ("D", -1.5),
    "CLASS": ("6A", "STAR"),
    "Z": ("E", 1e-4),
    "ZWARNING": ("J", 0),
}


@pytest.mark.parametrize("catalogid", [("K", 27021597775141063), ("34A", "27021597775141063")])
def test_sdss_v_is_named_by_field_mjd_and_catalogid(tmp_path, catalogid):
    label = {**SDSS_V, "CATALOGID": catalogid}
    keys = {"FIELDID": 15000, "MJD": 59146, "RA": 11.0, "DEC": 0.0}
    spectra = read(spec(tmp_path / "x.fits", keys=keys, label=label, case=str.upper))
    assert spectra.ids.tolist() == ["015000-59146-27021597775141063"]
    assert spectra.classes.tolist() == ["STAR"]
    assert spectra.zwarn.tolist() == [0]
    assert {name: column.tolist() for name, column in spectra.meta.items()} == {
        "mjd": [59146],
        "field": [15000],
        "catalogid": [27021597775141063],
        "sdss_id": [23326],
        "ra": [10.5],
        "dec": [-1.5],
        "file": ["x.fits"],
    }


def test_sdss_v_without_a_catalogid_and_of_sky(tmp_path):
    label = {**SDSS_V, "CATALOGID": ("34A", "u4375786564"), "OBJTYPE": ("16A", "SKY")}
    spectra = read(spec(tmp_path / "x.fits", keys={"OBJECT": "x1"}, label=label))
    assert spectra.ids.tolist() == ["x1"]
    assert "catalogid" not in spectra.meta
    assert spectra.zwarn.tolist() == [ZWarn.SKY]


@pytest.mark.parametrize("form", ["E", "D"])
def test_columns_in_single_and_double_precision(tmp_path, form):
    double = spec(tmp_path / "x.fits", form=form)
    spectra = read(double)
    seen = spectra.ivar[0] > 0
    np.testing.assert_array_equal(spectra.flux[0, seen], np.arange(300.0))


def test_what_was_understood(tmp_path):
    told = SdssSpecReader().explain(spec(tmp_path / "x.fits"))
    assert ("mask", "column AND_MASK of HDU 1") in told.used
    assert ("z", "column Z of HDU 2") in told.used


def test_names_keep_their_zeros():
    assert spectrum_id(266, 51602, 1) == "0266-51602-0001"
    assert spectrum_id(15171, 59000, 1000) == "15171-59000-1000"
