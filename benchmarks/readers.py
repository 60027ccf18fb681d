"""Milliseconds to read one SDSS spec file: our parser beside astropy, on the same files.

    python benchmarks/readers.py DIRECTORY

Both read flux, loglam, ivar, and_mask and the survey's class and redshift. Ours also masks,
brings the spectrum onto the lattice and finds the format by itself. Files are read once before
the clock starts, so the disk does not count; the two take turns, so that a busy machine slows
both, and the fastest round of each counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits

from gasnet3 import samples
from gasnet3.io import expand, find_reader, read_file


def read_with_astropy(path: Path) -> None:
    """Read the same numbers the usual way."""
    with fits.open(path, memmap=False) as hdus:
        columns = {name.lower(): name for name in hdus[1].columns.names}
        for name in ("flux", "loglam", "ivar", "and_mask"):
            np.array(hdus[1].data[columns[name]])
        if len(hdus) > 2 and "Z" in hdus[2].columns.names:
            float(hdus[2].data["Z"][0])
            str(hdus[2].data["CLASS"][0])


def milliseconds(read: Callable[[Path], object], files: Sequence[Path]) -> float:
    """Mean time a file, in ms."""
    start = time.perf_counter()
    for path in files:
        read(path)
    return 1e3 * (time.perf_counter() - start) / len(files)


def main() -> None:
    """Print ms a file of both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "inputs",
        nargs="*",
        default=[samples.DIRECTORY],
        help="spec files, directories or globs; the bundled samples by default",
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds over all files")
    arguments = parser.parse_args()
    files = [path for path in expand(arguments.inputs) if find_reader(path).name == "sdss-spec"]
    if not files:
        parser.error("none of these is an SDSS spec file")
    for path in files:
        path.read_bytes()
    ours, astropys = [], []
    for _ in range(max(1, arguments.rounds)):
        ours.append(milliseconds(read_file, files))
        astropys.append(milliseconds(read_with_astropy, files))
    print(f"{len(files)} files, {arguments.rounds} rounds, ms a file (fastest round / median)")
    for name, times in (("gasnet3", ours), ("astropy", astropys)):
        print(f"{name:8s} {min(times):8.3f} / {np.median(times):.3f}")
    print(f"astropy / gasnet3: {min(astropys) / min(ours):.1f}")


if __name__ == "__main__":
    main()
