"""A mask whose value 1 is good was taken for its inverse, and masks of other names for nothing."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from gasnet3.flags import ZWarn
from gasnet3.io import read_file
from gasnet3.io.generic.masks import said_good

WAVE = np.linspace(4000.0, 8000.0, 2000)
BAD = np.zeros(WAVE.size, int)
BAD[300:400] = 1


def read_table(path, mask, values, *, comment="", card=None, ivar=False):
    columns = {"wave": WAVE, "flux": np.where(BAD == 1, 900.0, 1.0)}
    columns["ivar" if ivar else "err"] = np.where(BAD == 1, 0.0, 100.0) if ivar else 0.1 + 0 * WAVE
    hdu = fits.BinTableHDU(Table({**columns, mask: values}))
    hdu.header.comments["TTYPE4"] = comment
    hdu.header.update(card or {})
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    return read_file(path)


def check(spectra):
    assert spectra.flux[spectra.ivar > 0].max() < 1.1
    assert spectra.n_good[0] > 2000
    assert spectra.zwarn[0] == 0


@pytest.mark.parametrize("name", ["pixel_mask", "DATAQUAL", "bpm", "cr_mask", "DQ_FLAGS"])
def test_names_of_masks(name, tmp_path):
    check(read_table(tmp_path / "x.fits", name, BAD))


def test_what_a_comment_says(tmp_path):
    said = "Data quality: 1=good, 0=bad"
    check(read_table(tmp_path / "x.fits", "DATAQUAL", 1 - BAD, comment=said))


def test_what_a_data_model_says(tmp_path):
    check(read_table(tmp_path / "x.fits", "mask", 1 - BAD, card={"DMODCLS": "OneSpec"}))


def test_what_pixels_without_weight_say(tmp_path):
    check(read_table(tmp_path / "x.fits", "mask", 1 - BAD, ivar=True))


def test_a_mask_that_leaves_little_is_doubted(tmp_path):
    spectra = read_table(tmp_path / "x.fits", "mask", 1 - BAD)
    assert spectra.zwarn[0] & int(ZWarn.POORDATA)


@pytest.mark.parametrize(
    ("text", "good"),
    [("1=good, 0=bad", True), ("0 is good", False), ("bad pixels", None), ("True: bad", False)],
)
def test_comments(text, good):
    assert said_good(text) is good
