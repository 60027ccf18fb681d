"""Arrays in groups, as HDF5 and Zarr have them: which of them are spectra, and of what shape."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gasnet3.io.generic.arms import tile
from gasnet3.io.generic.dispersion import axis_of, said_air
from gasnet3.io.generic.holding import Holding, HoldingReader, axis_held, recognised
from gasnet3.io.generic.roles import GOOD, NAMES, Along, Held, RolesError, plain
from gasnet3.io.limits import ARRAYS, PIXELS
from gasnet3.io.options import ReadOptions

_UNIT_NAMES = ("UNIT", "UNITS", "BUNIT")
_GRIDS = (*NAMES["wave"], *NAMES["loglam"])
_NAMED = 12

Attributes = Mapping[str, Any]


@dataclass(frozen=True)
class Array:
    """One array of a file, not read yet.

    Parameters
    ----------
    path : str
        Where it lies: ``spectra/flux``.
    shape : tuple of int
        Its axes, ``(rows,)`` for rows of any length.
    kind : {'number', 'text', 'rows', 'other'}
        What its elements are; ``rows`` are arrays of numbers of any length, others have no use.
    load : callable
        Gives the elements of a slice of the first axis, or of a tuple of slices; all of it where
        it has no axis.
    attributes : mapping
        What is said of it, by names in capitals.
    stored : bool
        Whether its elements may have been written; else they are all the same.
    """

    path: str
    shape: tuple[int, ...]
    kind: Literal["number", "text", "rows", "other"]
    load: Callable[[Any], Any] = lambda _: None
    attributes: Attributes = field(default_factory=dict)
    stored: bool = True

    @property
    def group(self) -> str:
        """The group it lies in, '' for the root."""
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        """Its name in the group."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Tree:
    """All arrays of a file, in order, and what is said of groups.

    That is by their path ('' for the root) and names in capitals.
    """

    arrays: Sequence[Array]
    attributes: Mapping[str, Attributes] = field(default_factory=dict)


class TreeReader(HoldingReader):
    """A reader of arrays in groups.

    The spectra are those of the root, or of the one group that has any. Arrays of a group are
    taken together with those of the groups around it: the wavelengths may lie in the root.
    Spectra are the rows of arrays of two axes, or arrays of rows of any length; arrays of one
    axis and that many pixels are shared by all, those with one value a spectrum are key columns.
    A group with arrays of one axis only is one spectrum.
    """

    @abstractmethod
    def tree(self, path: Path) -> AbstractContextManager[Tree]:
        """The arrays of a file, while it is open."""

    @contextmanager
    def holding(self, path: Path) -> Iterator[Holding]:
        """What the file holds, while it is open; RolesError if no one group has spectra."""
        with self.tree(path) as tree:
            yield _chosen(tree, self.options)


