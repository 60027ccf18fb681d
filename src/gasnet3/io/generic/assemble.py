"""From arrays whose roles are known to spectra."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.flags import ZWarn
from gasnet3.io.errors import ReadError
from gasnet3.io.generic.masks import bad_pixels
from gasnet3.io.generic.noise import NOISE_KEY, estimated_ivar
from gasnet3.io.generic.pieces import pieces_of
from gasnet3.io.generic.roles import AIR_NAMES, Roles, plain
from gasnet3.io.naming import class_label, names_of
from gasnet3.io.options import DEFAULT, ReadOptions
from gasnet3.io.reader import Understood
from gasnet3.io.units import (
    flux_factor,
    is_counts,
    is_flux_density,
    is_length,
    parse_unit,
    wavelengths,
)
from gasnet3.machine.typing import Bools, Floats
from gasnet3.spectra.airvac import air_to_vacuum
from gasnet3.spectra.batch import UNCALIBRATED, Spectra
from gasnet3.spectra.placing import floats


@dataclass
class Loaded:
    """Arrays of a file by role, for some of its spectra.

    Parameters
    ----------
    arrays : mapping of str to array
        ``flux`` and other values of pixels: shape (rows, pixels), or a list of rows of any
        length; ``wave`` or ``loglam`` may be one row for all. Those of ``id``, ``z``,
        ``class``, ``ra``, ``dec``: shape (rows,).
    units : mapping of str to str
        By role, as the file has them.
    air : bool, optional
        Whether the file says that wavelengths are air; None: it says nothing.
    names : sequence of str, optional
        Identifiers of spectra where no array holds them.
    keys : mapping of str to ndarray, shape (rows,)
        Key columns.
    calibrated : bool
        Whether the flux may be calibrated; the format may say that it is not.
    """

    arrays: Mapping[str, Any]
    units: Mapping[str, str] = field(default_factory=dict)
    air: bool | None = None
    names: Sequence[str] | None = None
    keys: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    calibrated: bool = True


def assemble(
    path: Path,
    loaded: Loaded,
    roles: Roles,
    options: ReadOptions = DEFAULT,
) -> Spectra:
    """Spectra of what was loaded: vacuum Å, F_λ, inverse variance.

    What has to be assumed is added to ``roles.understood``; ReadError if the arrays do not fit
    together, or a unit is not known.
    """
    understood = roles.understood
    try:
        flux = _rows(loaded.arrays["flux"], "flux")
        wave = _vacuum(loaded, roles, options, understood)
        if len(wave) not in (1, len(flux)):
            raise ValueError(f"there are {len(flux)} spectra and {len(wave)} rows of wavelengths")
        flux, ivar, estimated, doubted = _calibrated(loaded, roles, flux, wave, understood)
        shared = _is_one_row(loaded.arrays["loglam" if "wave" not in loaded.arrays else "wave"])
        flux, ivar, wave = _trimmed(flux, ivar, wave)
        _refuse_stacked(wave)
        # One grid that all share must be right; of own ones a bad one is flagged.
        grid = wave[0] if shared and len(wave) == 1 else wave
        keys: dict[str, Any] = {NOISE_KEY: estimated} if estimated.any() else {}
        if _uncalibrated(loaded, roles, understood):
            keys[UNCALIBRATED] = np.ones(len(flux), bool)
        return _spectra(path, loaded, flux, ivar, grid, keys, doubted)
    except (ValueError, TypeError, IndexError) as error:
        raise ReadError(path, f"its arrays make no spectra: {error}") from error


def _uncalibrated(loaded: Loaded, roles: Roles, understood: Understood) -> bool:
    """Whether the flux is in counts: by its unit, else by its name, or as the format says."""
    source = roles.arrays.get("flux")
    unit = loaded.units.get("flux", source.unit if source else "")
    counts = is_counts(unit) or (source is not None and is_counts(source.name.replace("_", " ")))
    found = not is_flux_density(unit) and (counts or not loaded.calibrated)
    if found:
        understood.assume("the flux is not calibrated: the shape of its continuum says nothing")
    return found


def _refuse_stacked(wave: list[Floats]) -> None:
    """Tell of several spectra in what should be one, where a reader does not take them apart."""
    pieces = pieces_of(wave[0]) if len(wave) == 1 else []
    if pieces:
        raise ValueError(
            f"the wavelengths begin anew: {len(pieces)} spectra, one below the other, which are "
            "read from text (CSV) only; write one a row, or one a file"
        )


def _rows(values: Any, role: str) -> list[Floats]:
    """One float64 row a spectrum; masked entries are NaN."""
    if isinstance(values, np.ndarray) and values.dtype != object:
        values = values[None] if values.ndim == 1 else values
        if values.ndim != 2:
            raise ValueError(f"{role} has shape {values.shape}, expected (spectra, pixels)")
    elif len(values) and np.ndim(values[0]) == 0:
        values = [values]
    return [floats(row) for row in values]


def _is_one_row(values: Any) -> bool:
    """Whether wavelengths are one row for all spectra, not a table or a list of rows."""
    if isinstance(values, np.ndarray) and values.dtype != object:
        return values.ndim == 1
    return np.ndim(values[0]) == 0


def _vacuum(
    loaded: Loaded, roles: Roles, options: ReadOptions, understood: Understood
) -> list[Floats]:
    """Wavelengths in vacuum Å: one row for all spectra, or one each."""
    log = "wave" not in loaded.arrays
    role = "loglam" if log else "wave"
    source = roles.arrays.get(role)
    name = plain(source.name) if source else ""
    unit = loaded.units.get(role, source.unit if source else "")
    rows: list[Floats] = []
    assumed = ""
    for row in _rows(loaded.arrays[role], role):
        angstrom, assumed = wavelengths(row, unit, log=log, natural=name.startswith("ln"))
        # Rows that share their wavelengths are placed on the lattice once.
        rows.append(
            rows[-1] if rows and np.array_equal(angstrom, rows[-1], equal_nan=True) else angstrom
        )
    understood.assume(assumed)
    air = loaded.air
    if air is None and name in AIR_NAMES:
        air = True
    air = options.air if air is None else air
    if options.force_air is not None:
        air = options.force_air
    if not is_length(unit):
        air = False
    if air is None:
        understood.assume(
            "the file does not say air or vacuum: wavelengths are taken as vacuum (--air)"
        )
    return rows if not air else _each_once(air_to_vacuum, rows)


def _each_once(
    function: Callable[[Floats], NDArray[Any]], rows: list[Floats]
) -> list[NDArray[Any]]:
    """The function of every row; rows that are one object stay so."""
    out: list[NDArray[Any]] = []
    for at, row in enumerate(rows):
        out.append(out[-1] if at and row is rows[at - 1] else function(row))
    return out


def _calibrated(
    loaded: Loaded, roles: Roles, flux: list[Floats], wave: list[Floats], understood: Understood
) -> tuple[list[Floats], list[Floats], Bools, Bools]:
    """Flux density per wavelength, its ivar, where that was estimated, where a mask is doubted."""
    units = {role: loaded.units.get(role, one.unit) for role, one in roles.arrays.items()}
    units |= {role: unit for role, unit in loaded.units.items() if role not in units}
    factors = _factors(units.get("flux", ""), wave, understood)
    uncertainty = _ivar(loaded.arrays, units, len(flux), understood)
    out_flux, weights = [], []
    estimated = np.full(len(flux), not uncertainty)
    for row, values in enumerate(flux):
        ivar = uncertainty[row] if uncertainty else estimated_ivar(values)
        for what, array in (("uncertainty", ivar), ("wavelengths", wave[row % len(wave)])):
            if array.shape != values.shape:
                raise ValueError(
                    f"row {row}: flux has {values.size} pixels, its {what} {array.size}"
                )
        weights.append(ivar)
    doubted = np.zeros(len(flux), bool)
    if "mask" in loaded.arrays:
        source = roles.arrays.get("mask")
        masks, doubted = bad_pixels(loaded.arrays["mask"], source, weights, understood)
        weights = [np.where(bad, 0.0, ivar) for bad, ivar in zip(masks, weights, strict=True)]
    out_ivar = []
    for row, (values, ivar) in enumerate(zip(flux, weights, strict=True)):
        factor = factors[row if len(factors) > 1 else 0]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            out_flux.append(values * factor)
            out_ivar.append(np.where(ivar > 0, ivar / np.square(factor), 0.0))
    if not uncertainty:
        understood.assume(
            "no error, variance or ivar: the noise is estimated from differences of neighbouring "
            "pixels, and S/N with it",
        )
    return out_flux, out_ivar, estimated, doubted


def _factors(unit: str, wave: list[Floats], understood: Understood) -> list[Any]:
    found = []
    for row in wave:
        factor, assumed = flux_factor(unit, row)
        found.append(factor)
        if isinstance(factor, float):
            break
    understood.assume(assumed if wave else "")
    return found


def _ivar(
    arrays: Mapping[str, Any], units: Mapping[str, str], rows: int, understood: Understood
) -> list[Floats]:
    """Inverse variance in the unit of the flux; nothing where the file has no uncertainty."""
    role = next((name for name in ("ivar", "error", "variance") if name in arrays), None)
    if role is None:
        return []
    values = _rows(arrays[role], role)
    if len(values) != rows:
        raise ValueError(f"there are {rows} spectra and {len(values)} rows of {role}")
    power = {"ivar": 1.0, "error": -2.0, "variance": -1.0}[role]
    scale = _scale_between(units.get(role, ""), units.get("flux", ""), role, understood)
    out = []
    for row in values:
        good = np.isfinite(row) & (row > 0)
        with np.errstate(over="ignore"):
            ivar = np.power(row, power, where=good, out=np.zeros_like(row)) * scale
        out.append(np.where(good & np.isfinite(ivar), ivar, 0.0))
    return out


def _scale_between(unit: str, flux: str, role: str, understood: Understood) -> float:
    """What makes ivar of the file's own numbers ivar in the unit of the flux."""
    own, of_flux = parse_unit(unit), parse_unit(flux)
    if own is None or of_flux is None:
        return 1.0
    wanted = {"ivar": of_flux**-2, "error": of_flux, "variance": of_flux**2}[role]
    if not own.is_equivalent(wanted):
        understood.assume(
            f"the unit of {role}, {unit}, does not fit that of the flux: taken as its unit"
        )
        return 1.0
    factor = float(own.to(wanted))
    if abs(factor - 1.0) < 1e-12:  # the same unit, worked out in two ways
        factor = 1.0
    return {"ivar": factor, "error": factor**-2, "variance": 1.0 / factor}[role]


