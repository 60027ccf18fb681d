"""A FITS unit of negative size was read again and again, until memory ran out."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from gasnet3.catalog import CatalogError, read_catalog
from gasnet3.io import ReadError, read
from gasnet3.io.write_models import read_models


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    path = tmp_path / "damaged.fits"
    image = fits.PrimaryHDU(np.ones(400))
    image.header.update(CRVAL1=5000.0, CDELT1=2.0, CUNIT1="Angstrom")
    table = fits.BinTableHDU.from_columns([fits.Column("class", "4A", array=["STAR"])])
    fits.HDUList([image, table]).writeto(path)
    whole = path.read_bytes()
    path.write_bytes(
        whole.replace(b"NAXIS1  =                  400", b"NAXIS1  =                 -400")
    )
    return path


def test_spectra(damaged: Path) -> None:
    with pytest.raises(ReadError, match="HDU 0 claims a negative size"):
        read(damaged)


def test_a_catalog(damaged: Path) -> None:
    with pytest.raises(CatalogError, match="HDU 0 claims a negative size"):
        read_catalog(damaged)


def test_models(damaged: Path) -> None:
    with pytest.raises(ReadError, match="HDU 0 claims a negative size"):
        next(iter(read_models(damaged)))
