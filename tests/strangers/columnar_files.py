"""HDF5, Parquet and Zarr as strangers write them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from strangers.samples import Sample, rows


def mmu_hdf5(path: Path, spectra: Sequence[Sample]) -> None:
    """As the MultimodalUniverse writes a healpix of DESI or SDSS."""
    import h5py

    with h5py.File(path, "w") as file:
        for name, values in (
            ("spectrum_flux", rows(spectra, "flux")),
            ("spectrum_ivar", rows(spectra, "ivar")),
            ("spectrum_lambda", rows(spectra, "wave")),
            ("spectrum_mask", rows(spectra, "ivar") == 0),
            ("Z", np.array([0.0, 0.0, 0.0])),
            ("ZERR", np.array([0.0, 0.0, 0.0])),
            ("ra", np.array([1.0, 2.0, 3.0])),
            ("dec", np.array([1.0, 2.0, 3.0])),
            ("object_id", np.array([sample.id.encode() for sample in spectra])),
        ):
            file[name] = values


def big_endian_hdf5(path: Path, spectra: Sequence[Sample]) -> None:
    """Groups, big-endian numbers, one grid, log10."""
    import h5py

    with h5py.File(path, "w") as file:
        group = file.create_group("coadd")
        group["loglam"] = np.log10(spectra[0].wave).astype(">f8")
        group["flux"] = rows(spectra, "flux").astype(">f4")
        group["ivar"] = rows(spectra, "ivar").astype(">f4")
        group["specobjid"] = np.array([sample.id.encode() for sample in spectra])


def nested_parquet(path: Path, spectra: Sequence[Sample]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    nested = [
        {"flux": s.flux.tolist(), "ivar": s.ivar.tolist(), "lambda": s.wave.tolist(),
         "mask": (s.ivar == 0).tolist()}
        for s in spectra
    ]  # fmt: skip
    pq.write_table(pa.table({"object_id": [s.id for s in spectra], "spectrum": nested}), path)


def sparcl_parquet(path: Path, spectra: Sequence[Sample]) -> None:
    """Lists of any length, labels beside them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    cut = [slice(0, 4000), slice(10, None), slice(None)]
    named: dict[str, list[Any]] = {
        name: [getattr(s, of)[part].tolist() for s, part in zip(spectra, cut, strict=False)]
        for name, of in (("flux", "flux"), ("wavelength", "wave"), ("ivar", "ivar"))
    }
    named |= {"sparcl_id": [s.id for s in spectra], "redshift": [s.z for s in spectra],
              "spectype": [s.cls for s in spectra]}  # fmt: skip
    pq.write_table(pa.table(named), path)


def zarr_store(path: Path, spectra: Sequence[Sample]) -> None:
    import zarr

    group = zarr.open_group(path, mode="w")
    for name, values in (
        ("wave", spectra[0].wave),
        ("flux", rows(spectra, "flux")),
        ("error", rows(spectra, "error")),
    ):
        array = group.create_array(name, shape=values.shape, dtype=values.dtype)
        array[:] = values


def netcdf(path: Path, spectra: Sequence[Sample]) -> None:
    """As xarray writes it with h5netcdf: dimensions, attributes."""
    import h5py

    with h5py.File(path, "w") as file:
        file["wavelength"] = spectra[0].wave / 10
        file["wavelength"].attrs["units"] = "nm"
        file["flux"] = rows(spectra, "flux") * 1e-17
        file["flux"].attrs["units"] = "erg/s/cm^2/Angstrom"
        file["flux_error"] = rows(spectra, "error") * 1e-17
        file["flux_error"].attrs["units"] = "erg/s/cm^2/Angstrom"
        file["target"] = np.array([sample.id.encode() for sample in spectra])
