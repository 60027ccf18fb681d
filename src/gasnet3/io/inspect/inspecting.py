"""What a file of spectra is understood to be, for its owner."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.flags import names
from gasnet3.io.errors import ReadError
from gasnet3.io.inspect.advice import advice
from gasnet3.io.inspect.believable import error_ratio, other_reading, scatter
from gasnet3.io.inspect.report import Inspected, Range, Refused, Sampling
from gasnet3.io.options import DEFAULT, ReadOptions
from gasnet3.io.reader import ConfigurableReader, ExplainingReader, Reader, Understood
from gasnet3.io.reading import count_rows, read_rows
from gasnet3.io.registry import READERS, find_reader, first_bytes, load_plugins, read_errors
from gasnet3.io.state import is_store_at
from gasnet3.machine.typing import Floats
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import C_KM_S, LogLattice
from gasnet3.spectra.resample import Unplaced, watched
from gasnet3.spectra.target import STANDARD, onto

LOOKED_AT = 100
"""Spectra of a file that are looked at; the rest is counted."""

EVEN = 0.02
"""Steps that differ by less than this fraction are all the same."""


def inspect_file(
    path: str | Path,
    options: ReadOptions = DEFAULT,
    *,
    row: int | None = None,
    lattice: LogLattice = STANDARD,
) -> tuple[Inspected, Spectra]:
    """Tell what a file holds.

    Parameters
    ----------
    path : str or Path
        The file.
    options : ReadOptions
        What the file does not say.
    row : int, optional
        Look at this spectrum only; else at the first :data:`LOOKED_AT`.
    lattice : LogLattice
        That of the models which the spectra are for.

    Returns
    -------
    report : Inspected
        What was understood.
    spectra : Spectra
        Those that were looked at, on the lattice.

    Raises
    ------
    ReadError
        If the file cannot be read; :func:`refused` then tells more.
    ValueError
        If it has no such row.
    """
    path = Path(path)
    reader = find_reader(path, options)
    rows = count_rows(path, reader, options)
    first, stop = (0, min(rows, LOOKED_AT)) if row is None else (row, row + 1)
    if stop > rows:
        raise ValueError(f"{path}: it holds {rows} spectra, rows 0 to {rows - 1}: no row {row}")
    with watched() as seen:
        spectra = read_rows(path, first, stop, reader, options, lattice)
    seen = _as_in_file(seen, spectra)
    understood = Understood()
    if isinstance(reader, ExplainingReader) and rows:
        with read_errors(path, reader), onto(lattice):
            understood = reader.explain(path)
    report = _measured(seen, spectra, understood, path=path, reader=reader.name, rows=rows)
    heard = isinstance(reader, ConfigurableReader)
    # The resolution is of spectra, whatever reads them.
    plain = replace(options, resolution=None)
    followed = options if heard else ReadOptions(resolution=options.resolution)
    report = replace(report, looked_at=(first, stop), next=_next(path, followed))
    kind = next((role for role, _ in understood.used if role in ("ivar", "error", "variance")), "")
    reading_of_errors = "" if np.isnan(report.noise_ratio) else other_reading(*scatter(seen), kind)
    report.warnings.extend(advice(report, spectra, kind, reading_of_errors))
    advised = plain != DEFAULT or any("--" in text for text in report.warnings)
    if advised and not heard:
        report.warnings.append(
            f"the format {reader.name} defines how it is read: --air, --vacuum, --column and "
            "--unit change nothing"
        )
    return report, spectra


def _measured(
    seen: Sequence[Unplaced], spectra: Spectra, understood: Understood, **named: Any
) -> Inspected:
    """All that is counted and measured."""
    estimated = bool(np.any(spectra.meta.get("noise_estimated", False)))
    return Inspected(
        **named,
        understood=understood,
        grids=_grids(seen),
        empty=int((spectra.n_good == 0).sum()),
        wanted=(float(spectra.lattice.wave[0]), float(spectra.lattice.wave[-1])),
        coverage=_three(spectra.n_good[spectra.n_good > 0] / spectra.lattice.n),
        outside=_outside(seen, spectra),
        masked=_masked(seen),
        sn=_three(spectra.sn_median),
        resolution=_three(spectra.resolution),
        noise_ratio=float("nan") if estimated else error_ratio(*scatter(seen)),
        flux=_spread(spectra.flux[spectra.ivar > 0]),
        classes=dict(Counter(name for name in spectra.classes.tolist() if name)),
        z=_three(spectra.z),
        keys={name: str(column[0]) for name, column in spectra.meta.items() if len(column)},
        flags=dict(Counter(flag for bits in spectra.zwarn.tolist() for flag in names(bits))),
        ids=[str(name) for name in spectra.ids[:3]],
        memory=(spectra.flux.itemsize + spectra.ivar.itemsize) * spectra.lattice.n,
    )


def refused(path: str | Path, options: ReadOptions, error: ReadError) -> Refused:
    """Why no reader reads a file for which :func:`inspect_file` raised, reader by reader."""
    load_plugins()
    path = Path(path)
    try:
        head = first_bytes(path)
    except ReadError as closed:
        return Refused(path, closed.problem, {})
    tried = {}
    for reader in READERS:
        if isinstance(reader, ConfigurableReader):
            reader = reader.configured(options)
        tried[reader.name] = _problem(path, head, reader)
    reason = (
        error.problem
        if any(tried.values())
        else f"no reader knows this format: {_looks_like(path, head)}"
    )
    return Refused(path, reason, tried)


def _problem(path: Path, head: bytes, reader: Reader) -> str:
    """What a reader that knows a file's format has against it; '' where it does not know it."""
    try:
        with read_errors(path, reader):
            if not reader.matches(path, head):
                return ""
            stop = min(count_rows(path, reader), 1)
            read_rows(path, 0, stop, reader)
    except ReadError as error:
        return error.problem
    return "its first spectrum can be read"


