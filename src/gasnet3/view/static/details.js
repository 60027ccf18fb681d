// Windows on chosen lines beside the spectrum.

import {axes, curve, Frame, prepared, theme, ticks, upright} from "./axes.js"
import {limits, place} from "./numbers.js"

const AUTO = "by class"
const N = 3

export class DetailsView {
  /** `view` is the spectrum's, which has data, model and redshift. */
  constructor(element, start, view) {
    this.start = start
    this.view = view
    this.chosen = JSON.parse(localStorage.getItem("gasnet3 windows") || "null") || Array(N).fill(AUTO)
    this.boxes = Array.from({length: N}, (_, i) => this.box(element, i))
  }

  box(element, i) {
    const div = document.createElement("div")
    const canvas = document.createElement("canvas")
    canvas.setAttribute("role", "img")
    const select = document.createElement("select")
    select.setAttribute("aria-label", `lines in window ${i + 1}`)
    for (const name of [AUTO, ...this.start.windows.map((window) => window.name)]) {
      select.add(new Option(name, name))
    }
    select.value = this.chosen[i]
    select.addEventListener("change", () => {
      this.chosen[i] = select.value
      localStorage.setItem("gasnet3 windows", JSON.stringify(this.chosen))
      this.draw()
    })
    div.append(canvas, select)
    element.append(div)
    new ResizeObserver(() => this.draw()).observe(div)
    return {canvas, select}
  }

  /** Whether a window is in the spectrum, at the redshift shown. */
  seen(window) {
    const {data, z} = this.view
    const middle = (window.low + window.high) / 2 * (1 + z)
    return middle > data.whole[0] && middle < data.whole[1]
  }

  /** The window of each box: that chosen, or the next of the class that is in the spectrum. */
  windows() {
    const named = (name) => this.start.windows.find((window) => window.name === name)
    const free = (this.start.first[this.view.cls] || [])
      .filter((name) => !this.chosen.includes(name))
      .map(named).filter((window) => this.seen(window))
    return this.chosen.map((name) => (name === AUTO ? free.shift() : named(name)) || null)
  }

  draw() {
    const color = theme()
    const shown = this.view.data && Number.isFinite(this.view.z) ? this.windows() : []
    this.boxes.forEach(({canvas, select}, i) => {
      const context = prepared(canvas, color)
      const window = shown[i]
      select.options[0].text = window && this.chosen[i] === AUTO ? window.name : AUTO
      canvas.setAttribute("aria-label", window ? `detail: ${window.name}` : "no detail")
      if (!context || !this.view.data) return
      if (window && this.seen(window)) return this.detail(canvas, context, color, window)
      context.fillStyle = color("quiet")
      context.textBaseline = "top"
      context.fillText(window ? `${window.name}: not in the spectrum` : "", 6, 24)
    })
  }

  detail(canvas, context, color, window) {
    const {data, model, over, overCls, cls, z} = this.view
    const x = [window.low * (1 + z), window.high * (1 + z)]
    const from = Math.max(place(data.wave, x[0]) - 1, 0)
    const to = Math.min(place(data.wave, x[1]) + 1, data.wave.length)
    const y = limits(data.smooth, [model, over].filter(Boolean), from, to, false)
    const frame = new Frame(34, 18, canvas.clientWidth - 40, canvas.clientHeight - 36, x, y)
    frame.clipped(context, () => {
      for (const line of this.start.lines) {
        const at = line.wave * (1 + z)
        if (at > x[0] && at < x[1]) upright(context, frame, at, color("line"), [3, 2])
      }
      curve(context, frame, data.wave, data.flux, from, to, color("observed"))
      curve(context, frame, data.wave, data.smooth, from, to, color("data"))
      if (over) {
        curve(context, frame, data.wave, over, from, to, this.start.colors[overCls], 1.3, [4, 3])
      }
      if (model) {
        curve(context, frame, data.wave, model, from, to, this.start.colors[cls] || color("ink"), 1.6)
      }
    })
    axes(context, frame, color, {xTicks: ticks(...x, 3), yTicks: ticks(...y, 3)})
  }
}
