"""Template libraries and real labelled spectra, read from the shared data directory."""

from __future__ import annotations

import csv
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.ndimage import shift as moved

from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED, STEP, WIDE, shift_from_z

Floats = NDArray[np.float64]

SHARED = Path(__file__).resolve().parents[3] / "shared"
"""Where the real spectra and the templates lie, beside the repository."""

K_MIN, K_MAX = 26000, 42000
"""Rest-frame lattice of every template: 398 to 15,849 Å."""

PIXELS = K_MAX - K_MIN
WAVE: Floats = np.asarray(10.0 ** (STEP * np.arange(K_MIN, K_MAX)))
"""Rest wavelengths, vacuum Å, shape (PIXELS,)."""

SHARPER_PIXELS = 1.0
"""redrock's templates are sharper than SDSS by about this σ."""

ZERO_POINT: dict[str, dict[str, float]] = {
    "boss-star-archetypes": dict.fromkeys("ABFGKM", 0.05),
    "pyhammer-star-archetypes": {"F": -0.18, "G": -0.15, "K": -0.08, "M": -0.05},
    "bochanski-mdwarf-archetypes": {"m": -0.07},
}
"""Redshift, in pixels, that the archetypes carry themselves, by library and spectral class.

Measured by fitting redrock's theoretical star bases to them; SDSS's and LAMOST's labels agree
with those bases to 0.04 pixel. White dwarfs keep theirs: it is gravitational.
"""

WARPED = {
    "B9III (15318)", "sdF3 (140283)", "B0.5Ibe... (187459)",
    "A2", "A9_-2.0_Dwarf", "F3_+0.0_Dwarf", "K0_-2.0_Dwarf",
}  # fmt: skip
"""Archetypes left out: their lines are off by more than half a pixel, or differently so."""

DEEP = "DEEP"
"""Galaxies as deep fields have them, farther than those of the default set."""

Z_RANGE = {"STAR": (-0.005, 0.005), "GALAXY": (0.0, 1.8), "QSO": (0.0, 7.0), DEEP: (0.0, 6.5)}
"""Redshifts each class's network covers."""

FAR_SETS: dict[str, set[str]] = {
    "STAR": set(),
    "GALAXY": {"boss_ebossdap", "desi_andes", "desi_qslml", "muse_udf"},
    "QSO": {"desi_andes", "desi_clagn", "sdss_clagn", "desi_qslml", "xqr30"},
    DEEP: {"boss_ebossdap", "desi_andes", "desi_qslml", "muse_udf", "vandels"},
}
"""Sets of the faint spectra that are trained on: their labels and their noise are good."""

VALIDATION = 3
"""One group in three, by a checksum of its number, is for validation and never trained on."""


def class_of(kind: str) -> str:
    """The class of spectra of a kind."""
    return "GALAXY" if kind == DEEP else kind


