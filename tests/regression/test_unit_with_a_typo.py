"""A unit with a typing error in ``--unit`` was taken for none, and only inspect told."""

from __future__ import annotations

import pytest

from gasnet3.io import ReadOptions


@pytest.mark.parametrize("text", ["flux=mJY", "wave=nmm", "error=1e-17 erg/s/cm2/Ao"])
def test_a_unit_that_is_not_known_is_refused(text):
    with pytest.raises(ValueError, match="is not known: write it as astropy does"):
        ReadOptions.parse(units=[text])


@pytest.mark.parametrize(
    "text", ["flux=mJy", "flux=none", "wave=log10(nm)", "wave=ln Angstrom", "loglam=log", "flux=ct"]
)
def test_units_are_taken(text):
    assert ReadOptions.parse(units=[text]).units == (tuple(text.split("=")),)
