"""Every stage by itself, in this process and on one thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from gasnet3.catalog import write_catalog
from gasnet3.io import read_file, write_shard, write_spec
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.engine import Engine
from gasnet3.solve.prepare import Prepared, prepare
from gasnet3.solve.solvers import SOLVERS
from gasnet3.spectra.batch import Spectra
from speed.floor import TOGETHER, bare_transforms, scan_direct
from speed.turns import Job

DIRECT_ROWS = 2
"""Rows of the direct form that are timed: it is hundreds of times slower."""

SOLUTIONS = 2
"""Solutions a class that a pipeline asks its solver for, to compare the best with."""


def stage_jobs(spectra: Spectra, directory: Path) -> list[Job]:
    """All stages, from reading to writing, and the two bounds of the scan.

    Parameters
    ----------
    spectra : Spectra
        What they work on.
    directory : Path
        An empty directory for the files that are read and written.
    """
    rows = len(spectra)
    pipelines = {name: Pipeline.load("encoder", name) for name in SOLVERS}
    prepared = prepare(spectra)
    works = _files(spectra, pipelines["amortised"], directory)
    works["prepare"] = lambda: prepare(spectra)
    works["prepare, with polynomials"] = lambda: prepare(spectra).weights(8)
    jobs = [Job(name, work, rows) for name, work in works.items()]
    for engine in pipelines["amortised"].engines:
        jobs += _class_jobs(engine, prepared)
    for name, pipeline in pipelines.items():
        jobs.append(Job(f"solutions, {name}", partial(pipeline.solve, spectra, SOLUTIONS), rows))
        jobs.append(Job(f"pipeline, {name}", partial(pipeline.run, spectra), rows))
    return [Job(job.name, torch.inference_mode()(job.run), job.rows) for job in jobs]


def _files(
    spectra: Spectra, pipeline: Pipeline, directory: Path
) -> dict[str, Callable[[], object]]:
    """Reading and writing."""
    shard, specs = directory / "shard.arrow", []
    write_shard(shard, spectra)
    for row in range(len(spectra)):
        specs.append(directory / f"spec-{row:05d}.fits")
        write_spec(specs[-1], spectra, row)
    catalog = pipeline.run(spectra)
    return {
        "read spec files": lambda: [read_file(path) for path in specs],
        "read a shard": lambda: read_file(shard),
        "write the catalog": lambda: write_catalog(catalog, directory / "catalog.parquet"),
    }


def _class_jobs(engine: Engine, prepared: Prepared) -> list[Job]:
    """What is done for each class."""
    shared = engine.trunk is not None and prepared.knows(engine.trunk)
    with torch.inference_mode():
        rest, _ = engine.reconstruct(prepared)
    flux, ivar = prepared.flux, prepared.ivar
    few = (rest[:DIRECT_ROWS], flux[:DIRECT_ROWS], ivar[:DIRECT_ROWS], engine.card.shifts)
    works: dict[str, Callable[[], object]] = {
        # A trunk runs once for all classes: its time is that of the first. Copies know nothing.
        "network": lambda: engine.reconstruct(prepared if shared else replace(prepared)),
        "scan, amortised": lambda: engine.proposing_curves(rest, prepared),
        "scan, hybrid": lambda: engine.frugal_scan.scan(prepared),
        "scan, exact": lambda: engine.full_scan.scan(prepared),
    }
    for together in TOGETHER:
        works[f"transforms of {together}"] = bare_transforms(rest, flux, ivar, together)
    jobs = [Job(f"{name}/{engine.cls}", work, len(flux)) for name, work in works.items()]
    direct = Job(f"scan, direct/{engine.cls}", lambda: scan_direct(*few), len(few[0]))
    return [*jobs, direct]
