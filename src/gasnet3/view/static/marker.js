// A marked feature, and the question which line it is.

/** The row of buttons below a mark, a line each. */
export class Marker {
  /** `chosen(name, wave, z)` is called with the line that is picked. */
  constructor(element, lines, chosen) {
    this.element = element
    this.lines = lines
    this.chosen = chosen
    this.wave = null
  }

  /** Ask which line is at a wavelength; null asks no more. */
  ask(wave) {
    this.wave = wave
    this.element.hidden = wave === null
    this.element.replaceChildren()
    if (wave === null) return
    const title = document.createElement("span")
    title.textContent = `${wave.toFixed(1)} Å is`
    this.element.append(title)
    for (const line of this.lines) {
      const z = wave / line.wave - 1
      if (z < -0.005) continue
      const button = document.createElement("button")
      button.type = "button"
      const key = document.createElement("kbd")
      key.textContent = line.key
      button.append(key, `${line.name} `)
      button.title = `z = ${z.toFixed(4)}`
      button.setAttribute("aria-label", `${line.name}, key ${line.key}: z = ${z.toFixed(4)}`)
      button.addEventListener("click", () => this.pick(line.key))
      this.element.append(button)
    }
    const none = document.createElement("button")
    none.type = "button"
    none.textContent = "no mark (Esc)"
    none.addEventListener("click", () => this.chosen(null))
    this.element.append(none)
  }

  /** Take a key for a line; whether it is one. */
  pick(key) {
    const line = this.lines.find((one) => one.key === key)
    if (!line || this.wave === null || this.wave / line.wave - 1 < -0.005) return false
    this.chosen(line, this.wave / line.wave - 1)
    return true
  }
}
