"""What a reader made of a file, told to its owner."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Understood:
    """What of a file stands for what, what had to be assumed, and what was left.

    Attributes
    ----------
    used : list of (role, text)
        Role (:data:`gasnet3.io.options.ROLES`) and where it comes from, with its unit:
        ``("flux", "column FLUX of HDU 1 [1e-17 erg/(s cm2 Angstrom)]")``.
    assumed : list of str
        What the file does not say, and was taken for granted.
    ignored : list of str
        What was not understood, or is not used.
    """

    used: list[tuple[str, str]] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
