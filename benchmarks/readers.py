"""What reading costs: every format that is read, and the formats that shards might have had.

    python benchmarks/readers.py                # the bundled spectra, with noise of their own
    python benchmarks/readers.py DIRECTORY      # these SDSS spec files beside
    python benchmarks/readers.py --docs         # write the tables into docs/shards.md

The same spectra are written in each format and read back, round after round in turn, so that a
busy machine slows all; the least time of the rounds counts. Files were read before, so the disk
does not count; "from disk" means that the system was told to forget the file.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from astropy.io import fits
from peers.page import processor, versions
from peers.shard_formats import CANDIDATES

from gasnet3 import Spectra, samples
from gasnet3.io import (
    ReadError,
    expand,
    find_reader,
    read,
    read_file,
    read_rows,
    write_npz,
    write_shard,
    write_spec,
)

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "shards.md"

Read = Callable[[], object]


def noisy(spectra: Spectra, rows: int) -> Spectra:
    """Copies with noise of their own: numbers as full of digits as observed ones."""
    rng = np.random.default_rng(1)
    many = spectra[rng.integers(0, len(spectra), rows)]
    ivar = many.ivar * rng.uniform(0.9, 1.1, (rows, 1))
    sigma = np.sqrt(np.divide(1, ivar, out=np.zeros_like(ivar), where=ivar > 0))
    return Spectra.from_arrays(
        many.flux + sigma * rng.standard_normal(ivar.shape),
        ivar,
        loglam=spectra.lattice.loglam,
        ids=[f"0266-51602-{row:04d}" for row in range(1, rows + 1)],
        z=many.z,
        classes=many.classes,
        meta={"ra": rng.uniform(0, 360, rows), "dec": rng.uniform(-90, 90, rows)},
    )


def write_plate(path: Path, spectra: Spectra) -> None:
    """The spectra as the fibres of an spPlate file."""
    primary = fits.PrimaryHDU(spectra.flux)
    start = float(spectra.lattice.loglam[0])
    primary.header.update({"COEFF0": start, "COEFF1": 1e-4, "PLATEID": 266, "MJD": 51602})
    mask = np.zeros(spectra.flux.shape, np.int32)
    images = [fits.ImageHDU(image) for image in (spectra.ivar, mask, mask, spectra.ivar)]
    fiber = fits.Column("FIBERID", "J", array=np.arange(1, len(spectra) + 1))
    plugmap = fits.BinTableHDU.from_columns([fiber])
    fits.HDUList([primary, *images, plugmap]).writeto(path)


def write_columnar(directory: Path, spectra: Spectra) -> dict[str, Path]:
    """The spectra in files of columns, by what they are called in the table."""
    import h5py
    import pyarrow as pa
    import pyarrow.parquet
    import zarr

    rows, n = spectra.flux.shape
    wave = np.repeat(spectra.lattice.wave[None], rows, axis=0).astype(np.float32)
    pixels = {"flux": spectra.flux, "ivar": spectra.ivar, "lambda": wave}
    universe, grouped = directory / "universe.hdf5", directory / "grouped.hdf5"
    with h5py.File(universe, "w") as file:
        file["object_id"] = np.char.encode(spectra.ids)
        for name, values in pixels.items():
            file[f"spectrum_{name}"] = values
        file["spectrum_mask"] = np.zeros((rows, n), bool)
    with h5py.File(grouped, "w") as file:
        for name in ("flux", "ivar"):
            file.create_dataset(
                name, data=pixels[name], chunks=(min(rows, 64), n), compression="gzip"
            )
        file["loglam"] = spectra.lattice.loglam
    store = zarr.open_group(directory / "x.zarr", mode="w")
    for name in ("flux", "ivar"):
        store.create_array(name, data=pixels[name], chunks=(64, n))
    store.create_array("wavelength", data=spectra.lattice.wave)
    starts = np.arange(rows + 1, dtype=np.int32) * n
    lists = [pa.ListArray.from_arrays(starts, pa.array(one.ravel())) for one in pixels.values()]
    struct = pa.StructArray.from_arrays(lists, names=list(pixels))
    nested, plain = directory / "nested.parquet", directory / "plain.parquet"
    pa.parquet.write_table(pa.table({"spectrum": struct}), nested, row_group_size=256)
    pa.parquet.write_table(
        pa.table(dict(zip(pixels, lists, strict=True))), plain, row_group_size=256
    )
    return {
        "HDF5 of the Multimodal Universe": universe,
        "HDF5, gzipped, wavelengths shared": grouped,
        "Parquet, a structure of lists": nested,
        "Parquet, lists": plain,
        "Zarr, wavelengths shared": directory / "x.zarr",
    }


def read_with_astropy(path: Path) -> list[object]:
    """Read the numbers of a spec file the usual way."""
    with fits.open(path, memmap=False) as hdus:
        columns = {name.lower(): name for name in hdus[1].columns.names}
        names = ("flux", "loglam", "ivar", "and_mask")
        found: list[object] = [np.array(hdus[1].data[columns[name]]) for name in names]
        if len(hdus) > 2 and "Z" in hdus[2].columns.names:
            found += [float(hdus[2].data["Z"][0]), str(hdus[2].data["CLASS"][0])]
    return found


def is_spec(path: Path) -> bool:
    """Whether it is a file that both read."""
    try:
        return find_reader(path).name == "sdss-spec"
    except ReadError:
        return False


def least(
    reads: Mapping[str, Read], rounds: int, before: Callable[[str], None] | None = None
) -> dict[str, float]:
    """Seconds that each takes, the least of rounds in which they take turns."""
    best = dict.fromkeys(reads, np.inf)
    for _ in range(rounds):
        for label, run in reads.items():
            if before:
                before(label)
            start = time.perf_counter()
            run()
            best[label] = min(best[label], time.perf_counter() - start)
    return best


def forget(path: Path) -> None:
    """Tell the system to drop what it holds of a file in memory."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table; numbers to the right."""
    ruler = ["---", *["---:"] * (len(header) - 1)]
    return ["| " + " | ".join(row) + " |" for row in (header, ruler, *rows)]


