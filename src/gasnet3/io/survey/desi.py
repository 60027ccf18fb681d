"""Reader of DESI ``coadd`` and ``spectra`` files: many targets a file, three arms each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.flags import ZWarn
from gasnet3.io import fits_table
from gasnet3.io.errors import ReadError, check_range
from gasnet3.io.fits_table import Header, header_int, header_text
from gasnet3.io.packed import open_unpacked
from gasnet3.io.reader import Understood
from gasnet3.io.targets import FiberMask, kind_flags, status_flags
from gasnet3.machine.typing import Bools, Floats
from gasnet3.spectra.batch import ARM_JOINS, RESOLUTION, Spectra
from gasnet3.spectra.resample import BadGrid, Placement, rebin_placed
from gasnet3.spectra.resolution import typical
from gasnet3.spectra.target import target_lattice

SKY_LINE = (5572.0, 5582.0)
"""Å; masked as redrock masks it: what is left of [O I] 5577 is a line at every redshift."""

SIGMA = {"B": 0.63, "R": 0.41, "Z": 0.37, "BRZ": 0.41}
"""σ of the line spread of each arm in pixels, the medians of DESI's resolution matrices.

Those of six targets, whose arms differ by 2 % at most; the matrices themselves, several times as
large as all else in a file, are not read: all are sharper than the models.
"""

_KEYS = (
    *("COADD_FIBERSTATUS", "COADD_NUMEXP", "TILEID", "PETAL_LOC", "FIBER", "NIGHT", "SURVEY"),
    *("PROGRAM", "HEALPIX", "DESINAME", "OBJTYPE"),
)
_COLUMNS = ("TARGETID", "TARGET_RA", "TARGET_DEC", "FIBERSTATUS", *_KEYS)
_FIRST = re.compile(rb"EXTNAME = '(FIBERMAP|REDSHIFTS|ZBEST|[A-Z]{1,3}_WAVELENGTH) *'")
_ANSWERS = ("REDSHIFTS", "ZBEST")
_IMAGE = re.compile(r"([A-Z]{1,3})_(WAVELENGTH|FLUX|IVAR|MASK)$")
_END = b"END".ljust(fits_table.CARD)


_UNUSABLE = int(
    FiberMask.UNASSIGNED
    | FiberMask.BROKENFIBER
    | FiberMask.BADPOSITION
    | FiberMask.BADFIBER
    | FiberMask.BADTRACE
    | FiberMask.BADFLAT
    | FiberMask.BADARC
)
"""Exposures with one of these are left out of the mean where a target has others."""


class DesiReader:
    """DESI ``coadd`` and ``spectra``, plain or gzipped; one row a target.

    The arms (B, R and Z, or one that was joined already: BRZ) are rebinned onto the lattice and
    averaged, weighted by inverse variance, where they overlap. Pixels whose MASK is not 0, and
    those of :data:`SKY_LINE`, are masked. The exposures of a target in a ``spectra`` file are
    averaged first, pixel by pixel and arm by arm, as redrock does.
    """

    name = "desi"

    def matches(self, path: Path, head: bytes) -> bool:
        """Whether a FITS file begins with a FIBERMAP of targets or the wavelengths of an arm.

        Also with redrock's answers, to say what these are.
        """
        if not head.startswith(b"SIMPLE  ="):
            return False
        start = head.find(b"XTENSION=")
        end = head.find(_END, start)
        extension = head[start : None if end < 0 else end] if start > 0 else b""
        found = _FIRST.search(extension)
        image = found is not None and found[1].endswith(b"WAVELENGTH")
        return image or (found is not None and b"'TARGETID" in extension)

    def read(self, path: Path) -> Spectra:
        """Read all targets of a file.

        Returns
        -------
        Spectra
            One row a target, in the order of the file: flux in 1e-17 erg/s/cm²/Å; ``id`` is
            the TARGETID; key columns ``targetid, ra, dec`` (degrees), ``survey, program,
            healpix, tileid, fiber, night, coadd_fiberstatus, coadd_numexp`` where known,
            ``resolution_sigma``, ``file``, ``arm_join_1, arm_join_2`` (Å); sky fibres and those
            with a bad status flagged. No labels.
        """
        targets = _targets(path)
        return _read(path, targets, 0, len(targets))

    def count(self, path: Path) -> int:
        """Number of targets; only the fibermap is read."""
        return len(_targets(path))

    def read_rows(self, path: Path, start: int, stop: int) -> Spectra:
        """Read some targets, and of the images only their rows; see :meth:`read`."""
        targets = _targets(path)
        check_range(path, start, stop, len(targets))
        return _read(path, targets, start, stop)

    def explain(self, path: Path) -> Understood:
        """What is taken from where, and what is not used."""
        targets = _targets(path)
        used, ignored = [("id", "column TARGETID of FIBERMAP")], []
        for header, image in _images(path, targets, np.zeros(0, np.int64)):
            name = header_text(header, "EXTNAME")
            if image is None:
                ignored.append(f"{name}: not used")
                continue
            role = {"WAVELENGTH": "wave"}.get(name.split("_")[1], name.split("_")[1].lower())
            unit = header_text(header, "BUNIT")
            used.append((role, f"image {name}" + (f" [{unit}]" if unit else "")))
        used += [
            (role, f"column TARGET_{role.upper()} of FIBERMAP [deg]") for role in ("ra", "dec")
        ]
        exposures = len(targets.of_row)
        assumed = ["wavelengths are in vacuum, heliocentric, as DESI defines"]
        assumed.append("resolution: that of DESI's arms; the matrices are not read")
        if exposures > len(targets):
            assumed.append(
                f"{exposures} exposures are averaged to {len(targets)} targets by TARGETID"
            )
        return Understood(used, assumed, ignored)


@dataclass(frozen=True)
class _Targets:
    """Which rows of the images belong to which target, and what the file says of all targets.

    ``table`` has the columns of the fibermap, shape (exposures,), ``of_row`` the number of the
    target of each row, in the order of first appearance.
    """

    header: dict[str, str]
    table: dict[str, NDArray[Any]]
    of_row: NDArray[np.int64]

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """First row of each target, shape (targets,)."""
        return np.unique(self.of_row, return_index=True)[1].astype(np.int64)

    def __len__(self) -> int:
        return len(self.first)


def _targets(path: Path) -> _Targets:
    """What the fibermap says; it is the first extension, or follows the images."""
    with open_unpacked(path) as stream:
        primary = fits_table.read_primary(stream, path)
        fits_table.skip_data(stream, primary, path)
        header = fits_table.read_header(stream, path)
        if header is not None and header_text(header, "EXTNAME") in _ANSWERS:
            if header_text(primary, "CREATOR").startswith("gasnet3"):
                raise ReadError(path, "it is a catalog that gasnet3 wrote: it has no spectra")
            raise ReadError(
                path, "it holds redshifts that redrock found, no spectra; name the coadd instead"
            )
        while header is not None and header_text(header, "EXTNAME") != "FIBERMAP":
            fits_table.skip_data(stream, header, path)
            header = fits_table.read_header(stream, path)
        if header is None or not fits_table.is_table(header):
            raise ReadError(path, "it has no table FIBERMAP; is it a DESI coadd or spectra file?")
        table = fits_table.read_columns(stream, header, path, _COLUMNS)
    if "TARGETID" not in table or table["TARGETID"].dtype.kind != "i":
        raise ReadError(path, "its FIBERMAP has no whole numbers TARGETID; fetch the file again")
    rows = np.arange(len(table["TARGETID"]))
    if "COADD_FIBERSTATUS" not in table:
        _, first, inverse = np.unique(table["TARGETID"], return_index=True, return_inverse=True)
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        rows = rank[inverse]
    said = {}
    for name in ("SURVEY", "PROGRAM", "SPGRP", "HPXPIXEL", "TILEID"):
        number = header_int(primary, name)
        number = header_int(header, name) if number is None else number
        said[name] = header_text(primary, name) or header_text(header, name)
        said[name] = said[name] if number is None else str(number)
    return _Targets(said, table, rows)


def _images(
    path: Path, targets: _Targets, rows: NDArray[np.int64]
) -> Iterator[tuple[Header, NDArray[Any] | None]]:
    """Every extension but the fibermap: its header, and the rows of its image if we want it."""
    with open_unpacked(path) as stream:
        header = fits_table.read_header(stream, path)
        while header is not None:
            name = header_text(header, "EXTNAME")
            zipped = fits_table.is_zipped_image(header)
            if _IMAGE.match(name) and zipped:
                fits_table.skip_data(stream, header, path)
                yield header, fits_table.read_zipped_image(path, name, rows)
            elif not _IMAGE.match(name) or header_text(header, "XTENSION") != "IMAGE":
                fits_table.skip_data(stream, header, path)
                if name not in ("", "PRIMARY", "FIBERMAP"):
                    yield header, None
            elif name.endswith("WAVELENGTH"):
                yield header, fits_table.read_image(stream, header, path)
            else:
                shape = fits_table.image_shape(header, path)
                if len(shape) != 2 or shape[0] != len(targets.of_row):
                    raise ReadError(
                        path,
                        f"{name} has the shape {shape}, FIBERMAP {len(targets.of_row)} rows; "
                        "fetch the file again",
                    )
                yield header, fits_table.read_image(stream, header, path, rows)
            header = fits_table.read_header(stream, path)


def _read(path: Path, targets: _Targets, start: int, stop: int) -> Spectra:
    """The targets of a range."""
    rows = np.flatnonzero((targets.of_row >= start) & (targets.of_row < stop)).astype(np.int64)
    label = targets.of_row[rows] - start
    status = _status(targets)
    good = (status[rows] & _UNUSABLE) == 0
    # Where a target has no good exposure, all it has are better than none.
    good |= np.bincount(label[good], minlength=stop - start)[label] == 0
    rows, label = rows[good], label[good]
    arms: dict[str, dict[str, NDArray[Any]]] = {}
    for header, image in _images(path, targets, rows):
        if image is not None:
            arm, kind = header_text(header, "EXTNAME").split("_")
            arms.setdefault(arm, {})[kind] = image
    kinds = {"WAVELENGTH", "FLUX", "IVAR"}.union(*arms.values())
    for arm in arms or ("B, R, Z",):
        lacking = ", ".join(sorted(kinds - arms.get(arm, {}).keys()))
        if lacking:
            raise ReadError(path, f"arm {arm} lacks its {lacking}; fetch the file again")
    flux, ivar, poor, sigma = _joined(path, arms, label, stop - start)
    which = _combined(status[rows], label, stop - start)
    exposures = np.bincount(label, minlength=stop - start)
    return Spectra.from_arrays(
        flux,
        ivar,
        loglam=target_lattice().loglam,
        ids=targets.table["TARGETID"][targets.first[start:stop]].astype(np.str_),
        zwarn=_flags(targets, which, slice(start, stop)) | np.where(poor, int(ZWarn.POORDATA), 0),
        meta=_meta(path, targets, which, exposures, start, stop)
        | {RESOLUTION: sigma}
        | _joins(arms, stop - start),
    )


def _joins(arms: dict[str, dict[str, NDArray[Any]]], rows: int) -> dict[str, Floats]:
    """Amid the overlap of each two neighbouring arms, as key columns."""
    ends = sorted(images["WAVELENGTH"][[0, -1]].tolist() for images in arms.values())
    middles = [(blue[1] + red[0]) / 2 for blue, red in pairwise(ends)]
    return {name: np.full(rows, at) for name, at in zip(ARM_JOINS, middles, strict=False)}


def _status(targets: _Targets) -> NDArray[np.int64]:
    """Status of the fibre of each row."""
    for name in ("COADD_FIBERSTATUS", "FIBERSTATUS"):
        if name in targets.table:
            return targets.table[name].astype(np.int64)
    return np.zeros(len(targets.of_row), np.int64)


def _combined(
    status: NDArray[np.int64], label: NDArray[np.int64], targets: int
) -> NDArray[np.int64]:
    """Bits that all exposures of a target have, as desispec combines them."""
    out = np.full(targets, -1, np.int64)
    np.bitwise_and.at(out, label, status)
    return out


def _joined(
    path: Path, arms: dict[str, dict[str, NDArray[Any]]], label: NDArray[np.int64], targets: int
) -> tuple[Floats, Floats, Bools, Floats]:
    """All arms on the lattice, shape (targets, n); whether pixels were bad, and the resolution."""
    lattice = target_lattice()
    total, weight = np.zeros((targets, lattice.n)), np.zeros((targets, lattice.n))
    sigma = np.full(lattice.n, np.nan)
    poor = np.zeros(targets, bool)
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(label, minlength=targets))[:-1])
    for arm, images in arms.items():
        flux, wave = images["FLUX"], images["WAVELENGTH"].astype(np.float64)
        mask = images.get("MASK", np.zeros(flux.shape, np.int8))
        if not flux.shape == images["IVAR"].shape == mask.shape or wave.shape != flux.shape[1:]:
            raise ReadError(path, f"the images of arm {arm} differ in shape; fetch the file again")
        try:
            placement = Placement.of(wave, lattice, log=False)
        except BadGrid as error:
            raise ReadError(path, f"{arm}_WAVELENGTH: {error}; fetch the file again") from None
        masked = (mask != 0) | ((wave >= SKY_LINE[0]) & (wave <= SKY_LINE[1]))
        # A signalling NaN in a damaged file would warn when it is widened.
        with np.errstate(invalid="ignore"):
            flux = flux.astype(np.float64)
            ivar = np.where(masked, 0, images["IVAR"]).astype(np.float64)
        for target, rows in enumerate(groups[:targets]):
            mean = _mean(flux[rows], ivar[rows])
            one, one_ivar, bad = rebin_placed(*mean[:2], placement)
            total[target] += one * one_ivar
            weight[target] += one_ivar
            poor[target] |= bad or mean[2]
        ends = np.log10([wave.min(), wave.max()])
        sigma[(lattice.loglam >= ends[0]) & (lattice.loglam <= ends[1])] = SIGMA.get(arm, np.nan)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        joined = np.where(weight > 0, total / weight, 0.0)
    return joined, weight, poor, typical(sigma, weight > 0)


def _mean(flux: Floats, ivar: Floats) -> tuple[Floats, Floats, bool]:
    """Mean of the exposures of an arm, weighted by ivar, and whether pixels were not usable."""
    if len(flux) == 1:
        return flux[0], ivar[0], False
    good = np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0)
    poor = bool((~good & (ivar != 0)).any())
    weight = np.where(good, ivar, 0.0)
    total = weight.sum(axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = (weight * np.where(good, flux, 0.0)).sum(axis=0)
        mean = np.divide(mean, total, out=np.zeros_like(total), where=total > 0)
    return mean, total, poor


def _flags(targets: _Targets, status: NDArray[np.int64], which: slice) -> NDArray[np.int64]:
    """ZWARN bits that the fibermap tells of some targets."""
    flags = status_flags(status)
    if "OBJTYPE" in targets.table:
        kind = targets.table["OBJTYPE"][targets.first[which]]
        flags |= kind_flags(kind)
    return flags


def _meta(
    path: Path,
    targets: _Targets,
    status: NDArray[np.int64],
    exposures: NDArray[np.int64],
    start: int,
    stop: int,
) -> dict[str, NDArray[Any]]:
    """Key columns of a range of targets."""
    rows, table, said = targets.first[start:stop], targets.table, targets.header
    meta = {"targetid": table["TARGETID"][rows]}
    for name in ("ra", "dec"):
        column = table.get(f"TARGET_{name.upper()}")
        if column is not None and column.dtype.kind == "f":
            meta[name] = column[rows]
    meta |= {name.lower(): table[name][rows] for name in _KEYS if name in table}
    for name in ("SURVEY", "PROGRAM"):
        if said[name] and name not in table:
            meta[name.lower()] = np.full(len(rows), said[name])
    for name, key in (("healpix", "HPXPIXEL"), ("tileid", "TILEID")):
        if said[key].isdecimal() and name not in meta:
            meta[name] = np.full(len(rows), int(said[key]))
    if "COADD_FIBERSTATUS" not in table:
        meta |= {"coadd_fiberstatus": status, "coadd_numexp": exposures}
    return {**meta, "file": np.full(len(rows), path.name)}
