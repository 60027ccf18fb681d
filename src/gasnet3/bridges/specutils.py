"""Spectra from specutils' containers, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.bridges.keys import (
    SOLUTION,
    aligned,
    columns_of,
    header_columns,
    labels,
    solution_rows,
    taken,
    warn_of_estimated_noise,
)
from gasnet3.catalog.schema import plain
from gasnet3.io.generic.noise import NOISE_KEY, estimated_ivar
from gasnet3.io.units import FLUX_UNIT, flux_factor, is_counts
from gasnet3.machine.extras import needed
from gasnet3.machine.typing import Floats
from gasnet3.spectra.airvac import air_to_vacuum
from gasnet3.spectra.batch import UNCALIBRATED, Spectra
from gasnet3.spectra.joining import join_column

if TYPE_CHECKING:
    from astropy.table import Table

_POWERS = {"std": 1, "var": 2, "ivar": -2}
"""Powers of the flux's unit that the units of uncertainties are, by their type."""


@dataclass(eq=False)
class _Unpacked:
    """One container: one spectrum, or several of one length."""

    flux: list[NDArray[Any]]
    ivar: list[NDArray[Any]]
    wave: list[Floats]
    columns: dict[str, NDArray[Any]]
    redshift: float | None
    estimated: bool


def from_specutils(spectra: Any, *, air: bool | None = None) -> Spectra:
    """Spectra of specutils' containers, ready to classify.

    Parameters
    ----------
    spectra : Spectrum, Spectrum1D, SpectrumCollection, SpectrumList, or an iterable of these
        ``flux`` of any shape, the spectral axis anywhere in it, in any unit that specutils can
        turn into a wavelength. Flux densities become 1e-17 erg/s/cm²/Å, F_ν too; what is none
        (counts, dimensionless) is taken as it is. Uncertainties of any type become inverse
        variances; where there are none, the noise is estimated from neighbouring pixels, as for
        files without errors, and the key column ``noise_estimated`` is True. Of counts the key
        column ``flux_uncalibrated`` is. Pixels whose ``mask`` is True are masked.
    air : bool, optional
        Whether the wavelengths are air; left out, what ``meta`` (``air``, or a header with
        VACUUM or AIRORVAC) or the WCS (AWAV) says, else vacuum.

    Returns
    -------
    Spectra
        One row a spectrum. From ``meta``: the entries that name an id, a redshift and a class
        become these, flags of ``zwarn`` that are known before a fit stay, other numbers and
        texts become key columns. An FITS header in it (``meta["header"]``) gives the id and
        SDSS's keys. ``redshift``, where it is not 0, is the labelled redshift if ``meta`` has
        none and no ``solution`` of ours.

    Raises
    ------
    TypeError
        If something else than these containers is given.
    ValueError
        If a spectral axis cannot be turned into wavelengths, or an uncertainty does not fit its
        flux; the message says which spectrum.

    Warns
    -----
    UserWarning
        If noise had to be estimated.
    """
    parts = [_unpacked(one, f"spectrum {index}", air) for index, one in enumerate(_each(spectra))]
    if not parts:
        return Spectra.from_arrays([], [], [])
    estimated = sum(len(part.flux) for part in parts if part.estimated)
    warn_of_estimated_noise(estimated, sum(len(part.flux) for part in parts))
    return _joined(parts, bool(estimated))


def to_specutils(
    spectra: Spectra,
    catalog: Table | None = None,
    *,
    unit: str = FLUX_UNIT,
    stacked: bool = False,
) -> Any:
    """Spectra as specutils' containers, with uncertainty, mask, labels and solutions.

    Parameters
    ----------
    spectra : Spectra
        The spectra.
    catalog : Table, optional
        Their catalog: the best solution of each spectrum is put into ``meta["solution"]``, a
        dict by column, and its z becomes ``redshift``.
    unit : str
        Unit of the flux, in the notation of astropy; '' for relative flux.
    stacked : bool
        Give one Spectrum of shape (rows, pixels), with arrays in ``meta`` and no ``redshift``;
        NaN, '' or 0 where the catalog does not have a spectrum.

    Returns
    -------
    SpectrumList of Spectrum, or Spectrum
        In vacuum Å, with InverseVariance and, for masked pixels, ``mask``. ``meta`` has ``id``,
        ``z`` and ``class`` where they are labelled, ``zwarn`` and the key columns:
        :func:`from_specutils` gives the same Spectra, to the bit where ``unit`` is the default.

    Raises
    ------
    ImportError
        If specutils is not installed.
    ValueError
        If the catalog has several rows of one id that are not in the order of the spectra.
    """
    specutils = needed("specutils")
    from astropy import units
    from astropy.nddata import InverseVariance

    # Spectrum1D is what specutils 1 calls it.
    container = getattr(specutils, "Spectrum", None) or specutils.Spectrum1D
    flux_unit = units.Unit(unit)
    rows = None if catalog is None else solution_rows(spectra, catalog)

    def made(at: Any, meta: dict[str, Any], **more: Any) -> Any:
        return container(
            flux=spectra.flux[at] * flux_unit,
            spectral_axis=spectra.lattice.wave * units.AA,
            uncertainty=InverseVariance(spectra.ivar[at], unit=flux_unit**-2),
            mask=~(spectra.ivar[at] > 0),
            meta=meta,
            **more,
        )

    if stacked:
        whole = _meta(spectra, slice(None))
        if catalog is not None and rows is not None:
            columns = {name: plain(name, catalog[name]) for name in catalog.colnames}
            whole[SOLUTION] = {name: aligned(values, rows) for name, values in columns.items()}
        return made(slice(None), whole, spectral_axis_index=1)
    out = specutils.SpectrumList()
    for row in range(len(spectra)):
        meta, z = _meta(spectra, row), float(spectra.z[row])
        if catalog is not None and rows is not None and rows[row] >= 0:
            meta[SOLUTION] = {name: catalog[name][rows[row]] for name in catalog.colnames}
            z = float(meta[SOLUTION]["z"])
        out.append(made(row, meta, **({"redshift": z} if np.isfinite(z) else {})))
    return out


