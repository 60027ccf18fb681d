"""Missing values of netCDF, -999 or 9.97e36, were flux where no scale was given beside them."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import zarr

from gasnet3.io import read

WAVE = np.arange(5000.0, 5100.0)


@pytest.mark.parametrize("ending", ["nc", "zarr"])
@pytest.mark.parametrize(
    ("kind", "fill"), [("f4", -999.9), ("f8", 9.969209968386869e36), ("i2", -32768)]
)
def test_missing_pixels_are_masked(tmp_path, ending, kind, fill):
    path = tmp_path / f"x.{ending}"
    flux = np.full((2, 100), 7, kind)
    flux[:, 40:60] = fill
    arrays = {"flux": flux, "err": np.ones((2, 100)), "wave": WAVE, "id": [2**60 + 1, 2**60 + 3]}
    if ending == "nc":
        with h5py.File(path, "w") as file:
            for name, values in arrays.items():
                file[name] = values
            file["flux"].attrs["_FillValue"] = np.array([fill], kind)
            file["id"].attrs["missing_value"] = -1
    else:
        store = zarr.open_group(path, mode="w")
        for name, values in arrays.items():
            store.create_array(name, data=np.asarray(values))
        store["flux"].attrs["_FillValue"] = fill
    spectra = read(path)
    wave, seen = spectra.lattice.wave, spectra.ivar[0] > 0
    assert (spectra.flux[0][seen] == 7).all()
    assert seen[(wave > 5002) & (wave < 5038)].all()
    assert not seen[(wave > 5041) & (wave < 5058)].any()
    assert spectra.ids.tolist() == [str(2**60 + 1), str(2**60 + 3)]
