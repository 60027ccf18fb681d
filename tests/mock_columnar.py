"""Small files of the columnar formats: the same spectra in each layout that is read."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from gasnet3.spectra.batch import Spectra

ROWS, PIXELS = 7, 120
WAVE = 10 ** ((36000 + np.arange(PIXELS)) * 1e-4)
UNIT = "1e-17 erg/s/cm2/Angstrom"


def columns() -> dict[str, np.ndarray]:
    """Seven spectra: flux, ivar, mask (bad pixels), wave, each (7, 120); ids, z, class, ra, dec."""
    rng = np.random.default_rng(7)
    mask = rng.random((ROWS, PIXELS)) < 0.05
    return {
        "flux": rng.normal(5.0, 1.0, (ROWS, PIXELS)).astype(np.float32),
        "ivar": rng.uniform(1.0, 2.0, (ROWS, PIXELS)).astype(np.float32),
        "mask": mask,
        "wave": np.repeat(WAVE[None], ROWS, axis=0),
        "id": np.array([f"source-{row}" for row in range(ROWS)]),
        "z": np.linspace(0.0, 0.6, ROWS),
        "class": np.array(["STAR", "GALAXY", "QSO", "GALAXY", "STAR", "QSO", "OTHER"]),
        "ra": np.linspace(10.0, 20.0, ROWS),
        "dec": np.linspace(-5.0, 5.0, ROWS),
    }


def padded(values: np.ndarray, fill: Any) -> np.ndarray:
    """Rows with three more pixels."""
    return np.pad(values, ((0, 0), (0, 3)), constant_values=fill)


def multimodal(path: Path) -> Path:
    """HDF5 as the Multimodal Universe writes SDSS: padded rows, columns of its catalog beside."""
    import h5py

    data = columns()
    with h5py.File(path, "w") as file:
        file["object_id"] = np.char.encode(data["id"])
        file["spectrum_flux"] = padded(data["flux"], 9.0)
        file["spectrum_ivar"] = padded(data["ivar"], 0.0)
        file["spectrum_lambda"] = padded(data["wave"].astype(np.float32), -1.0)
        file["spectrum_mask"] = padded(data["mask"], True)
        file["spectrum_lsf_sigma"] = padded(data["flux"], 1.0)
        file["Z"], file["CLASS"] = data["z"], np.char.encode(data["class"])
        file["ra"], file["dec"] = data["ra"], data["dec"]
        file["healpix"], file["PLATE"] = np.arange(ROWS), np.arange(ROWS) + 266
        file["SPECTROFLUX"] = np.ones((ROWS, 5))
    return path


def lists(values: np.ndarray) -> Any:
    """A column of lists."""
    import pyarrow as pa

    width = values.shape[1]
    return pa.ListArray.from_arrays(
        np.arange(len(values) + 1) * width, pa.array(values.reshape(-1))
    )


def nested(path: Path, *, inside: bool = False, group: int = 3) -> Path:
    """Parquet with one column ``spectrum``: a structure of lists, or lists of structures."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = columns()
    names = {"flux": "flux", "ivar": "ivar", "lambda": "wave", "mask": "mask"}
    if inside:
        flat = [pa.array(data[name].reshape(-1)) for name in names.values()]
        struct = pa.StructArray.from_arrays(flat, names=list(names))
        spectrum = pa.LargeListArray.from_arrays(np.arange(ROWS + 1) * PIXELS, struct)
    else:
        spectrum = pa.StructArray.from_arrays(
            [lists(data[name]) for name in names.values()], names=list(names)
        )
    columns_of_rows = {"object_id": data["id"].tolist(), "Z": data["z"], "ra": data["ra"]}
    table = pa.table({"spectrum": spectrum, **columns_of_rows, "tile": np.arange(ROWS)})
    pq.write_table(table, path, row_group_size=group)
    return path


def feather(path: Path) -> Path:
    """Arrow of several record batches, compressed, as pandas writes it."""
    import pyarrow.parquet as pq
    from pyarrow import feather

    table = pq.read_table(nested(path.with_suffix(".parquet")))
    path.with_suffix(".parquet").unlink()
    feather.write_feather(table, path, chunksize=3, compression="lz4")
    return path


def fixed(path: Path) -> Path:
    """Parquet with lists of fixed length, errors instead of ivar, and units of the fields."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = columns()
    values = {"flux": data["flux"], "error": data["ivar"] ** -0.5, "wavelength": data["wave"] / 10}
    units = {"flux": UNIT, "error": UNIT, "wavelength": "nm"}
    fields = [
        pa.field(name, pa.list_(pa.float64(), PIXELS), metadata={"unit": unit})
        for name, unit in units.items()
    ]
    arrays = [
        pa.FixedSizeListArray.from_arrays(pa.array(one.astype(float).reshape(-1)), PIXELS)
        for one in values.values()
    ]
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), path)
    return path


def store(path: Path, version: int = 3, *, group: str = "", consolidated: bool = False) -> Path:
    """A Zarr store with one wavelength grid for all, in chunks of two spectra."""
    import zarr

    data = columns()
    root = zarr.open_group(path, mode="w", zarr_format=version)
    place = root.require_group(group) if group else root
    for name in ("flux", "ivar", "mask"):
        place.create_array(name, data=data[name], chunks=(2, PIXELS))
    place["flux"].attrs["units"] = UNIT
    place.create_array("wavelength", data=WAVE / 1e4).attrs["units"] = "um"
    place.create_array("redshift", data=data["z"])
    place.create_array("name", shape=(ROWS,), dtype=str)[:] = data["id"].astype(object)
    if consolidated:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # version 3 has no consolidated metadata of its own
            zarr.consolidate_metadata(path)
    return path


def zipped(path: Path, *, inside: bool = False) -> Path:
    """A zip archive of a store: of what is in it, or of its directory."""
    made = store(path.parent / "inner" / "x.zarr")
    below = {"root_dir": made.parent, "base_dir": made.name} if inside else {"root_dir": made}
    archive = Path(shutil.make_archive(str(path.with_suffix("")), "zip", **below))
    shutil.rmtree(made.parent)
    return archive


def same(one: Spectra, other: Spectra) -> None:
    """To the bit, in all columns."""
    for name in ("flux", "ivar", "ids", "zwarn", "z", "classes"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.meta.keys() == other.meta.keys()
    for name in one.meta:
        np.testing.assert_array_equal(one.meta[name], other.meta[name])
