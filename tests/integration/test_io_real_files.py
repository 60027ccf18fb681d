"""Our reader beside astropy on files as SDSS delivers them."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from astropy.io import fits

from gasnet3 import ZWarn
from gasnet3.io import find_reader, read
from gasnet3.io.sdss import MASKED_BITS

FOLDERS = ("sdss-spec", "sdss-spec-full", "sdss-sky")


@pytest.fixture(scope="module")
def files(shared_dir):
    found = sorted(p for name in FOLDERS for p in (shared_dir / "data/raw" / name).glob("*.fits"))
    assert len(found) >= 40
    return found


def test_every_file_as_astropy_reads_it(files):
    for path in files:
        spectra = read(path)
        assert find_reader(path).name == "sdss-spec"
        with fits.open(path) as hdus:
            header, label = hdus[0].header, hdus[2].data
            coadd = {name.lower(): hdus[1].data[name] for name in hdus[1].columns.names}
        pixel = np.rint(coadd["loglam"].astype(float) * 1e4).astype(int) - spectra.lattice.k_min
        inside = (pixel >= 0) & (pixel < spectra.lattice.n)
        masked = coadd["and_mask"] & int(MASKED_BITS) != 0
        ivar = np.zeros(spectra.lattice.n)
        ivar[pixel[inside]] = np.where(masked, 0, coadd["ivar"])[inside]
        flux = np.zeros(spectra.lattice.n)
        flux[pixel[inside]] = coadd["flux"][inside]
        np.testing.assert_array_equal(spectra.ivar[0], ivar, err_msg=path.name)
        np.testing.assert_array_equal(spectra.flux[0], np.where(ivar > 0, flux, 0))
        assert spectra.z[0] == float(label["Z"][0])
        assert spectra.classes[0] == label["CLASS"][0].strip()
        keys = [spectra.meta[name][0] for name in ("plate", "mjd", "fiberid")]
        assert keys == [header["PLATEID"], header["MJD"], header["FIBERID"]]
        assert spectra.meta["ra"][0] == float(label["PLUG_RA"][0])
        assert spectra.meta["dec"][0] == float(label["PLUG_DEC"][0])
        name = path.stem.removeprefix("spec-").removesuffix("-edge-on").removesuffix("-pole-on")
        assert spectra.ids[0] == name


def test_labels_are_those_of_the_truth_table(files, shared_dir):
    with (shared_dir / "data/raw/truth.csv").open() as stream:
        truth = {row["file"]: row for row in csv.DictReader(stream)}
    spectra = read(
        [path for path in files if path.name in truth and path.parent.name != "sdss-sky"]
    )
    assert len(spectra) >= 30
    for file, cls, z in zip(spectra.meta["file"], spectra.classes, spectra.z, strict=True):
        assert cls == truth[file]["cls"], file
        assert z == pytest.approx(float(truth[file]["z"]), rel=1e-6), file


def test_sky_fibres_are_flagged_and_others_are_not(files):
    for path in files:
        sky = path.parent.name == "sdss-sky"
        assert read(path).zwarn.tolist() == [ZWarn.SKY if sky else 0], path.name


def test_the_strong_sky_line_leaves_no_spike(files):
    """One mask bit wrong near 5577 Å makes a line at every redshift."""
    for path in files:
        if path.parent.name != "sdss-sky":
            continue
        spectra = read(path)
        wave, sigma = spectra.lattice.wave, np.sqrt(spectra.ivar[0])
        near = (np.abs(wave - 5579) < 8) & (sigma > 0)
        assert np.abs(spectra.flux[0] * sigma)[near].max(initial=0) < 6, path.name
