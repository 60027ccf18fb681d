// Keys of the page; KEYS of keys.py says what they do.

const MOVES = new Set(["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown", "Home", "End",
  "PageUp", "PageDown"])
const ONCE = new Set([..."01234sgqxuRCSeP"])  // a key held down does these once

/** Call `act(key)` with each key that is meant for the page; what it takes, returns true. */
export function listen(act) {
  let pointed = false
  document.addEventListener("pointerdown", () => { pointed = true }, true)
  document.addEventListener("keydown", (event) => {
    pointed = false
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return
    const at = event.target
    const tag = at.tagName
    if (document.querySelector("dialog[open]") && event.key !== "?") return
    if (tag === "SELECT") return
    if (tag === "INPUT" && at.type !== "range") {
      if (event.key === "Escape" || event.key === "Enter") at.blur()
      return
    }
    if (tag === "INPUT" && MOVES.has(event.key)) return  // the slider's own
    if (event.repeat && ONCE.has(event.key)) return
    const fine = {ArrowRight: "]", ArrowLeft: "["}
    if (act(event.shiftKey && fine[event.key] || event.key)) event.preventDefault()
  })
  // What was clicked or dragged does not keep the keys that are pressed next.
  const leave = (event) => {
    const at = event.target
    if (at.tagName === "SELECT" || (at.tagName === "INPUT" && at.type === "range")) {
      if (pointed) at.blur()
    }
  }
  document.addEventListener("change", leave, true)
  document.addEventListener("pointerup", leave, true)
}
