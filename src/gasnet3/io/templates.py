"""Libraries of rest-frame templates: redrock's files, spec1d's, ``.npz``, and spectra of any kind.

Templates come onto the lattice as spectra do; wavelengths are vacuum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from gasnet3.classes import CLASSES
from gasnet3.io.errors import ReadError
from gasnet3.io.options import DEFAULT, ReadOptions
from gasnet3.io.reading import read_file
from gasnet3.machine.typing import Floats
from gasnet3.spectra.airvac import air_to_vacuum
from gasnet3.spectra.lattice import STEP, LogLattice
from gasnet3.spectra.resample import BadGrid, Placement, rebin_placed

REST = LogLattice(26000, 16000)
"""Where templates are looked for: 398 to 15,849 Å."""

FITS_ENDINGS = (".fits", ".fit", ".fits.gz", ".fit.gz")

LEAST = 100
"""Pixels below which a file holds no template."""


@dataclass(frozen=True, eq=False)
class Library:
    """Templates of one file.

    Attributes
    ----------
    path : Path
        The file.
    lattice : LogLattice
        Rest-frame pixels that all of them cover.
    flux : ndarray of float64, shape (templates, lattice.n)
        F_λ, finite.
    cls, subclass : str
        As the file says; '' where it does not.
    names : tuple of str
        What each template is, for templates that are spectra by themselves; none where all
        together are one basis.
    z_range : tuple of float, or None
        First and last redshift that the file says.
    coeff : ndarray of float64, shape (rows, templates), or None
        Coefficients of realistic spectra, where the file has some.
    forest : bool
        Whether intergalactic hydrogen is still to absorb of them.
    fine : bool
        Whether its own pixels are finer than the lattice's: then it may be as sharp.
    """

    path: Path
    lattice: LogLattice
    flux: Floats
    cls: str = ""
    subclass: str = ""
    names: tuple[str, ...] = ()
    z_range: tuple[float, float] | None = None
    coeff: Floats | None = None
    forest: bool = False
    fine: bool = False


def read_library(path: str | Path, options: ReadOptions = DEFAULT) -> Library:
    """Templates of a file of redrock or spec1d, an ``.npz`` of ours, or a file of spectra.

    Parameters
    ----------
    path : str or Path
        ``rrtemplate-*.fits`` (BASIS_VECTORS, CRVAL1, CDELT1, LOGLAM, RRTYPE, RRSUBTYP, REDSHIFTS,
        ARCHETYPE_COEFF), ``spEigen*.fits`` (COEFF0, COEFF1, OBJECT, NAME0 ...), ``.npz`` with
        ``k0`` and ``flux``, or whatever :func:`gasnet3.io.read_file` reads, each spectrum a
        template.
    options : ReadOptions
        What the file does not say.

    Raises
    ------
    ReadError
        If the file is damaged, lacks a keyword, or holds no templates that can be used.
    """
    path = Path(path)
    if not path.is_file():
        raise ReadError(path, "is no file: name files of templates")
    found: Library | None = None
    try:
        if path.name.lower().endswith(FITS_ENDINGS):
            with fits.open(path, memmap=False) as hdus:
                found = _of_fits(path, hdus, options)
        elif path.suffix.lower() == ".npz":
            found = _of_npz(path)
    except ReadError:
        raise
    # What astropy and NumPy raise of damaged files is of many kinds.
    except Exception as error:
        raise ReadError(path, f"cannot be read ({error}); fetch it again") from error
    return found or _of_spectra(path, options)


def _of_fits(path: Path, hdus: Any, options: ReadOptions) -> Library | None:
    """redrock's file, or spec1d's; None for another."""
    by_name = {hdu.name: hdu for hdu in hdus if hdu.data is not None}
    if "BASIS_VECTORS" in by_name:
        return _redrock(path, by_name)
    first = hdus[0]
    if "RRTYPE" in first.header or path.name.startswith("rrtemplate"):
        raise ReadError(path, "has no HDU BASIS_VECTORS, where redrock's templates lie")
    # Spectra of SDSS have the same keywords of wavelength.
    if path.name.startswith("spEigen") or {"EIGEN0", "NAME0"} & set(first.header):
        if first.data is None or first.data.ndim > 2:
            raise ReadError(path, "has no image of templates, as spec1d's files have")
        return _spec1d(path, first, air=bool(options.air))
    return None


def _redrock(path: Path, hdus: Mapping[str, Any]) -> Library:
    basis = hdus["BASIS_VECTORS"]
    _need(path, basis.header, "CRVAL1", "CDELT1", "RRTYPE")
    flux = np.atleast_2d(np.asarray(basis.data, np.float64))
    grid = float(basis.header["CRVAL1"]) + float(basis.header["CDELT1"]) * np.arange(flux.shape[1])
    wave = np.asarray(10.0**grid if basis.header.get("LOGLAM", False) else grid, np.float64)
    z_range, coeff = None, None
    if "REDSHIFTS" in hdus:
        z = np.asarray(hdus["REDSHIFTS"].data, np.float64)
        z_range = float(z.min()), float(z.max())
    if "ARCHETYPE_COEFF" in hdus:
        coeff = np.asarray(hdus["ARCHETYPE_COEFF"].data, np.float64)
        if coeff.ndim != 2 or coeff.shape[1] != len(flux):
            raise ReadError(
                path, f"ARCHETYPE_COEFF has shape {coeff.shape} for {len(flux)} templates"
            )
    cls = _class(path, str(basis.header["RRTYPE"]), "RRTYPE")
    subclass = str(basis.header.get("RRSUBTYP", "")).strip()
    # Files before 2024 do not say, and redrock knows by their class.
    forest = str(basis.header.get("RRIGM", "None" if cls == "STAR" else "")).strip() != "None"
    return _placed(
        path, flux, wave,
        cls=cls, subclass=subclass, z_range=z_range, coeff=coeff, forest=forest,
    )  # fmt: skip


def _spec1d(path: Path, hdu: Any, *, air: bool) -> Library:
    header, flux = hdu.header, np.atleast_2d(np.asarray(hdu.data, np.float64))
    _need(path, header, "COEFF0", "COEFF1")
    grid = float(header["COEFF0"]) + float(header["COEFF1"]) * np.arange(flux.shape[1])
    wave = np.asarray(air_to_vacuum(10.0**grid) if air else 10.0**grid, np.float64)
    names = tuple(str(header.get(f"NAME{i}", "")).strip() for i in range(len(flux)))
    kind, _, subclass = str(header.get("OBJECT", "")).strip().partition("_")
    cls = _class(path, kind, "OBJECT") if kind else ""
    return _placed(path, flux, wave, cls=cls, subclass=subclass, names=names if any(names) else ())


def _of_npz(path: Path) -> Library | None:
    """Templates with the place of their first pixel; None for another file."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    if not {"k0", "flux"} <= arrays.keys() or "ivar" in arrays:
        return None
    flux = np.atleast_2d(np.asarray(arrays["flux"], np.float64))
    grid = STEP * (int(arrays["k0"]) + np.arange(flux.shape[1]))
    wave = np.asarray(10.0**grid, np.float64)
    labels = tuple(str(label) for label in np.atleast_1d(arrays.get("label", ())))
    coeff = arrays.get("archetype_coeff")
    # Vectors of a basis have numbers at most.
    single = len(labels) == len(flux) and not all(label.isdigit() for label in labels)
    return _placed(
        path, flux, wave,
        names=labels if single and coeff is None else (),
        coeff=None if coeff is None else np.asarray(coeff, np.float64),
    )  # fmt: skip


