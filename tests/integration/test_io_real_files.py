"""Our reader beside astropy on files as SDSS delivers them."""

from __future__ import annotations

import csv
import gzip

import numpy as np
import pytest
from astropy.io import fits

from gasnet3 import Spectra, ZWarn
from gasnet3.io import ReadError, count_rows, expand, find_reader, iter_batches, read, read_rows
from gasnet3.io.survey.sdss import MASKED_BITS

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


def test_zipped_by_rows_and_in_batches_they_are_the_same(files, tmp_path):
    whole = read(files)
    for path in files:
        zipped = tmp_path / f"{path.name}.gz"
        zipped.write_bytes(gzip.compress(path.read_bytes(), 1))
        assert count_rows(path) == count_rows(zipped) == 1
    failures = []
    ways = {
        "zipped": Spectra.concatenate(list(iter_batches(tmp_path, 7, failures))),
        "rows": Spectra.concatenate([read_rows(path, 0, 1) for path in files]),
    }
    assert not failures
    order = np.argsort([f"{path.name}.gz" for path in files])
    for way, spectra in ways.items():
        expected = whole[order] if way == "zipped" else whole
        assert spectra.ids.tolist() == expected.ids.tolist()
        for name in ("flux", "ivar", "z", "zwarn"):
            assert getattr(spectra, name).tobytes() == getattr(expected, name).tobytes(), name


READERS = {
    **dict.fromkeys(FOLDERS, "sdss-spec"),
    "sdss-dr7-spSpec": "sdss-spspec",
    "lamost": "lamost",
    "desi": "desi",
}


def test_every_file_has_its_reader_and_answers_of_other_codes_are_refused(shared_dir):
    """Every file of the folder is read by a reader that was checked on it, or is an error."""
    found = [path for path in expand(shared_dir / "data/raw") if path.suffix != ".csv"]
    answers = [path for path in found if path.name.startswith("redrock")]
    assert len(found) >= 65
    for path in found:
        if path not in answers:
            assert find_reader(path).name == READERS[path.parent.name], path.name
            assert count_rows(path) == len(read(path)) >= 1
    assert len(answers) == 1
    for path in answers:
        with pytest.raises(ReadError):
            read(path)
        with pytest.raises(ReadError):
            count_rows(path)


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
