"""What a user chooses of a classification: classes, ranges of redshift, priors, evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gasnet3.classes import CLASSES


@dataclass(frozen=True)
class Choices:
    """What may be the answer; by default anything.

    Parameters
    ----------
    classes : tuple of str
        Classes that are tried, in the order of ``gasnet3.CLASSES``; none: all.
    z_ranges : tuple of (class, low, high)
        Redshifts a class is looked for at; without one all that its model can.
    priors : str
        Table of priors (:meth:`gasnet3.solve.priors.Priors.read`); '' for none.
    curves : str
        χ² curves of an earlier run, in the place of scans (:mod:`gasnet3.io.saved_curves`); ''
        for none.
    nz : str
        Table of numbers by redshift (:meth:`gasnet3.solve.numbers.Numbers.read`); '' for none: all
        classes, and all shifts of a class, are equally likely beforehand.
    continuum : bool
        Whether the shape of the continuum counts (:mod:`gasnet3.decide.continua`), where the flux
        is calibrated.

    Raises
    ------
    ValueError
        If a class is unknown or not tried, or a range is empty or given twice.
    """

    classes: tuple[str, ...] = ()
    z_ranges: tuple[tuple[str, float, float], ...] = ()
    priors: str = ""
    curves: str = ""
    nz: str = ""
    continuum: bool = True

    def __post_init__(self) -> None:
        for name in (*self.classes, *(name for name, _, _ in self.z_ranges)):
            if name not in CLASSES:
                raise ValueError(f"no class {name!r}: take one of {', '.join(CLASSES)}")
        given = [name for name, _, _ in self.z_ranges]
        for name, low, high in self.z_ranges:
            if not -1.0 < low < high < float("inf"):
                raise ValueError(f"the range {low:g} to {high:g} of {name} is empty: low < high")
            if self.classes and name not in self.classes:
                raise ValueError(
                    f"a range of redshifts for {name}, which is not tried: leave it out"
                )
            if given.count(name) > 1:
                raise ValueError(f"{name} has more than one range of redshifts: give one")

    @classmethod
    def parse(
        cls,
        classes: Iterable[str] = (),
        z_ranges: Iterable[str] = (),
        priors: str | Path | None = None,
        curves: str | Path | None = None,
        nz: str | Path | None = None,
        *,
        continuum: bool = True,
    ) -> Choices:
        """Choices from texts as on the command line.

        Parameters
        ----------
        classes : iterable of str
            ``GALAXY`` or ``STAR,GALAXY``, any case.
        z_ranges : iterable of str
            ``GALAXY=0:0.8``, or ``0:0.8`` for galaxies and quasars.
        priors : str or Path, optional
            Table of priors.
        curves : str or Path, optional
            Saved χ² curves.
        nz : str or Path, optional
            Table of numbers by redshift.
        continuum : bool
            Whether the shape of the continuum counts.

        Raises
        ------
        ValueError
            If a text has another form, and as the class.
        """
        wanted = {name.strip().upper() for text in classes for name in text.split(",")}
        known = [name for name in CLASSES if name in wanted]
        tried = (*known, *sorted(wanted.difference(known)))
        ranges = [
            one for texts in z_ranges for text in texts.split(",") for one in _range(text, tried)
        ]
        tables = ["" if path is None else str(Path(path).absolute()) for path in (priors, nz)]
        saved = "" if curves is None else str(Path(curves).absolute())
        return cls(tried, tuple(ranges), tables[0], saved, tables[1], continuum)

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> Choices:
        """What :meth:`to_json` gave."""
        ranges = tuple((str(name), float(a), float(b)) for name, a, b in settings["z_ranges"])
        return cls(
            tuple(settings["classes"]), ranges, settings["priors"], settings["curves"],
            settings["nz"], settings["continuum"],
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """The choices in the types of JSON."""
        return {
            "classes": list(self.classes),
            "z_ranges": [list(one) for one in self.z_ranges],
            "priors": self.priors,
            "curves": self.curves,
            "nz": self.nz,
            "continuum": self.continuum,
        }


ANYTHING = Choices()
"""No restriction."""


def _range(text: str, tried: tuple[str, ...]) -> list[tuple[str, float, float]]:
    name, equals, span = text.rpartition("=")
    low, colon, high = span.partition(":")
    try:
        if not colon or (equals and not name.strip()):
            raise ValueError
        ends = float(low), float(high)
    except ValueError:
        raise ValueError(
            f"--z-range {text!r} is not of the form CLASS=LOW:HIGH, such as GALAXY=0:0.8"
        ) from None
    # Stars have velocities, not redshifts: a range for all means the others.
    others = [one for one in ("GALAXY", "QSO") if not tried or one in tried]
    names = [name.strip().upper()] if equals else others
    if not names:
        raise ValueError(
            f"--z-range {text} is for galaxies and quasars, which are not tried: give "
            f"STAR={text}, or leave it out"
        )
    return [(one, *ends) for one in names]
