"""What a file holds, in one form for all formats, and the reader that needs no more."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gasnet3.io.errors import ReadError, check_range
from gasnet3.io.generic.arms import joined
from gasnet3.io.generic.assemble import Loaded, assemble, texts
from gasnet3.io.generic.dispersion import Axis
from gasnet3.io.generic.gaps import MASK, filled
from gasnet3.io.generic.roles import PIXEL_ROLES, Held, Load, Roles, RolesError, recognise
from gasnet3.io.naming import RESERVED, names_of
from gasnet3.io.options import DEFAULT, ReadOptions
from gasnet3.io.reader import Understood
from gasnet3.io.targets import flags_of_keys, kind_flags
from gasnet3.machine.typing import Floats
from gasnet3.spectra.batch import RESOLUTION, Spectra
from gasnet3.spectra.resolution import sigma_of_power, sigma_said

POWERS = ("spec_rp", "spec_res", "specres", "resolving_power")
"""Columns with the resolving power of each spectrum."""

PIECE_ROWS = 256
"""Rows that are read together."""


def axis_held(axis: Axis) -> Held:
    """Wavelengths of a header as an array."""

    def load(rows: slice) -> Floats:
        return axis.values if axis.values.ndim == 1 else axis.values[rows]

    return Held(axis.role, "pixels", axis.unit, "", axis.where, load, axis.air)


@dataclass
class Holding:
    """What a file holds.

    Attributes
    ----------
    arrays : list of Held
        Every array that may have a role.
    rows : int
        Number of spectra.
    axis : Held, optional
        Wavelengths that are worked out from a header; its name is ``wave`` or ``loglam``.
    air : bool, optional
        Whether the file says that its wavelengths are air.
    names : sequence of str, optional
        Identifiers of the spectra, where no array holds them.
    keys : mapping of str to ndarray, shape (rows,)
        Key columns that no array holds.
    z : ndarray of float64, shape (rows,), optional
        The survey's redshifts, where no array holds them.
    zwarn : ndarray of int64, shape (rows,), optional
        Flags known beforehand.
    understood : Understood
        What the format adds to what is said of roles.
    roles : mapping of str to str
        Names of the arrays whose role the format defines, by role.
    calibrated : bool
        False where the format, or a header, says that the flux is not calibrated.
    resolution : str, optional
        What a header says of the resolution of all spectra: ``R=600`` or ``fwhm=5A``.
    arms : sequence of Holding
        The arms of the spectra, each with their rows, if they lie apart; ``arrays`` is unused.
    """

    arrays: list[Held]
    rows: int
    axis: Held | None = None
    air: bool | None = None
    names: Sequence[str] | None = None
    keys: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    z: Floats | None = None
    zwarn: NDArray[np.int64] | None = None
    understood: Understood = field(default_factory=Understood)
    roles: Mapping[str, str] = field(default_factory=dict)
    calibrated: bool = True
    resolution: str | None = None
    arms: Sequence[Holding] = ()


def _without_masks(arrays: Sequence[Held]) -> list[Held]:
    """The arrays, with gaps where astropy's masks of columns with a value a spectrum say so."""
    rows = {held.name: held for held in arrays if held.along == "rows"}
    out = []
    for held in arrays:
        name = held.name
        if name in rows and name.endswith(MASK) and name.removesuffix(MASK) in rows:
            continue
        if name in rows and f"{name}{MASK}" in rows:
            held = replace(held, load=_with_gaps(held.load, rows[f"{name}{MASK}"].load))
        out.append(held)
    return out


def _with_gaps(load: Load, mask: Load) -> Load:
    def filled_rows(rows: slice) -> Any:
        none = np.asarray(mask(rows), bool)
        return filled(np.ma.MaskedArray(np.asarray(load(rows)), none), always=True)

    return filled_rows


