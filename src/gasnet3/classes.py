"""The classes of objects."""

CLASSES = ("STAR", "GALAXY", "QSO")
"""The three classes, in the order used everywhere."""