@cache
def _contents(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def placed(k0: int, flux: NDArray[Any]) -> Floats:
    """Templates on the common rest lattice, NaN where they do not reach, (templates, PIXELS)."""
    out = np.full((len(flux), PIXELS), np.nan)
    first, last = max(k0, K_MIN), min(k0 + flux.shape[1], K_MAX)
    out[:, first - K_MIN : last - K_MIN] = flux[:, first - k0 : last - k0]
    return out


def level_one(flux: Floats) -> Floats:
    """A template divided by its median absolute value."""
    return np.asarray(flux / np.nanmedian(np.abs(flux)))


@dataclass(frozen=True)
class Survey:
    """Everything read from the shared directory.

    Parameters
    ----------
    shared : Path
        The directory that holds ``data/``.
    """

    shared: Path

    def template(self, name: str) -> Floats:
        """A template file on the common lattice; redrock's smoothed to SDSS sharpness."""
        with np.load(self.shared / "data" / "templates" / f"{name}.npz") as file:
            flux, k0 = file["flux"].astype(np.float64), int(file["k0"])
        if name.startswith("redrock"):
            flux = gaussian_filter1d(np.nan_to_num(flux), SHARPER_PIXELS, axis=1)
        return placed(k0, flux)

    def star_archetypes(self, name: str) -> tuple[Floats, list[str]]:
        """Star archetypes at rest (``ZERO_POINT``), without the ``WARPED``, and labels."""
        zero_point = ZERO_POINT[name]
        kept = [
            (row, label)
            for row, label in zip(self.template(name), self.labels(name), strict=True)
            if label not in WARPED
        ]
        rows = [at_rest(row, zero_point.get(label[0], 0.0)) for row, label in kept]
        return np.array(rows), [label for _, label in kept]

    def archetypes(self, name: str) -> Floats:
        """Coefficient rows that make realistic spectra of a redrock basis."""
        with np.load(self.shared / "data" / "templates" / f"{name}.npz") as file:
            return np.asarray(file["archetype_coeff"], np.float64)

    def labels(self, name: str) -> list[str]:
        """Labels of a template file."""
        with np.load(self.shared / "data" / "templates" / f"{name}.npz") as file:
            return [str(label) for label in file["label"]]

    @cached_property
    def rows(self) -> list[dict[str, str]]:
        """The table of the real spectra."""
        with (self.shared / "data" / "spectra.csv").open() as file:
            return list(csv.DictReader(file))

    @cached_property
    def spectra(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Flux and ivar of the real spectra on the wide lattice, with all that was kept of them."""
        flux, ivar = np.zeros((2, len(self.rows), WIDE.n), np.float32)
        inside = slice(OBSERVED.k_min - WIDE.k_min, OBSERVED.k_max + 1 - WIDE.k_min)
        with np.load(self.shared / "data" / "spectra.npz") as file:
            flux[:, inside], ivar[:, inside] = file["flux"], file["ivar"]
        with np.load(self.shared / "data" / "spectra-wide.npz") as file:
            flux[self.wide_rows], ivar[self.wide_rows] = file["flux"], file["ivar"]
        return flux, ivar

    @cached_property
    def wide_rows(self) -> NDArray[np.int64]:
        """Rows of BOSS's spectrograph, with all their pixels to 10,400 Å."""
        with (self.shared / "data" / "spectra-wide.csv").open() as file:
            return np.array([int(row["row"]) for row in csv.DictReader(file)])

    @cached_property
    def faint(self) -> list[dict[str, str]]:
        """The table of the real faint spectra; none is of an object of the other table."""
        with (self.shared / "data" / "faint.csv").open() as file:
            return list(csv.DictReader(file))

    def far(self, kind: str, *, validation: bool) -> tuple[Spectra, Floats]:
        """Faint and far spectra of a class the label of which was not doubted, and redshifts.

        On the wide lattice. One group in three of each set is for validation.
        """
        low, high = Z_RANGE[kind]
        chosen = [
            i
            for i, row in enumerate(self.faint)
            if row["set"] in FAR_SETS[kind]
            and row["cls"] == class_of(kind)
            and row["role"] == "labelled"
            and float(row["zwarning"] or 0) == 0
            and low <= float(row["z"]) <= high
            and in_validation(row["group"]) == validation
        ]
        return self.faint_batch(chosen), np.array([float(self.faint[i]["z"]) for i in chosen])

    def faint_batch(self, rows: Sequence[int] | NDArray[np.integer[Any]], **more: Any) -> Spectra:
        """Some of the faint spectra, likewise, from their own pixels."""
        native = [self._native(int(row)) for row in rows]
        flux, ivar, loglam = ([arrays[at] for arrays in native] for at in range(3))
        ids = np.array([self.faint[i]["name"] for i in rows], np.str_)
        return Spectra.from_arrays(flux, ivar, loglam=loglam, ids=ids, lattice=WIDE, **more)

    def _native(self, row: int) -> tuple[Floats, Floats, Floats]:
        """Flux, ivar and log wavelengths of a faint spectrum, on its own pixels where known."""
        path = self.shared / "data" / "faint-native" / f"{self.faint[row]['set']}.npz"
        own = _contents(path) if path.exists() else {"name": np.array([])}
        found = np.flatnonzero(own["name"] == self.faint[row]["name"])
        if not len(found):
            all_of_them = _contents(self.shared / "data" / "faint.npz")
            return all_of_them["flux"][row], all_of_them["ivar"][row], OBSERVED.loglam
        wave = own["wave"] if own["wave"].ndim == 1 else own["wave"][found[0]]
        there = np.isfinite(wave)
        return own["flux"][found[0]][there], own["ivar"][found[0]][there], np.log10(wave[there])

    @cached_property
    def kept_apart(self) -> set[str]:
        """Groups with a file in ``data/raw``, the acceptance test: in no set at all."""
        with (self.shared / "data" / "raw" / "truth.csv").open() as file:
            names = [row["file"] for row in csv.DictReader(file)]
        stems = {_stem(name) for name in names}
        fibres = {_fibre(name) for name in names} - {None}
        return {
            row["group"]
            for row in self.rows
            if _stem(row["name"]) in stems or _fibre(row["name"]) in fibres
        }

    def batch(self, rows: Sequence[int] | NDArray[np.integer[Any]], **more: Any) -> Spectra:
        """The real spectra of some rows; more is for :meth:`Spectra.from_arrays`."""
        flux, ivar = self.spectra
        rows = np.asarray(rows, np.intp)
        ids = [f"{self.rows[i]['survey']}/{self.rows[i]['name']}" for i in rows]
        return Spectra.from_arrays(
            flux[rows], ivar[rows], loglam=WIDE.loglam, ids=ids, lattice=WIDE, **more
        )

    def labelled(self, *, validation: bool) -> list[int]:
        """Rows with a label, of the training or of the validation groups."""
        return self.of_role("labelled", validation=validation)

    def of_role(self, *roles: str, validation: bool) -> list[int]:
        """Rows of some roles, of the training or of the validation groups."""
        return [
            i
            for i, row in enumerate(self.rows)
            if row["role"] in roles
            and row["group"] not in self.kept_apart
            and in_validation(row["group"]) == validation
        ]

    def of_class(self, cls: str, *, validation: bool) -> tuple[NDArray[np.int64], Floats]:
        """Labelled rows of a kind the pipeline did not doubt, with their redshifts."""
        chosen = [
            (i, float(self.rows[i]["z"]))
            for i in self.labelled(validation=validation)
            if self.rows[i]["cls"] == class_of(cls) and float(self.rows[i]["zwarning"] or 0) == 0
        ]
        low, high = Z_RANGE[cls]
        inside = [(i, z) for i, z in chosen if low <= z <= high]
        return np.array([i for i, _ in inside]), np.array([z for _, z in inside])

    def noise_rows(self, survey: str) -> NDArray[np.int64]:
        """Rows whose ivar is that of a survey ("SDSS", "LAMOST"), and at least 3,000 pixels."""
        _, ivar = self.spectra
        validation = set(self.labelled(validation=True))
        return np.array(
            [
                i
                for i, row in enumerate(self.rows)
                if row["survey"] == survey
                and row["role"] != "star-no-z"
                and i not in validation
                and row["group"] not in self.kept_apart
                and (ivar[i] > 0).sum() > 3000
            ]
        )

    def sky_rows(self) -> NDArray[np.int64]:
        """True sky fibres of the training groups: their residuals are real."""
        return np.array(
            [
                i
                for i, row in enumerate(self.rows)
                if row["role"] == "sky" and not in_validation(row["group"])
            ]
        )

    def fitted(self, basis: Floats, cls: str, min_pixels: int = 600) -> Floats:
        """Unit coefficient rows of a basis: fits to the training spectra of a class.

        Parameters
        ----------
        basis : ndarray, shape (templates, PIXELS)
            What to fit, at the labelled redshift, weighted by ivar (capped at four times its
            median, so that no line owns the fit).
        """
        flux, ivar = self.spectra
        out = []
        for i, z in zip(*self.of_class(cls, validation=False), strict=True):
            first = WIDE.k_min - int(np.rint(shift_from_z(z))) - K_MIN
            seen = basis[:, first : first + WIDE.n]
            good = np.isfinite(seen).all(axis=0) & (ivar[i] > 0)
            if good.sum() < min_pixels:
                continue
            weight = np.sqrt(np.minimum(ivar[i][good], 4 * np.median(ivar[i][good])))
            design = (seen[:, good] * weight).T
            coeff = np.linalg.lstsq(design, flux[i][good] * weight, rcond=None)[0]
            out.append(coeff / np.linalg.norm(coeff))
        return np.array(out)


def in_validation(group: str) -> bool:
    """Whether an object (its group number) is held out for validation."""
    return zlib.crc32(group.encode()) % VALIDATION == 0


def at_rest(flux: Floats, pixels: float) -> Floats:
    """A template moved to the blue by a fraction of a pixel; NaN stays NaN, one pixel wider."""
    good = np.isfinite(flux)
    if pixels == 0 or not good.any():
        return flux
    filled = np.interp(np.arange(flux.size), np.flatnonzero(good), flux[good])
    inside = good & np.roll(good, 1) & np.roll(good, -1)
    return np.where(inside, moved(filled, -pixels, mode="nearest"), np.nan)


def _stem(name: str) -> str:
    return re.sub(r"\.fits?(\.gz)?$", "", name)


def _fibre(name: str) -> tuple[str, ...] | None:
    found = re.search(r"(\d{4,5})-(\d{5})-(\d{4})", name)
    return found.groups() if found else None
