"""SDSS DR7 spSpec files: errors, masks, keys, labels."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from gasnet3 import ZWarn
from gasnet3.io import ReadError, count_rows, find_reader, read, read_rows
from gasnet3.io.survey.sdss import PixMask
from gasnet3.io.survey.sdss_spspec import SdssSpSpecReader
from mock_surveys import spspec

EMISSION_LINE = 1 << 30


def good(spectra):
    """Which pixels of the file are not masked."""
    first = 36000 - spectra.lattice.k_min
    return spectra.ivar[0, first : first + 300] > 0


def test_a_file(tmp_path):
    path = spspec(tmp_path / "x.fit")
    assert find_reader(path).name == "sdss-spspec"
    spectra = read(path)
    assert spectra.ids.tolist() == ["0266-51630-0027"]
    assert spectra.classes.tolist() == ["GALAXY"]
    assert spectra.z.tolist() == [0.0415]
    assert spectra.zwarn.tolist() == [0]
    seen = spectra.ivar[0] > 0
    np.testing.assert_allclose(spectra.lattice.loglam[seen], 3.6 + 1e-4 * np.arange(300), atol=1e-9)
    np.testing.assert_array_equal(spectra.flux[0, seen], np.arange(1.0, 301))
    assert set(spectra.ivar[0, seen]) == {4.0}
    assert {name: column.tolist() for name, column in spectra.meta.items()} == {
        "plate": [266],
        "mjd": [51630],
        "fiberid": [27],
        "ra": [146.5],
        "dec": [-0.5],
        "resolution_sigma": [0.9],
        "file": ["x.fit"],
    }
    zipped = tmp_path / "x.fit.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    assert count_rows(zipped) == 1
    assert read_rows(zipped, 0, 1).flux.tobytes() == spectra.flux.tobytes()
    assert len(read_rows(path, 0, 0)) == 0


def test_an_error_of_nothing_is_masked_and_one_that_is_no_number_is_poor(tmp_path):
    error = np.full(300, 0.5)
    error[:3] = 0
    error[5] = -1
    spectra = read(spspec(tmp_path / "x.fit", replaced={2: error}))
    assert np.flatnonzero(~good(spectra)).tolist() == [0, 1, 2, 5]
    assert spectra.zwarn.tolist() == [0]
    error[7] = np.nan
    spectra = read(spspec(tmp_path / "y.fit", replaced={2: error}))
    assert np.flatnonzero(~good(spectra)).tolist() == [0, 1, 2, 5, 7]
    assert spectra.zwarn.tolist() == [ZWarn.POORDATA]


def test_the_table_of_masks_wins_over_the_image(tmp_path):
    of_image, of_table = np.zeros(300), np.zeros(300, int)
    of_image[:10] = float(PixMask.BRIGHTSKY)
    of_image[10:20] = EMISSION_LINE
    of_table[50] = PixMask.BRIGHTSKY
    of_table[60] = PixMask.NEARBADPIXEL
    rows = {3: of_image}
    alone = read(spspec(tmp_path / "x.fit", replaced=rows))
    assert np.flatnonzero(~good(alone)).tolist() == list(range(10))
    both = read(spspec(tmp_path / "y.fit", replaced=rows, and_mask=of_table))
    assert np.flatnonzero(~good(both)).tolist() == [50]


def test_an_unplugged_fibre(tmp_path):
    spectra = read(spspec(tmp_path / "x.fit", and_mask=np.full(300, int(PixMask.NOPLUG))))
    assert spectra.zwarn.tolist() == [ZWarn.UNPLUGGED | ZWarn.NODATA]


@pytest.mark.parametrize(
    ("keys", "cls", "measured"),
    [
        ({"SPEC_CLN": 1}, "STAR", True),
        ({"SPEC_CLN": 3}, "QSO", True),
        ({"SPEC_CLN": 4}, "QSO", True),
        ({"SPEC_CLN": 6}, "STAR", True),
        ({"SPEC_CLN": 7}, "GALAXY", True),
        ({"SPEC_CLN": 0}, "", False),
        ({"Z_STATUS": 1}, "GALAXY", False),
        ({"Z": -9999.0}, "GALAXY", False),
    ],
)
def test_labels(tmp_path, keys, cls, measured):
    spectra = read(spspec(tmp_path / "x.fit", keys=keys))
    assert spectra.classes.tolist() == [cls]
    assert np.isfinite(spectra.z).tolist() == [measured]


@pytest.mark.parametrize("keys", [{"SPEC_CLN": 5}, {"OBJTYPE": "SKY"}])
def test_sky_fibres(tmp_path, keys):
    assert read(spspec(tmp_path / "x.fit", keys=keys)).zwarn.tolist() == [ZWarn.SKY]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keys": {"PLATEID": "none"}}, "no usable PLATEID, MJD or FIBERID"),
        ({"keys": {"COEFF1": -1.0}}, "COEFF0 and COEFF1 must be numbers"),
        ({"and_mask": np.zeros(7, int)}, "300 pixels but 7 masks"),
    ],
)
def test_files_that_lack_something(tmp_path, change, message):
    with pytest.raises(ReadError, match=message):
        SdssSpSpecReader().read(spspec(tmp_path / "x.fit", **change))


def test_what_was_understood(tmp_path):
    told = SdssSpSpecReader().explain(spspec(tmp_path / "x.fit"))
    assert ("flux", "row 0 of the primary image [1.0E-17 erg/cm/s/Ang]") in told.used