def capitals(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes by names in capitals, their values in types of Python."""
    out = {}
    for name, value in attributes.items():
        one = value.reshape(-1)[0] if isinstance(value, np.ndarray) and value.size == 1 else value
        one = one.item() if isinstance(one, np.generic) else one
        out[name.upper()] = one.decode("utf-8", "replace") if isinstance(one, bytes) else one
    return out


def check_number(arrays: Sequence[Any]) -> None:
    """Refuse files of more arrays than can be looked at each time; ValueError."""
    if len(arrays) > ARRAYS:
        raise ValueError(f"it has more than {ARRAYS} arrays: put spectra into rows of one")


def unpacked(values: Any, said: Attributes) -> NDArray[Any]:
    """Numbers as they are meant, where netCDF's attributes say that they were scaled or are none.

    Missing numbers are NaN, but for those of large whole numbers of spectra: they are
    identifiers, which float64 cannot hold.
    """
    scale, offset = said.get("SCALE_FACTOR", 1), said.get("ADD_OFFSET", 0)
    array = np.asarray(values)
    listed = [said.get(name) for name in ("_FILLVALUE", "MISSING_VALUE")]
    with np.errstate(over="ignore"):
        numbers = [x for x in listed if isinstance(x, int | float) and not np.isnan(x)]
        fill = np.array(numbers, array.dtype if array.dtype.kind == "f" else None)
    identifiers = array.dtype.kind in "iu" and array.itemsize > 4 and array.ndim < 2
    if (scale, offset) == (1, 0):
        if identifiers or not fill.size:
            return array
        return np.where(np.isin(array, fill), np.nan, array)
    return np.where(np.isin(array, fill), np.nan, array * scale + offset)


def number_loader(view: Any, shape: tuple[int, ...], said: Attributes) -> Callable[[Any], Any]:
    """Loads numbers of what a library has of an array; see :func:`unpacked`."""
    return lambda part: unpacked(view[part] if shape else view[()], said)


def text_loader(view: Any, shape: tuple[int, ...]) -> Callable[[Any], Any]:
    """Loads texts, bytes decoded, shape (elements,)."""

    def load(part: Any) -> NDArray[np.str_]:
        values = np.atleast_1d(np.asarray(view[part] if shape else view[()], object)).ravel()
        texts = (x.decode("utf-8", "replace") if isinstance(x, bytes) else str(x) for x in values)
        return np.array(list(texts))

    return load


def _chosen(tree: Tree, options: ReadOptions) -> Holding:
    wanted = {path.rpartition("/")[0] for path, name in _said(options).items() if "/" in name}
    groups = sorted({array.group for array in tree.arrays}, key=lambda path: (_depth(path), path))
    found: dict[str, Holding] = {}
    problems: list[RolesError] = []
    for group in groups:
        if found and _depth(group) > _depth(next(iter(found))):
            break
        around = _around(group)
        if wanted <= set(around):
            try:
                found[group] = _of_group(tree, around, options)
            except RolesError as problem:
                problems.append(problem)
    if not found:
        nothing = "there is no such group of arrays in it" if wanted else "there is no array in it"
        raise problems[0] if problems else RolesError(nothing)
    if len(found) == 1:
        return next(iter(found.values()))
    arms = list(found.values())
    same = len({holding.rows for holding in arms}) == 1
    if same and tile([recognised(holding, options) for holding in arms]):
        return replace(arms[0], arms=arms)
    if any(holding.rows > 1 for holding in arms):
        raise RolesError(
            f"{len(found)} groups have spectra ({', '.join(list(found)[:5])}); say which, for "
            f"example --column flux={next(iter(found))}/flux"
        )
    return _joined(found)


def _joined(groups: Mapping[str, Holding]) -> Holding:
    """Groups with one spectrum each: what all of them have, a row a group."""
    by_name = [{one.name: one for one in group.arrays} for group in groups.values()]
    common = [one for one in by_name[0].values() if all(one.name in x for x in by_name)]
    first = next(iter(groups.values()))
    held = [
        replace(
            one,
            where=f"array {one.name} of each group",
            load=_of_each([others[one.name].load for others in by_name], one.along),
        )
        for one in common
    ]
    names = [group.rpartition("/")[2] for group in groups]
    joined = Holding(held, len(groups), air=first.air, names=names)
    axes = [group.axis for group in groups.values() if group.axis is not None]
    if len(set(axes)) == 1 and len(axes) == len(groups):
        joined.axis = replace(axes[0], load=lambda part: [axis.load(part) for axis in axes[part]])
    spare = {name for others in by_name for name in others} - {one.name for one in common}
    joined.understood.ignored += [
        f"array {name}, not in every group: not used" for name in sorted(spare)
    ]
    return joined


def _of_each(loads: Sequence[Callable[[slice], Any]], along: Along) -> Any:
    def load(part: slice) -> Any:
        rows = [one(slice(0, 1)) for one in loads[part]]
        return [np.reshape(row, -1) for row in rows] if along == "pixels" else np.concatenate(rows)

    return load


def _said(options: ReadOptions) -> dict[str, str]:
    """Paths of the arrays that the user names, and how."""
    names = (name.removeprefix(GOOD) for _, name in options.columns)
    return {name.strip("/"): name for name in names}


def _depth(group: str) -> int:
    return len(PurePosixPath(group).parts)


def _around(group: str) -> list[str]:
    """A group and those it lies in, from the inside to the root."""
    parents = [str(parent) for parent in PurePosixPath(group).parents] if group else []
    return [group, *("" if parent == "." else parent for parent in parents)]


def _of_group(tree: Tree, around: list[str], options: ReadOptions) -> Holding:
    """What a group and those around it hold; RolesError if they have no spectra."""
    by_name: dict[str, Array] = {}
    for array in sorted(tree.arrays, key=lambda array: -_depth(array.group)):
        if array.group in around:
            by_name.setdefault(array.name, array)
    arrays = _upright(list(by_name.values()))
    said: dict[str, Any] = {}
    for group in reversed(around):
        said |= tree.attributes.get(group, {})
    problems: list[RolesError] = []
    for rows, pixels in _shapes(arrays):
        try:
            return _of_shape(arrays, said, rows, pixels, options)
        except RolesError as error:
            problems.append(error)
    # What is said of the largest arrays helps most.
    raise problems[0] if problems else RolesError("there is no array of numbers in it")


def _shapes(arrays: Sequence[Array]) -> list[tuple[int | None, int | None]]:
    """Numbers of spectra and pixels that there may be, the largest first.

    No number of spectra: arrays of one axis, which are one; none of pixels: rows of any length.
    """
    shapes = [_squeezed(array.shape) for array in arrays if array.kind == "number"]
    tables = sorted({shape for shape in shapes if len(shape) == 2}, key=np.prod, reverse=True)
    ragged = {array.shape[0] for array in arrays if array.kind == "rows"}
    single = {shape[0] for shape in shapes if len(shape) == 1 and 1 < shape[0] < PIXELS}
    return [
        *tables,
        *((rows, None) for rows in sorted(ragged, reverse=True)),
        *((None, pixels) for pixels in sorted(single, reverse=True)),
    ]


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Without a last axis of one element."""
    return shape[:-1] if len(shape) in (2, 3) and shape[-1] == 1 else shape


def transposed(array: Array) -> Array:
    """An array of two axes with the first for the second."""
    shape, load = array.shape[::-1], array.load
    return replace(array, shape=shape, load=lambda part: np.asarray(load((slice(None), part))).T)


def _upright(arrays: list[Array]) -> list[Array]:
    """Arrays that have a row a pixel, as the wavelengths tell, with a row a spectrum."""
    grids = {_squeezed(one.shape) for one in arrays if plain(one.name) in _GRIDS}
    pixels = {
        shape[-1] for shape in grids if len(shape) == 1 or (len(shape) == 2 and shape[0] == 1)
    }
    return [
        transposed(one)
        if one.kind == "number"
        and len(one.shape) == 2
        and one.shape[0] in pixels
        and one.shape[1] not in {1, *pixels}
        else one
        for one in arrays
    ]


def _of_shape(
    arrays: Sequence[Array],
    said: Attributes,
    rows: int | None,
    pixels: int | None,
    options: ReadOptions,
) -> Holding:
    held: list[Held] = []
    whole: set[str] = set()
    empty: set[str] = set()
    unused: list[str] = []
    keywords = dict(said)
    said_names = _said(options)
    for array in arrays:
        name = said_names.get(array.path, array.name)
        along, full = _along(array, rows, pixels)
        if along is None:
            unused.append(f"array {array.path} of shape {array.shape}")
            continue
        load = _loader(array, along, full, rows)
        where, air = f"array {array.path}", said_air(array.attributes)
        held.append(Held(name, along, _unit(array, said), "", where, load, air))
        empty |= set() if array.stored else {name}
        if full:
            whole.add(name)
            keywords |= array.attributes
    holding = Holding(held, 1 if rows is None else rows, air=said_air(said))
    axis = axis_of(keywords, pixels) if pixels else None
    if axis is not None:
        holding.axis = replace(axis_held(axis), where=f"attributes {axis.where}")
    try:
        roles = recognised(holding, options)
    except RolesError as problem:
        raise RolesError(f"{problem}{_of_no_use(unused)}") from None
    if rows is not None and roles.arrays["flux"].name not in whole:
        raise RolesError(f"the flux {roles.arrays['flux'].name} is no row a spectrum")
    if roles.arrays["flux"].name in empty:
        raise RolesError(f"its array {roles.arrays['flux'].name} has a size, but no values")
    for at, one_held in enumerate(held):
        role = next((r for r, d in roles.arrays.items() if d.name == one_held.name), "")
        if role in ("ivar", "error", "variance") and one_held.name not in whole:
            held[at] = replace(one_held, load=_repeated(one_held.load))
    holding.understood.ignored += [f"{text}: not used" for text in unused[:_NAMED]]
    if len(unused) > _NAMED:
        holding.understood.ignored.append(
            f"{len(unused) - _NAMED} more arrays of other shapes: not used"
        )
    return holding


def _of_no_use(unused: Sequence[str]) -> str:
    """What is said of arrays that are no rows of spectra, where none are found."""
    if not unused:
        return ""
    more = ", ..." if len(unused) > 3 else ""
    return f" (of shapes that do not go with these: {', '.join(unused[:3])}{more})"


def _along(array: Array, rows: int | None, pixels: int | None) -> tuple[Along | None, bool]:
    """Whether an array has values of pixels or of spectra (None: neither), and of all spectra."""
    shape = _squeezed(array.shape)
    if array.kind == "other":
        return None, False
    if array.kind == "rows":
        return ("pixels", True) if pixels is None and shape == (rows,) else (None, False)
    if array.kind == "number":
        if len(shape) == 2 and shape == (rows, pixels):
            return "pixels", True
        # With as many spectra as pixels the name must tell.
        clear = rows != pixels or len(shape) == 2 or plain(array.name) in _GRIDS
        if pixels and shape in ((pixels,), (1, pixels)) and clear:
            return "pixels", False
    alone = rows in (None, 1) and shape in ((), (1,))
    return ("rows", False) if shape == (rows,) or alone else (None, False)


def _loader(array: Array, along: Along, full: bool, rows: int | None) -> Callable[[slice], Any]:
    shape = _squeezed(array.shape)
    if along == "rows":
        return lambda part: np.atleast_1d(array.load(part)).reshape(-1)
    if not full:
        return lambda _: np.asarray(array.load(slice(0, shape[0]))).reshape(-1)
    if array.kind == "rows":
        return array.load
    return lambda part: np.asarray(array.load(part)).reshape(-1, shape[1])


def _repeated(load: Callable[[slice], Any]) -> Callable[[slice], Any]:
    """One row for all spectra, as many times as there are."""

    def repeated(part: slice) -> Any:
        row = load(part)
        return np.broadcast_to(row, (part.stop - part.start, row.size))

    return repeated


def _unit(array: Array, said: Attributes) -> str:
    """The unit of an array, from its attributes or those of its group."""
    name = array.name.upper()
    candidates = [array.attributes.get(key) for key in _UNIT_NAMES]
    candidates += [said.get(f"{name}_{key}") for key in _UNIT_NAMES]
    return next((str(unit).strip() for unit in candidates if isinstance(unit, str)), "")
