"""Exported networks beside torch: do they give the same answers, and how fast are they.

    python benchmarks/exported.py                  # the bundled spectra
    python benchmarks/exported.py FILES            # these beside
    python benchmarks/exported.py FILES --docs     # write the table into docs/onnx.md

Both solve the same spectra with one thread, in turn, round after round; the least time counts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from peers.page import processor, versions
from readers import least, markdown

from gasnet3 import Pipeline, Spectra, samples
from gasnet3.io import read
from gasnet3.machine.allocator import keep_freed_memory
from gasnet3.onnx.export import export
from gasnet3.onnx.runtime import use_threads
from gasnet3.pipeline.exported import OnnxPipeline

if TYPE_CHECKING:
    from astropy.table import Table

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "onnx.md"

NETWORKS = {"encoder": "Encoder", "unet": "U-Net"}


def share(ours: Table, theirs: Table, name: str) -> float:
    """Largest difference of a column as a share of its value; 0 where both are NaN."""
    a, b = (np.asarray(table[name], np.float64) for table in (ours, theirs))
    known = np.isfinite(a) & np.isfinite(b)
    return float((np.abs(a - b)[known] / np.maximum(np.abs(b[known]), 1e-300)).max(initial=0.0))


def difference(ours: Table, theirs: Table, *names: str) -> float:
    """Largest difference of columns; 0 where both are NaN."""
    pairs = [[np.asarray(table[name], np.float64) for table in (ours, theirs)] for name in names]
    return max(float(np.nan_to_num(np.abs(a - b)).max(initial=0.0)) for a, b in pairs)


def compared(ours: Table, theirs: Table) -> dict[str, str]:
    """What differs between two catalogs of the same spectra."""
    z = np.abs(np.asarray(ours["z"]) - np.asarray(theirs["z"])) / np.asarray(theirs["z_err"])
    gone = sum(
        int((np.isnan(ours[name]) != np.isnan(theirs[name])).sum())
        for name in theirs.colnames
        if theirs[name].dtype.kind == "f"
    )
    return {
        "spectra": str(len(theirs)),
        "another class": str(int((ours["class"] != theirs["class"]).sum())),
        **{
            f"another {name}": str(int((ours[name] != theirs[name]).sum()))
            for name in ("zwarn", "notes", "anomaly_kind")
        },
        "NaN in one of the two": str(gone),
        "largest difference of z": f"{difference(ours, theirs, 'z'):.1e}",
        "in units of z_err": f"{float(np.nan_to_num(z).max(initial=0.0)):.1e}",
        "of chi2, relative": f"{share(ours, theirs, 'chi2'):.1e}",
        "of z_err, relative": f"{share(ours, theirs, 'z_err'):.1e}",
        "of probabilities": f"{difference(ours, theirs, 'p_star', 'p_galaxy', 'p_qso', 'p_z'):.1e}",
        "of anomaly_score": f"{difference(ours, theirs, 'anomaly_score'):.1e}",
    }


def measured(network: str, spectra: Spectra, directory: Path, rounds: int) -> dict[str, str]:
    """One column of the table."""
    largest = max(one.relative for one in export(network, directory))
    torch.set_num_threads(1)
    keep_freed_memory()  # as the commands do
    use_threads(1)
    pipelines: Mapping[str, Any] = {
        "torch": Pipeline.load(network, "amortised"),
        "ONNX": OnnxPipeline.load(directory),
    }
    catalogs = {name: pipeline.run(spectra) for name, pipeline in pipelines.items()}
    some = spectra[: 256 if len(spectra) > 256 else len(spectra)]
    times = least({name: partial(p.run, some) for name, p in pipelines.items()}, rounds)
    return {
        **compared(catalogs["ONNX"], catalogs["torch"]),
        "of the network's own outputs, relative": f"{largest:.1e}",
        **{f"ms a spectrum, {name}": f"{1e3 * t / len(some):.2f}" for name, t in times.items()},
    }


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("inputs", nargs="*", help="spectra beside the bundled ones")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, the least time counts")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/onnx.md")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, or write it into the page."""
    options = parsed(arguments)
    spectra = read([str(samples.DIRECTORY), *options.inputs])
    with tempfile.TemporaryDirectory() as name:
        columns = {
            label: measured(network, spectra, Path(name) / network, options.rounds)
            for network, label in NETWORKS.items()
        }
    rows = [(key, *(column[key] for column in columns.values())) for key in columns["Encoder"]]
    lines = markdown(("", *columns), rows)
    machine = (
        f"One core of {processor()}; {', '.join(versions())}, onnxruntime {version('onnxruntime')}."
    )
    if options.docs:
        sys.path.insert(0, str(ROOT / "recipes"))
        from pages import write_part

        write_part(PAGE, "agreement", [machine, "", *lines])
    print(machine, "", *lines, sep="\n")


if __name__ == "__main__":
    main()