def formats(directory: Path, spectra: Spectra, rounds: int) -> list[str]:
    """Milliseconds a spectrum of every format that is read."""
    rows = len(spectra)
    specs, zipped = [], []
    for row, name in enumerate(spectra.ids):
        specs.append(directory / f"spec-{name}.fits")
        write_spec(specs[-1], spectra, row)
        zipped.append(directory / f"spec-{name}.fits.gz")
        zipped[-1].write_bytes(gzip.compress(specs[-1].read_bytes()))
    npz, plain, plate = (directory / name for name in ("x.npz", "plain.npz", "spPlate.fits"))
    shard = directory / "x.arrow"
    write_npz(npz, spectra)
    np.savez(plain, flux=spectra.flux, ivar=spectra.ivar, loglam=spectra.lattice.loglam)
    write_plate(plate, spectra)
    write_shard(shard, spectra)
    columnar = write_columnar(directory, spectra)
    ours = (npz, plain, plate, shard, *columnar.values())
    for path in (*ours, directory / "spec-*.fits", directory / "spec-*.gz"):
        if not np.array_equal(read(str(path)).flux, spectra.flux):
            raise AssertionError(f"{path}: read back other spectra")
    reads: dict[str, Read] = {
        "`spec`, one a file": lambda: [read_file(path) for path in specs],
        "`spec`, gzipped": lambda: [read_file(path) for path in zipped],
        "`spec`, by astropy (not masked, not on the lattice)": lambda: [
            read_with_astropy(path) for path in specs
        ],
        "`spPlate`": lambda: read_file(plate),
        "`.npz`, compressed": lambda: read_file(npz),
        "`.npz`, not compressed": lambda: read_file(plain),
        **{label: partial(read_file, path) for label, path in columnar.items()},
        "shard": lambda: read_file(shard),
    }
    best = least(reads, rounds)
    table = [(name, f"{1e3 * s / rows:.3f}", f"{rows / s:,.0f}") for name, s in best.items()]
    return markdown(("format", "ms a spectrum", "spectra/s"), table)