class HoldingReader(ABC):
    """A reader of files of no particular survey."""

    name: str

    def __init__(self, options: ReadOptions = DEFAULT) -> None:
        self.options = options

    @abstractmethod
    def matches(self, path: Path, head: bytes) -> bool:
        """Whether the file is of this format, from its first bytes (unzipped)."""

    @abstractmethod
    def holding(self, path: Path) -> AbstractContextManager[Holding]:
        """What the file holds, while it is open."""

    def configured(self, options: ReadOptions) -> Self:
        """The same reader, obeying the options."""
        changed = copy.copy(self)
        changed.options = options
        return changed

    def read(self, path: Path) -> Spectra:
        """Read all spectra of a file.

        Returns
        -------
        Spectra
            Vacuum Å, F_λ, in 1e-17 erg/s/cm²/Å where the unit is known. ``id`` is that of the
            file, else the file's name and the row. Key columns: ``file``, those of the file by
            their names in lower case, ``noise_estimated`` where there are no errors,
            ``flux_uncalibrated`` where the flux is in counts, ``resolution_sigma`` where the
            resolution is stated, ``native_pixel`` where pixels are larger than the lattice's.

        Raises
        ------
        ReadError
            If the file is damaged, or it cannot be told where its spectra are.
        """
        with self._opened(path) as holding:
            return self._in_pieces(path, holding, 0, holding.rows)

    def count(self, path: Path) -> int:
        """Number of spectra, from the headers."""
        with self._opened(path) as holding:
            for one in holding.arms or [holding]:
                recognised(one, self.options)  # what cannot be read must not be planned
            return holding.rows

    def read_rows(self, path: Path, start: int, stop: int) -> Spectra:
        """Some of the spectra; see :meth:`read`."""
        with self._opened(path) as holding:
            check_range(path, start, stop, holding.rows)
            if stop > start:
                return self._in_pieces(path, holding, start, stop)
            # An empty batch has the columns that others have.
            return self._spectra(path, holding, slice(0, 1))[0][:0]

    def explain(self, path: Path) -> Understood:
        """What is taken from where, as seen in the first spectrum; ReadError as :meth:`read`."""
        with self._opened(path) as holding:
            return self._spectra(path, holding, slice(0, 1))[1]

    @contextmanager
    def _opened(self, path: Path) -> Iterator[Holding]:
        try:
            with self.holding(path) as holding:
                if not holding.rows:
                    raise ReadError(path, "it holds no spectrum, its tables are empty")
                arms = [replace(a, arrays=_without_masks(a.arrays)) for a in holding.arms]
                yield replace(holding, arrays=_without_masks(holding.arrays), arms=arms)
        except ReadError:
            raise
        except RolesError as error:
            raise ReadError(path, str(error)) from None
        # Libraries raise anything on damaged files: KeyError, TypeError, OSError, ...
        except Exception as error:
            said = " ".join(str(error).split())[:300]
            reason = f"it cannot be read as {self.name} ({type(error).__name__}: {said})"
            raise ReadError(path, f"{reason}; if it is damaged, fetch it again") from error

    def _in_pieces(self, path: Path, holding: Holding, start: int, stop: int) -> Spectra:
        """Some rows at a time: on their way they take many times the room they take in the end."""
        pieces = [
            self._spectra(path, holding, slice(first, min(stop, first + PIECE_ROWS)))[0]
            for first in range(start, stop, PIECE_ROWS)
        ]
        return pieces[0] if len(pieces) == 1 else Spectra.concatenate(pieces)

    def _spectra(self, path: Path, holding: Holding, rows: slice) -> tuple[Spectra, Understood]:
        if not holding.arms:
            return self._of_one(path, holding, rows)
        found = [self._of_one(path, arm, rows) for arm in holding.arms]
        understood = found[0][1]
        for _, other in found[1:]:
            understood.used += [pair for pair in other.used if pair not in understood.used]
            understood.ignored += [text for text in other.ignored if text not in understood.ignored]
            for text in other.assumed:
                understood.assume(text)
        understood.assume(f"{len(found)} arms are joined, weighted by ivar where they overlap")
        names = [other.used[0][1] for _, other in found]
        try:
            return joined([spectra for spectra, _ in found], names), understood
        except ValueError as error:
            raise ReadError(path, str(error)) from None

    def _of_one(self, path: Path, holding: Holding, rows: slice) -> tuple[Spectra, Understood]:
        roles = recognised(holding, self.options)
        arrays = {role: one.load(rows) for role, one in roles.arrays.items()}
        air = holding.air
        for role in {"wave", "loglam"} & arrays.keys():
            air = air if roles.arrays[role].air is None else roles.arrays[role].air
        if holding.rows > 1:
            _drop_uneven(arrays)
        units = {}
        if holding.axis is not None and not {"wave", "loglam"} & arrays.keys():
            one = holding.axis
            arrays[one.name] = one.load(rows)
            units[one.name] = dict(self.options.units).get(one.name, one.unit)
            roles.understood.used.append((one.name, one.text))
            air = air if one.air is None else one.air
        if "z" not in arrays and holding.z is not None:
            arrays["z"] = holding.z[rows]
        keys = {name: column[rows] for name, column in holding.keys.items()}
        # Its survey's name of an identifier is of use beside ours.
        named = [one for role, one in roles.arrays.items() if role == "id"]
        for one in (*named, *roles.others):
            if one.along == "rows" and one.name.lower() not in ("id", "ids", "name"):
                _add_key(keys, one.name, one.load(rows))
        names = _names(path, holding, rows)
        loaded = Loaded(arrays, units, air, names, keys, holding.calibrated)
        spectra = assemble(path, loaded, roles, self.options)
        spectra = _resolved(spectra, holding)
        flags = flags_of_keys(spectra.meta, len(spectra))
        if "class" in arrays:
            flags |= kind_flags(texts(arrays["class"]))
        if holding.zwarn is not None:
            flags |= holding.zwarn[rows]
        spectra = replace(spectra, zwarn=spectra.zwarn | flags)
        understood = roles.understood
        understood.assumed[:0] = holding.understood.assumed
        understood.ignored += holding.understood.ignored
        understood.used += holding.understood.used
        return spectra, understood