def _meta(spectra: Spectra, row: Any) -> dict[str, Any]:
    """Identifier, labels, flags and key columns of a row, or of all rows."""
    meta = {"id": spectra.ids[row], "z": spectra.z[row], "class": spectra.classes[row]}
    if isinstance(row, int):
        meta = {"id": str(meta["id"])}
        if np.isfinite(spectra.z[row]):
            meta["z"] = float(spectra.z[row])
        if spectra.classes[row]:
            meta["class"] = str(spectra.classes[row])
    meta["zwarn"] = spectra.zwarn[row] if not isinstance(row, int) else int(spectra.zwarn[row])
    names = {name.casefold() for name in meta}
    for name, column in spectra.meta.items():
        if name.casefold() not in names:
            value = column[row]
            meta[name] = str(value) if isinstance(value, np.str_) else value
    return meta


def _each(spectra: Any) -> Iterator[Any]:
    """The containers one by one, out of lists of lists."""
    if hasattr(spectra, "flux") and hasattr(spectra, "spectral_axis"):
        yield spectra
    elif isinstance(spectra, Iterable) and not isinstance(spectra, str | bytes | np.ndarray):
        for one in spectra:
            yield from _each(one)
    else:
        raise TypeError(
            f"{type(spectra).__name__} is no Spectrum, SpectrumCollection or list of them; "
            "arrays go into gasnet3.Spectra.from_arrays, files into gasnet3.io.read"
        )


def _unpacked(one: Any, where: str, air: bool | None) -> _Unpacked:
    # Of a collection the last axis is the spectral one, whatever its index says.
    axis = getattr(one, "spectral_axis_index", None) if np.ndim(one.spectral_axis) == 1 else None
    shape = np.shape(one.flux)
    flux = _table(one.flux.value, axis)
    rows, pixels = flux.shape
    wave = _wavelengths(one, where).reshape(-1, pixels)
    meta = one.meta or {}
    metas = [_plain_meta(each) for each in (meta if isinstance(meta, list) else [meta])]
    if _is_air(one, metas[0]) if air is None else air:
        wave = air_to_vacuum(wave)
    ivar = _ivar(one, axis, where)
    try:
        factors = [flux_factor(one.flux.unit, row)[0] for row in wave]
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    out_flux, out_ivar = [], []
    mask = None if one.mask is None else _table(np.broadcast_to(one.mask, shape), axis)
    for row in range(rows):
        factor = factors[row % len(factors)]
        values = flux[row] * factor
        noise = estimated_ivar(values) if ivar is None else ivar[row] / np.square(factor)
        out_flux.append(values)
        out_ivar.append(noise if mask is None else np.where(mask[row].astype(bool), 0.0, noise))
    columns = _columns(metas, rows)
    if is_counts(str(one.flux.unit)):
        columns[UNCALIBRATED] = np.ones(rows, bool)
    return _Unpacked(
        out_flux,
        out_ivar,
        list(wave),
        columns,
        _redshift(one, metas[0]),
        ivar is None,
    )


def _redshift(one: Any, meta: dict[str, Any]) -> float | None:
    """The redshift of the container; 0 is what it has when nobody said anything."""
    redshift = getattr(one, "redshift", None)
    # The solution that we gave it is no label.
    if redshift is None or np.ndim(redshift) or SOLUTION in meta:
        return None
    return float(redshift) or None


def _plain_meta(meta: Any) -> dict[str, Any]:
    """Metadata as a dict; of a bare FITS header as its entry ``header``."""
    return {"header": meta} if hasattr(meta, "cards") else dict(meta)


def _table(values: Any, axis: int | None) -> NDArray[Any]:
    """Values of any shape as (rows, pixels)."""
    moved = np.moveaxis(np.asarray(values), -1 if axis is None else axis, -1)
    return moved.reshape(-1, moved.shape[-1])