def surveys_files(paths: Sequence[Path], rounds: int) -> list[str]:
    """Milliseconds a file of the survey's own files, ours beside astropy."""
    reads: dict[str, Read] = {
        "gasnet3": lambda: [read_file(path) for path in paths],
        "astropy": lambda: [read_with_astropy(path) for path in paths],
    }
    best = least(reads, rounds)
    table = [(name, f"{1e3 * s / len(paths):.3f}") for name, s in best.items()]
    return markdown((f"{len(paths)} files", "ms a file"), table)


def candidates(directory: Path, spectra: Spectra, rounds: int) -> list[str]:
    """Size and times of the formats that shards might have had, the one they have last."""
    rows = len(spectra)
    # They do not begin where a record batch does.
    start, stop = rows // 3, rows // 3 + rows // 4
    flux, ivar = spectra.flux, spectra.ivar
    paths: dict[str, Path] = {}
    writes: dict[str, Read] = {}
    reads: dict[str, Read] = {}
    for number, one in enumerate(CANDIDATES):
        path = paths[one.label] = directory / f"candidate-{number}"
        writes[one.label] = partial(one.write, path, flux, ivar)
        reads[one.label] = partial(one.read, path, start, stop)
    ours = "**shard**: Arrow, lists; ids, labels, checksums"
    paths[ours] = directory / "shard.arrow"
    writes[ours] = lambda: write_shard(paths[ours], spectra)
    reads[ours] = lambda: read_rows(paths[ours], start, stop)
    written = least(writes, 2)
    for one in CANDIDATES:
        pair = one.read(paths[one.label], start, stop)
        if not all(map(np.array_equal, pair, (flux[start:stop], ivar[start:stop]))):
            raise AssertionError(f"{one.label}: read back other numbers")
    warm = least(reads, rounds)
    # Not every system can be told to forget a file.
    cold = {}
    if hasattr(os, "posix_fadvise"):
        cold = least(reads, 2, before=lambda label: forget(paths[label]))
    table = [
        (
            label,
            f"{path.stat().st_size / rows / 1e3:.1f}",
            f"{1e3 * written[label] / rows:.3f}",
            f"{1e3 * warm[label] / (stop - start):.4f}",
            f"{1e3 * cold[label] / (stop - start):.3f}" if cold else "–",
        )
        for label, path in paths.items()
    ]
    header = ("format", "kB a spectrum", "write, ms", "read, ms", "read from disk, ms")
    return markdown(header, table)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("inputs", nargs="*", help="SDSS spec files, directories or globs")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, the least time counts")
    parser.add_argument("--rows", type=int, default=256, help="spectra of the formats read")
    parser.add_argument("--shard-rows", type=int, default=2048, help="spectra of a shard")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/shards.md")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, or write them into the page."""
    options = parsed(arguments)
    spectra = read(samples.DIRECTORY)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        parts = {
            "formats": formats(directory, noisy(spectra, options.rows), options.rounds),
            "candidates": candidates(directory, noisy(spectra, options.shard_rows), options.rounds),
        }
    if options.inputs:
        paths = [path for path in expand(options.inputs) if is_spec(path)]
        parts["survey"] = surveys_files(paths, options.rounds)
    machine = f"One core of {processor()}; {', '.join(versions())}."
    if options.docs:
        sys.path.insert(0, str(ROOT / "recipes"))
        from pages import write_part

        for part in ("formats", "candidates"):
            write_part(PAGE, part, [machine, "", *parts[part]])
    print(machine)
    for lines in parts.values():
        print("", *lines, sep="\n")


if __name__ == "__main__":
    main()
