"""The bundled sample spectra: a dozen mocks with known truth, as SDSS spec files."""

from __future__ import annotations

from pathlib import Path

DIRECTORY = Path(__file__).resolve().parent
"""Where the samples are; ``truth.csv`` beside them has their class and redshift."""

TRUTH = DIRECTORY / "truth.csv"
"""Table of the true class and redshift of every sample."""


def paths() -> list[Path]:
    """The files of the samples, by name."""
    return sorted(DIRECTORY.glob("*.fits"))
