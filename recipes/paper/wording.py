"""Numbers, tables and comparisons as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SAME = 0.02
"""Relative difference below which two numbers are called alike."""


def number(value: float | None, digits: int = 4) -> str:
    """A number with so many significant digits, a dash for none."""
    if value is None:
        return "–"
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def percent(value: float | None) -> str:
    """A fraction in per cent, a dash for none."""
    return "–" if value is None else f"{100 * value:.2f} %"


def compared(ours: Mapping[str, float | None], theirs: Mapping[str, float]) -> str:
    """How our numbers stand to theirs, by class: "higher for STAR and QSO, lower for GALAXY"."""
    groups: dict[str, list[str]] = {"higher": [], "alike": [], "lower": []}
    for name, value in ours.items():
        other = theirs.get(name)
        if value is None or other is None:
            continue
        near = abs(value - other) <= SAME * abs(other)
        groups["alike" if near else "higher" if value > other else "lower"].append(name)
    said = [f"{word} for {listed(names)}" for word, names in groups.items() if names]
    return ", ".join(said) or "not comparable"


def listed(names: Sequence[str]) -> str:
    """Names as one says them: "A, B and C"."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
