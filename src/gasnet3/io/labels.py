"""Classes as files write them."""

from __future__ import annotations

_CLASSES = {"STAR": "STAR", "GALAXY": "GALAXY", "GAL": "GALAXY", "QSO": "QSO", "QUASAR": "QSO"}


def class_label(text: str) -> str:
    """A class as the field writes it, '' where it is none of the three."""
    return _CLASSES.get(text.strip().upper(), "")