def _looks_like(path: Path, head: bytes) -> str:
    """What the first bytes of a file that nobody knows say."""
    if is_store_at(path):
        return "it is a Zarr store without spectra"
    if not head:
        return "the file is empty: fetch it again"
    text = head[:200].decode("utf-8", "replace")
    if "\ufffd" in text or "\0" in text:
        return f"it is binary and begins with {head[:8]!r}; convert it to FITS, HDF5 or .npz"
    line = text.strip().splitlines()[0][:60] if text.strip() else ""
    return f"it is text and begins with {line!r}; a table of wavelength, flux, error is read"


def _next(path: Path, options: ReadOptions) -> str:
    """The command that classifies the file, read in the same way."""
    words = ["gasnet3", "classify", str(path)]
    if options.air is not None:
        words.append("--air" if options.air else "--vacuum")
    if options.force_air is not None:
        words.append("--force-air" if options.force_air else "--force-vacuum")
    if options.resolution is not None:
        words += ["--resolution", options.resolution]
    for option, pairs in (("--column", options.columns), ("--unit", options.units)):
        for role, name in pairs:
            words += [option, f"{role}={name}"]
    return shlex.join([*words, "-o", "catalog.parquet"])


def _as_in_file(seen: Sequence[Unplaced], spectra: Spectra) -> list[Unplaced]:
    """Without the joined arms of a spectrum, which were rebinned already."""
    n, first = spectra.lattice.n, spectra.lattice.loglam[0]
    joined = [piece.loglam.size == n and piece.loglam[0] == first for piece in seen]
    return [p for p, j in zip(seen, joined, strict=True) if all(joined) or not j]


def _grids(seen: Sequence[Unplaced]) -> list[Sampling]:
    """The different grids, in the order in which they occur."""
    different: dict[tuple[float, float, int], Floats] = {}
    for piece in seen:
        loglam = piece.loglam
        different.setdefault((float(loglam[0]), float(loglam[-1]), loglam.size), loglam)
    return [_sampling(loglam) for loglam in different.values()]


def _sampling(loglam: Floats) -> Sampling:
    wave = 10.0**loglam
    step, velocity = np.diff(wave), np.diff(loglam) * np.log(10.0) * C_KM_S
    if not step.size:
        step = velocity = np.array([np.nan])
    # The usual step: gaps between pixels do not make a grid uneven.
    spacing = "uneven"
    for name, steps in (("logarithmic", velocity), ("linear", step)):
        if np.mean(np.abs(steps / np.median(steps) - 1.0) < EVEN) > 1.0 - EVEN:
            spacing = name
            break
    return Sampling(
        float(wave[0]),
        float(wave[-1]),
        loglam.size,
        spacing,
        (float(step.min()), float(step.max())),
        (float(velocity.min()), float(velocity.max())),
    )


def _outside(seen: Sequence[Unplaced], spectra: Spectra) -> float:
    low, high = np.log10(spectra.lattice.edges[[0, -1]])
    beyond = sum(int(((p.loglam < low) | (p.loglam > high)).sum()) for p in seen)
    return beyond / max(sum(p.loglam.size for p in seen), 1)


def _masked(seen: Sequence[Unplaced]) -> dict[str, float]:
    """Fractions of the pixels that are not used, of what has any that are, before rebinning."""
    seen = [piece for piece in seen if (piece.ivar > 0).any()] or seen
    total = sum(piece.flux.size for piece in seen)
    count = {"flux not finite": 0, "errors not finite or negative": 0, "masked or zero ivar": 0}
    for piece in seen:
        no_flux = ~np.isfinite(piece.flux)
        no_error = ~np.isfinite(piece.ivar) | (piece.ivar < 0)
        count["flux not finite"] += int(no_flux.sum())
        count["errors not finite or negative"] += int((no_error & ~no_flux).sum())
        count["masked or zero ivar"] += int(((piece.ivar == 0) & ~no_flux).sum())
    return {reason: number / total for reason, number in count.items() if number}


def _three(values: NDArray[Any]) -> Range:
    """Least, median and most of the finite values."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return (float("nan"),) * 3
    return float(finite.min()), float(np.median(finite)), float(finite.max())


def _spread(values: NDArray[Any]) -> Range:
    if not values.size:
        return (float("nan"),) * 3
    low, middle, high = np.percentile(values.astype(np.float64), [5, 50, 95])
    return float(low), float(middle), float(high)