def _wavelengths(one: Any, where: str) -> Floats:
    from astropy import units

    try:
        # SpectralAxis knows the rest wavelength that makes wavelengths of velocities.
        return np.asarray(one.spectral_axis.to(units.AA).value, np.float64)
    except ValueError as error:  # of units, or of a velocity without its rest wavelength
        raise ValueError(
            f"{where}: its spectral axis is in {one.spectral_axis.unit or 'no unit'}, which cannot "
            f"be turned into wavelengths ({error}); give it wavelengths, frequencies or energies"
        ) from None


def _is_air(one: Any, meta: dict[str, Any]) -> bool:
    """Whether the container says that its wavelengths are air."""
    if isinstance(meta.get("air"), bool | np.bool_):
        return bool(meta["air"])
    header: Any = meta.get("header")
    if hasattr(header, "get"):
        if str(header.get("AIRORVAC", "")).strip().lower() == "air":
            return True
        if header.get("VACUUM") in (False, 0, "F"):
            return True
    kinds = getattr(getattr(one.wcs, "wcs", None), "ctype", ())
    return any(str(kind).upper().startswith("AWAV") for kind in kinds)


def _ivar(one: Any, axis: int | None, where: str) -> NDArray[Any] | None:
    """Inverse variance in the unit of the flux, shape (rows, pixels); None where there is none."""
    from astropy import units

    uncertainty = one.uncertainty
    power = None if uncertainty is None else _POWERS.get(uncertainty.uncertainty_type)
    if power is None:
        return None
    values, wanted, scale = _table(uncertainty.array, axis), one.flux.unit**power, 1.0
    own = uncertainty.unit
    if own not in (None, units.dimensionless_unscaled):
        try:
            scale = float(units.Unit(own).to(wanted))
        except units.UnitsError:
            raise ValueError(
                f"{where}: its uncertainty ({uncertainty.uncertainty_type}) is in {own}, its flux "
                f"in {one.flux.unit}: they do not fit"
            ) from None
    if power == -2:
        return values if scale == 1.0 else values * scale
    good = np.isfinite(values) & (values > 0)
    out = np.zeros(values.shape, np.result_type(values.dtype, np.float32))
    with np.errstate(over="ignore"):
        np.power(values * scale, -2.0 / power, where=good, out=out)
    return np.where(np.isfinite(out), out, 0.0)


def _columns(metas: list[dict[str, Any]], rows: int) -> dict[str, NDArray[Any]]:
    """Columns of a container's metadata, or of the metadata of each of its spectra."""
    if len(metas) == rows > 1:
        each = [_columns([meta], 1) for meta in metas]
        names = dict.fromkeys(name for one in each for name in one)
        return {name: join_column([one.get(name) for one in each], [1] * rows) for name in names}
    meta = metas[0]
    own = {name: value for name, value in meta.items() if name not in (SOLUTION, "air", "header")}
    header: Any = meta.get("header")
    from_header = header_columns(header) if hasattr(header, "get") else {}
    return columns_of({**from_header, **own}, rows)


def _joined(parts: list[_Unpacked], any_estimated: bool) -> Spectra:
    counts = [len(part.flux) for part in parts]
    ids, z, classes, zwarn = [], [], [], []
    for at, (part, rows) in enumerate(zip(parts, counts, strict=True)):
        ids.append(_ids(taken(part.columns, "id"), rows, sum(counts[:at])))
        redshift, known, flags = labels(part.columns, rows)
        if part.redshift is not None and np.isnan(redshift).all():
            redshift[:] = part.redshift
        z.append(redshift)
        classes.append(known)
        zwarn.append(flags)
        if any_estimated:
            part.columns[NOISE_KEY] = np.full(rows, part.estimated)
    names = dict.fromkeys(name for part in parts for name in part.columns)
    meta = {name: join_column([p.columns.get(name) for p in parts], counts) for name in names}
    return Spectra.from_arrays(
        [row for part in parts for row in part.flux],
        [row for part in parts for row in part.ivar],
        _grids(parts),
        ids=np.concatenate(ids),
        z=np.concatenate(z),
        classes=np.concatenate(classes),
        zwarn=np.concatenate(zwarn),
        meta=meta,
    )


def _ids(named: NDArray[Any] | None, rows: int, first: int) -> NDArray[np.str_]:
    """Identifiers: those of the metadata, numbered where several spectra share one."""
    if named is None or named.ndim != 1:
        return np.array([f"row-{first + row}" for row in range(rows)])
    texts = named.astype(np.str_)
    if rows > 1 and len(set(texts.tolist())) == 1:
        return np.array([f"{texts[0]}:{row}" for row in range(rows)])
    return texts


def _grids(parts: list[_Unpacked]) -> list[Floats]:
    """Wavelengths of every spectrum; equal neighbours are one object: placed once."""
    out: list[Floats] = []
    for part in parts:
        for row in range(len(part.flux)):
            wave = part.wave[row % len(part.wave)]
            same = bool(out) and (wave is out[-1] or np.array_equal(wave, out[-1]))
            out.append(out[-1] if same else wave)
    return out
