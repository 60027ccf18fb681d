"""Keys of the app, as people know them from Marz and prospect."""

from __future__ import annotations

from bokeh.document import Document
from bokeh.models import CustomJS, TextInput

from gasnet3.evaluate.judgements import ISSUES, QUALITIES

KEYS = {
    "→ or l, ← or h": "next spectrum, the one before",
    "↓ or j, ↑ or k": "next solution, the one before",
    "0 1 2 3 4": "quality: no signal, unlikely, possible, probable, sure",
    "s g q x": "class STAR, GALAXY, QSO, none",
    "[ ] or shift ← →, { }": "redshift by one pixel (69 km/s), by twenty",
    "r": "back to the solution's redshift",
    "R C S": "issue: redshift wrong, class wrong, spectrum bad",
    "m": "write a comment (Enter or Esc leaves it)",
    "f": "find by id",
    "?": "this help",
}
"""Keys and what they do."""

LISTEN = """
if (!window.gasnet3_keys) {
  window.gasnet3_keys = true
  let count = 0
  // Before the widgets see it: tables and buttons keep keys for themselves.
  document.addEventListener("keydown", (event) => {
    const at = event.composedPath()[0]
    const tag = (at && at.tagName || "").toLowerCase()
    const kind = (at && at.type || "").toLowerCase()
    const typing = tag === "textarea" || tag === "select" ||
      (tag === "input" && !["button", "checkbox", "radio", "range"].includes(kind))
    if (typing) {
      const done = event.key === "Escape" || (event.key === "Enter" && !event.shiftKey)
      if (done && tag !== "select") {
        if (tag === "textarea") event.preventDefault()
        setTimeout(() => at.blur(), 0)
      }
      return
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (at.classList && at.classList.contains("noUi-handle")) return
    const fine = {ArrowRight: "]", ArrowLeft: "["}
    const key = event.shiftKey && fine[event.key] || event.key
    if (!allowed.includes(key)) return
    event.preventDefault()
    event.stopPropagation()
    if (key === "m" || key === "f") {
      const wanted = key === "m" ? comment : search
      const view = Bokeh.index.find_one_by_id ? Bokeh.index.find_one_by_id(wanted.id) : null
      if (view && view.input_el) view.input_el.focus()
      return
    }
    count += 1
    pressed.value = key + " " + count
  }, true)
  // A list that was chosen from would keep the keys that are pressed next.
  document.addEventListener("change", (event) => {
    const at = event.composedPath()[0]
    if (at && at.tagName === "SELECT") at.blur()
  }, true)
}
"""

ALLOWED = [
    "ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown", *"hjkl01234sgqx[]{}rRCSmf?",
]  # fmt: skip
"""Keys that mean something."""


def listen(document: Document, pressed: TextInput, comment: TextInput, search: TextInput) -> None:
    """Send the keys of a page to ``pressed``, as the key and a count; but not while typing.

    ``pressed`` is invisible, its value changes with every key; the keys m and f put the cursor into
    ``comment`` and ``search``.
    """
    parts = {"pressed": pressed, "comment": comment, "search": search, "allowed": ALLOWED}
    document.js_on_event("document_ready", CustomJS(args=parts, code=LISTEN))


def help_html() -> str:
    """The keys, and what the judgements mean."""
    rows = "".join(f"<tr><td><b>{key}</b></td><td>{what}</td></tr>" for key, what in KEYS.items())
    scale = "".join(f"<li value={value}>{text}</li>" for value, text in sorted(QUALITIES.items()))
    letters = "".join(f"<li><b>{letter}</b> {text}</li>" for letter, text in ISSUES.items())
    return (
        f"<div style='display:flex;gap:2em;font-size:12px'><table>{rows}</table>"
        f"<div>Quality<ol start=0>{scale}</ol>Issues<ul>{letters}</ul></div></div>"
    )