def _trimmed(
    flux: list[Floats], ivar: list[Floats], wave: list[Floats]
) -> tuple[list[Floats], list[Floats], list[Floats]]:
    """Without the pixels that have no wavelength: rows of one table are padded to one length."""
    usable = _each_once(lambda row: np.isfinite(row) & (row > 0), wave)
    if all(row.all() for row in usable):
        return flux, ivar, wave
    if len(wave) == 1:
        usable, wave = usable * len(flux), wave * len(flux)
    out: list[Floats] = []
    for at, (row, keep) in enumerate(zip(wave, usable, strict=True)):
        same = at > 0 and row is wave[at - 1]
        out.append(out[-1] if same else row[keep])
    flux = [row[keep] for row, keep in zip(flux, usable, strict=True)]
    ivar = [row[keep] for row, keep in zip(ivar, usable, strict=True)]
    return flux, ivar, out


def _spectra(
    path: Path,
    loaded: Loaded,
    flux: list[Floats],
    ivar: list[Floats],
    wave: Floats | list[Floats],
    keys: Mapping[str, Any],
    doubted: Bools,
) -> Spectra:
    rows, arrays = len(flux), loaded.arrays
    names = np.array(loaded.names or names_of(path, rows, 0, rows), np.str_)
    meta: dict[str, Any] = dict(loaded.keys)
    labels = np.full(rows, "", "U6")
    if "class" in arrays:
        words = texts(arrays["class"])
        labels = np.array([class_label(word) for word in words], "U6")
    for role in ("ra", "dec"):
        if role in arrays:
            meta[role] = np.asarray(arrays[role], np.float64)
    meta |= keys
    meta["file"] = np.full(rows, path.name)
    return Spectra.from_arrays(
        flux,
        ivar,
        wave,
        ids=_identifiers(arrays["id"], names) if "id" in arrays else names,
        zwarn=np.where(doubted, int(ZWarn.POORDATA), 0),
        z=_redshifts(arrays["z"]) if "z" in arrays else None,
        classes=labels,
        meta=meta,
    )


def _redshifts(values: Any) -> Floats:
    """Labels; what cannot be a redshift, as -9999 or 99, is none."""
    z = floats(values)
    return np.where((z > -1.0) & (z < 20.0), z, np.nan)


def _identifiers(values: Any, names: NDArray[np.str_]) -> NDArray[np.str_]:
    """As text; a row that has none is called as in a file without identifiers."""
    none = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else False
    column = np.asarray(values)
    if column.dtype.kind == "f":
        # Whole numbers are written as such, whichever type a table keeps them in.
        values = [str(int(x)) if x.is_integer() else str(x) for x in column.tolist()]
        none = none | np.isnan(column)
    found = texts(values)
    return np.where((found == "") | none, names, found)


def texts(values: Any) -> NDArray[np.str_]:
    """Values as text without blanks around, bytes decoded."""
    array = np.asarray(values)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind == "O":
        array = np.array(
            [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in array]
        )
    return np.char.strip(array.astype(np.str_))
