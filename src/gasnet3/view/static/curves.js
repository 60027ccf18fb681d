// χ² against redshift over bars of p(z), one panel a class; a click goes there.

import {axes, curve, Frame, prepared, sideways, theme, ticks, upright} from "./axes.js"
import {place, unpacked} from "./numbers.js"

const LIGHT = 299792.458
const LEFT = 36, TOP = 16, BOTTOM = 30, GAP = 8, SIDE = 10

export class CurvesView {
  /** `go(cls, z)` is called with what is clicked. */
  constructor(canvas, start, go) {
    this.canvas = canvas
    this.start = start
    this.panels = []
    canvas.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect()
      const [x, y] = [event.clientX - box.left, event.clientY - box.top]
      const panel = this.panels.find((one) => one.frame && one.frame.holds(x, y))
      if (panel) go(panel.cls, nearest(panel, Math.expm1(panel.frame.valueX(x))))
    })
    new ResizeObserver(() => this.draw()).observe(canvas)
  }

  /** Other curves; null shows none. */
  set(seen) {
    this.bound = seen && seen.bound
    this.panels = !seen ? [] : this.start.classes.filter((cls) => cls in seen.curves).map((cls) => {
      const told = seen.curves[cls]
      const z = unpacked(told.z), chi2 = unpacked(told.chi2)
      return {
        cls, z, chi2, x: Float64Array.from(z, Math.log1p), share: told.share,
        edges: unpacked(told.edges), p: unpacked(told.p), known: told.edges.length > 8,
      }
    }).filter((panel) => panel.x.length > 1)
  }

  put(cls, z) {
    this.cls = cls
    this.z = z
  }

  draw() {
    const color = theme()
    const context = prepared(this.canvas, color)
    if (!context || !this.panels.length) return
    const what = this.bound ? "-2 ln p / dof" : "χ² / dof"
    sideways(context, what, 1, this.canvas.clientHeight / 2, color("quiet"))
    const each = (this.canvas.clientWidth - GAP - SIDE) / this.panels.length
    const highest = Math.max(...this.panels.map((panel) => Math.max(0, ...panel.p)))
    this.panels.forEach((panel, i) => {
      const left = SIDE + i * each + LEFT, height = this.canvas.clientHeight - TOP - BOTTOM
      let low = Infinity, high = -Infinity
      for (const value of panel.chi2) {
        low = Math.min(low, value)
        high = Math.max(high, value)
      }
      const room = 0.06 * (high - low) || 0.1
      panel.frame = new Frame(left, TOP, each - LEFT - 6, height,
        [panel.x[0], panel.x[panel.x.length - 1]], [low - room, high + room])
      this.panel(context, color, panel, 1.1 * highest || 1)
    })
  }

  panel(context, color, panel, highest) {
    const {frame, cls} = panel
    const own = this.start.colors[cls]
    frame.clipped(context, () => {
      context.globalAlpha = 0.35
      context.fillStyle = own
      for (let i = 0; i < panel.p.length; i++) {
        const left = frame.atX(panel.edges[i]), tall = panel.p[i] / highest * frame.height
        context.fillRect(left, frame.top + frame.height - tall,
          Math.max(frame.atX(panel.edges[i + 1]) - left, 1.5), tall)
      }
      context.globalAlpha = 1
      curve(context, frame, panel.x, panel.chi2, 0, panel.x.length, own, 1.2)
      if (Number.isFinite(this.z)) {
        upright(context, frame, Math.log1p(this.z), color("ink"), cls === this.cls ? [] : [3, 3])
      }
    })
    const range = frame.x.map(Math.expm1)
    const star = cls === "STAR"
    axes(context, frame, color, {
      xTicks: (star ? ticks(range[0] * LIGHT, range[1] * LIGHT, 3).map((v) => v / LIGHT)
        : ticks(...range, 4)).map(Math.log1p),
      yTicks: ticks(...frame.y, 3),
      xText: (x) => (star ? Math.round(Math.expm1(x) * LIGHT) : Number(Math.expm1(x).toFixed(3))),
      yText: (y) => Number(y.toPrecision(4)),
    })
    context.textAlign = "left"
    context.textBaseline = "top"
    context.fillStyle = color("ink")
    const p = panel.known ? `, p = ${panel.share.toFixed(3)}` : ""
    context.fillText(`${cls}${p}`, frame.left, 1)
    context.fillStyle = color("quiet")
    context.textAlign = "right"
    context.textBaseline = "bottom"
    context.fillText(star ? "km/s" : "z", frame.left + frame.width, this.canvas.clientHeight)
  }
}

/** The least χ² within some points of a redshift: a click cannot hit a narrow minimum. */
function nearest({z, chi2, frame}, at) {
  const reach = 4 * (frame.x[1] - frame.x[0]) / frame.width * (1 + at)
  const from = place(z, at - reach), to = place(z, at + reach)
  let best = Math.min(from, z.length - 1)
  for (let i = from; i < to; i++) if (chi2[i] < chi2[best]) best = i
  return z[best]
}
