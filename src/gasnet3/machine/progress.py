"""How work says how far it is, and what a user should know."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with how much is done, and how much there is."""

Message = Callable[[str], None]
"""Called with a line that a user should know."""


def silent(*_: object) -> None:
    """Where nobody wants to know: a progress and a message that do nothing."""