def _resolved(spectra: Spectra, holding: Holding) -> Spectra:
    """Spectra with the resolution that columns or headers state."""
    if RESOLUTION in spectra.meta:
        return spectra
    found = [spectra.meta[name] for name in POWERS if name in spectra.meta]
    if found and found[0].dtype.kind in "iuf":
        sigma = sigma_of_power(found[0])
    elif holding.resolution is not None:
        sigma = sigma_said(holding.resolution, spectra.lattice.wave, spectra.ivar > 0)
    else:
        return spectra
    return replace(spectra, meta={**spectra.meta, RESOLUTION: sigma})


def recognised(
    holding: Holding, options: ReadOptions = DEFAULT, *, has_wave: bool = False
) -> Roles:
    """Which array stands for what: as the user says, else as the format, else by their looks.

    Where there may be no wavelengths, as they are looked for elsewhere, ``has_wave`` is set;
    RolesError if it cannot be told.
    """
    said = dict(options.columns)
    claimed = {name.lower() for name in said.values()}
    if {"ivar", "error", "variance"} & said.keys():
        claimed |= {holding.roles.get(role, "").lower() for role in ("ivar", "error", "variance")}
    defined = {
        role: name
        for role, name in holding.roles.items()
        if role not in said and name.lower() not in claimed
    }
    columns = (*options.columns, *defined.items())
    has_wave = has_wave or holding.axis is not None
    return recognise(holding.arrays, replace(options, columns=columns), has_wave=has_wave)


def _drop_uneven(arrays: Mapping[str, Any]) -> None:
    """Empty the rows whose lists differ in length: they get a flag, the others must not suffer."""
    lists = [arrays[role] for role in PIXEL_ROLES if isinstance(arrays.get(role), list)]
    if len({len(rows) for rows in lists}) != 1:
        return
    for row, values in enumerate(zip(*lists, strict=True)):
        if len({np.size(one) for one in values}) > 1:
            for rows in lists:
                rows[row] = rows[row][:0]


def _names(path: Path, holding: Holding, rows: slice) -> Sequence[str]:
    """Identifiers of some spectra, the same whichever others are read with them."""
    if holding.names is not None:
        return holding.names[rows]
    return names_of(path, holding.rows, *rows.indices(holding.rows)[:2])


def _add_key(keys: dict[str, NDArray[Any]], name: str, values: Any) -> None:
    """A key column by a name that no format of ours has for something else."""
    masked = isinstance(values, np.ma.MaskedArray)
    column = np.asarray(filled(values, always=True) if masked else values)
    if column.ndim != 1 or column.dtype.kind not in "biufUS":
        return
    if column.dtype.kind == "S":
        column = np.char.decode(column, "latin-1")
    if column.dtype.kind == "U":
        column = np.char.strip(column)
    key = name.lower()
    key = f"{key}_in" if key in RESERVED or key == "file" else key
    # Keys of all files of a run are joined: in this machine's byte order.
    keys.setdefault(key, column.astype(column.dtype.newbyteorder("=")))
