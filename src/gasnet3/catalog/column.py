"""A column of a catalog."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column of the native catalog.

    Parameters
    ----------
    name : str
        Native name.
    dtype : str
        'str', or a numpy type code: 'f8', 'i8', 'i4'.
    description : str
        One sentence.
    ucd : str
        What it is in the vocabulary of the Virtual Observatory (UCD1+), for VOTable and FITS.
    unit : str
        Unit in FITS notation, '' for none.
    vector : bool
        Whether each row holds a fixed number of values.
    """

    name: str
    dtype: str
    description: str
    ucd: str
    unit: str = ""
    vector: bool = False
