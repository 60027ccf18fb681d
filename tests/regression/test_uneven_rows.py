"""One row whose arrays differ in length made a whole FITS or HDF5 file unreadable."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from astropy.io import fits

from gasnet3.flags import ZWarn
from gasnet3.io import ReadError, read, read_rows

WAVE = np.arange(5000.0, 5100.0)
LISTS = {
    "wave": [WAVE, WAVE[:60], WAVE[:80]],
    "flux": [WAVE, WAVE[:60], WAVE[:80]],
    "err": [WAVE, WAVE[:59], WAVE[:80]],
}


def _write(path, rows):
    lists = {name: values[rows] for name, values in LISTS.items()}
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            for name, values in lists.items():
                kind = h5py.vlen_dtype(np.float64)
                file.create_dataset(name, (len(values),), dtype=kind)
                for row, one in enumerate(values):
                    file[name][row] = one
        return
    columns = []
    for name, values in lists.items():
        array = np.empty(len(values), object)
        array[:] = values
        columns.append(fits.Column(name, "PD()", array=array))
    fits.BinTableHDU.from_columns(columns).writeto(path)


@pytest.mark.parametrize("ending", ["h5", "fits"])
def test_the_other_rows_are_read(tmp_path, ending):
    path = tmp_path / f"x.{ending}"
    _write(path, slice(0, 3))
    spectra = read(path)
    lost = (spectra.zwarn & int(ZWarn.NODATA)) != 0
    assert lost.tolist() == [False, True, False]
    assert (spectra.n_good > 0).tolist() == [True, False, True]
    alone = read_rows(path, 1, 2)
    assert alone.zwarn.tolist() == spectra.zwarn[1:2].tolist()


def test_of_a_single_spectrum_the_reason_is_told(tmp_path):
    path = tmp_path / "x.fits"
    _write(path, slice(1, 2))
    with pytest.raises(ReadError, match="flux has 60 pixels, its uncertainty 59"):
        read(path)
