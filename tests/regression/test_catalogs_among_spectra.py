"""A catalog given as spectra was once told to need --column, or to be redrock's."""

import pytest
from astropy.io import fits

from gasnet3 import __version__, classify_files, io, samples
from gasnet3.catalog import read_catalog, write_catalog


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    path = tmp_path_factory.mktemp("catalog") / "catalog.parquet"
    classify_files(samples.paths()[:2], path, solver="amortised")
    return read_catalog(path)


@pytest.mark.parametrize(
    ("name", "dialect"),
    [("a.fits", "native"), ("a.fits", "sdss"), ("a.fits", "redrock"), ("a.csv", "native")],
)
def test_a_catalog_is_told_as_one(tmp_path, catalog, name, dialect):
    write_catalog(catalog, tmp_path / name, dialect=dialect)
    with pytest.raises(io.ReadError, match="a catalog that gasnet3 wrote: it has no spectra"):
        io.read(tmp_path / name)


def test_the_version_is_in_the_primary_header(tmp_path, catalog):
    write_catalog(catalog, tmp_path / "a.fits")
    assert fits.getheader(tmp_path / "a.fits")["CREATOR"] == f"gasnet3 {__version__}"
