"""What a user says about files that the files do not say themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ROLES = (
    *("wave", "loglam", "flux", "ivar", "error", "variance", "mask"),
    *("id", "z", "class", "ra", "dec"),
)
"""What an array of a file can stand for."""


@dataclass(frozen=True)
class ReadOptions:
    """How to read files that do not tell all; formats of surveys define all but the resolution.

    Parameters
    ----------
    air : bool, optional
        Whether wavelengths of files that do not say are air (True) or vacuum (False); left out,
        vacuum.
    columns : tuple of (role, name)
        Which array or column of the file stands for which of :data:`ROLES`.
    units : tuple of (role, unit)
        Units of arrays, in the notation of astropy; they take the place of what the file says.
    resolution : str, optional
        Resolution of all spectra, in the place of what files and surveys say: ``R=600``, or the
        full width of a line at half maximum, ``fwhm=5A``.
    force_air : bool, optional
        The same as ``air``, and for files that say otherwise too.

    Raises
    ------
    ValueError
        If a role is unknown or given twice, or the resolution is not understood.
    """

    air: bool | None = None
    columns: tuple[tuple[str, str], ...] = ()
    units: tuple[tuple[str, str], ...] = ()
    resolution: str | None = None
    force_air: bool | None = None

    def __post_init__(self) -> None:
        if self.resolution is not None:
            from gasnet3.spectra.resolution import parse_resolution  # loads NumPy

            parse_resolution(self.resolution)
        for what, pairs in (("column", self.columns), ("unit", self.units)):
            roles = [role for role, _ in pairs]
            unknown = [role for role in roles if role not in ROLES]
            if unknown:
                raise ValueError(
                    f"no {what} can be given for {unknown[0]!r}: choose one of {', '.join(ROLES)}"
                )
            if len(set(roles)) < len(roles):
                raise ValueError(f"a {what} is given twice for one role: {', '.join(roles)}")

    @classmethod
    def parse(
        cls,
        air: bool | None = None,
        columns: Iterable[str] = (),
        units: Iterable[str] = (),
        resolution: str | None = None,
        force_air: bool | None = None,
    ) -> ReadOptions:
        """Options from texts of the form ``ROLE=NAME``, ``ROLE=UNIT`` and ``R=600``.

        Raises
        ------
        ValueError
            If a text has another form, a unit is not known, or a role is unknown or given twice.
        """
        pairs = _pairs(columns, "column"), _pairs(units, "unit")
        options = cls(air, *pairs, resolution, force_air)
        for role, unit in options.units:
            # Here, as astropy is loaded where units are given only.
            from gasnet3.io.units import is_unit

            if not is_unit(unit):
                raise ValueError(
                    f"the unit {unit!r} of {role} is not known: write it as astropy does, or none"
                )
        return options

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> ReadOptions:
        """What :meth:`to_json` gave."""
        columns, units = (
            tuple((str(role), str(name)) for role, name in settings[key])
            for key in ("columns", "units")
        )
        resolution, force_air = settings.get("resolution"), settings.get("force_air")
        return cls(settings["air"], columns, units, resolution, force_air)

    def to_json(self) -> dict[str, Any]:
        """The options in the types of JSON."""
        return {
            "air": self.air,
            "columns": [list(pair) for pair in self.columns],
            "units": [list(pair) for pair in self.units],
            "resolution": self.resolution,
            "force_air": self.force_air,
        }


DEFAULT = ReadOptions()
"""Files say it all."""


def reading_of(settings: Mapping[str, Any]) -> ReadOptions:
    """How the settings of a run, or the provenance of a catalog, say that files are to be read."""
    return ReadOptions.from_json(settings["reading"]) if "reading" in settings else DEFAULT


def _pairs(texts: Iterable[str], what: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for text in texts:
        role, equals, value = text.partition("=")
        if not (role.strip() and equals and value.strip()):
            raise ValueError(f"--{what} {text!r} is not of the form ROLE={what.upper()}")
        pairs.append((role.strip(), value.strip()))
    return tuple(pairs)