def _of_spectra(path: Path, options: ReadOptions) -> Library:
    """Every spectrum of a file that is read as spectra is a template by itself."""
    spectra = read_file(path, options, REST)
    if not len(spectra):
        raise ReadError(path, "holds no spectra, and no templates")
    names = tuple(str(name) for name in spectra.ids)
    cls = {str(one) for one in spectra.classes} - {""}
    flux = np.where(spectra.ivar > 0, spectra.flux, np.nan)
    return _cut(
        path, np.asarray(flux, np.float64), cls=cls.pop() if len(cls) == 1 else "", names=names
    )


def _placed(path: Path, flux: Floats, wave: Floats, **known: Any) -> Library:
    """Templates brought onto the lattice."""
    step = float(np.median(np.abs(np.diff(np.log10(np.maximum(wave, 1e-9))))))
    out = np.full((len(flux), REST.n), np.nan)
    try:
        place = Placement.of(wave, REST, log=False)
        for row, values in enumerate(flux):
            seen = np.isfinite(values)
            value, ivar, _ = rebin_placed(
                np.where(seen, values, 0.0), seen.astype(np.float64), place
            )
            out[row] = np.where(ivar > 0, value, np.nan)
    except (BadGrid, ValueError) as error:
        raise ReadError(path, f"its wavelengths make no templates: {error}") from error
    return _cut(path, out, fine=step < 0.9 * STEP, **known)


def _cut(path: Path, flux: Floats, **known: Any) -> Library:
    """Templates cut to what all of them cover."""
    seen = np.asarray(np.isfinite(flux).all(axis=0))
    at = np.flatnonzero(seen)
    if len(at) < LEAST:
        raise ReadError(
            path,
            f"its templates share {len(at)} pixels within 398 to 15,849 Å, {LEAST} are needed: are "
            "the wavelengths in Å?",
        )
    first, last = int(at[0]), int(at[-1])
    if last - first + 1 > len(at):
        gap = REST.wave[first + int(np.flatnonzero(~seen[first:last])[0])]
        raise ReadError(path, f"its templates have a gap at {gap:.0f} Å: fill or cut it")
    lattice = LogLattice(REST.k_min + first, len(at))
    return Library(path, lattice, flux[:, first : last + 1], **known)


def _need(path: Path, header: Any, *keywords: str) -> None:
    missing = [name for name in keywords if name not in header]
    if missing:
        raise ReadError(
            path, f"its header lacks {', '.join(missing)}: it is no template file as it is"
        )


def _class(path: Path, text: str, keyword: str) -> str:
    """A class that a file names; ReadError if it is none of ours."""
    name = text.strip().upper()
    if name not in CLASSES:
        raise ReadError(path, f"{keyword} is {text!r}: it must be one of {', '.join(CLASSES)}")
    return name
