"""Keys of the app, as people know them from Marz and prospect; ``static/keys.js`` obeys them."""

from __future__ import annotations

KEYS = {
    "→ or l, ← or h": "next spectrum, the one before",
    "Home, End, PgUp, PgDn": "first, last, ten back, ten on",
    "↓ or j, ↑ or k": "next solution, the one before",
    "0 1 2 3 4": "quality: no signal, unlikely, possible, probable, sure; again: take it back",
    "s g q x": "class STAR, GALAXY, QSO, none; at another class its own best redshift is shown",
    "u": "undo the last judgement, and go to its spectrum",
    "a click, or e": "mark a feature (e: the strongest in sight, again: the next); then the key of "
    "its line, and the redshift is there; Esc: no mark",
    "[ ] or shift ← →, { }": "redshift by one pixel (69 km/s), by twenty",
    "r": "back to the solution's redshift",
    "drag, wheel, z Z, w": "zoom: a box, at the pointer, in and out, the whole",
    "+ -": "smooth more, less",
    "b": "a second model over the first: the next of the solutions, or none",
    "t y i n": "axis of the rest frame, sky lines, masked pixels (ivar 0), names of lines (major, "
    "all, none)",
    "d": "detail windows and χ² curves",
    "R C S": "issue: redshift wrong, class wrong, spectrum bad",
    "m": "write a comment (Enter or Esc leaves it)",
    "f": "find by id",
    "o": "the list and its filters",
    "P": "save the picture",
    "D": "dark, or light",
    "?": "this help",
}
"""Keys and what they do."""
