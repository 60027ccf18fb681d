// The spectrum with model, lines and residual: what is drawn, and which part of it.

import {axes, curve, Frame, prepared, sideways, theme, ticks, upright} from "./axes.js"
import {blurred, errors, features, limits, place, smoothed, snapped, unpacked, wavelengths}
  from "./numbers.js"

const LEFT = 56, RIGHT = 12, TOP = 17, BOTTOM = 33
const REST = 16  // height of the axis of the rest frame
const PART = 0.23  // of the height is residual's

export class SpectrumView {
  /** `start` has lines, sky and colours of the app. */
  constructor(canvas, start) {
    this.canvas = canvas
    this.start = start
    this.show = {rest: true, sky: false, mask: true, names: "major"}
    this.sigma = 2
    this.data = null
    this.mark = null
    this.box = null
    this.hover = null
    this.x = this.y = null  // what was zoomed to; null: the whole, and what is seen in it
    new ResizeObserver(() => this.draw()).observe(canvas)
  }

  /** Another spectrum, whole; null shows none. */
  set(told) {
    this.mark = this.box = this.x = this.y = null
    this.data = told && told.seen ? this.decoded(told) : null
    if (this.data) this.smooth(this.sigma)
  }

  decoded(told) {
    const {seen} = told
    const flux = unpacked(seen.flux), ivar = unpacked(seen.ivar)
    const wave = wavelengths(seen.first, seen.step, flux.length)
    let first = ivar.findIndex((value) => value > 0)
    let last = ivar.findLastIndex((value) => value > 0)
    if (first < 0) [first, last] = [0, wave.length - 1]
    const edge = 0.01 * (wave[last] - wave[first])
    return {
      wave, ivar, flux: flux.map((value, i) => (ivar[i] > 0 ? value : NaN)), raw: flux,
      error: errors(ivar), whole: [wave[first] - edge, wave[last] + edge],
      strange: told.anomaly_wave,
    }
  }

  /** Smooth anew, sigma in pixels. */
  smooth(sigma) {
    this.sigma = sigma
    this.blur()
    if (!this.data) return
    this.data.smooth = smoothed(this.data.raw, this.data.ivar, sigma)
    const less = 1 / Math.sqrt(Math.max(2 * Math.sqrt(Math.PI) * sigma, 1))
    this.data.noise = this.data.error.map((value) => value * less)
  }

  /** The model shown, its class and redshift, and a second model or null. */
  put({model, cls, z, over, overCls}) {
    Object.assign(this, {cls, z, overCls, models: [model, over]})
    this.blur()
  }

  /** The models as they are drawn: as smooth as the data are. */
  blur() {
    const [model, over] = (this.models || []).map((one) => one && blurred(one, this.sigma))
    Object.assign(this, {model, over})
  }

  get range() {
    return this.x || (this.data ? this.data.whole : [0, 1])
  }

  /** Zoom to a range of x, and of y or what is seen in it; never out of the spectrum. */
  zoom(x, y = null) {
    if (!this.data) return
    const [low, high] = this.data.whole
    const wide = Math.min(Math.max(x[1] - x[0], 8), high - low)
    const from = Math.min(Math.max(x[0], low), high - wide)
    this.x = wide >= high - low ? null : [from, from + wide]
    this.y = y
    this.draw()
  }

  /** Zoom by a factor about a wavelength; by default the middle, or where the pointer is. */
  zoomBy(factor, about) {
    const [low, high] = this.range
    const middle = about ?? (this.hover ? this.hover.wave : (low + high) / 2)
    this.zoom([middle - (middle - low) * factor, middle + (high - middle) * factor])
  }

  pan(by) {
    const [low, high] = this.range
    this.zoom([low + by, high + by], this.y)
  }

  whole() {
    this.x = this.y = null
    this.draw()
  }

  /** The extreme near a wavelength. */
  near(wave) {
    const [low, high] = this.range
    return snapped(this.data.wave, this.data.smooth, wave, 9 * (high - low) / this.top.width)
  }

  /** What stands out in sight, the strongest first. */
  features() {
    const {wave, smooth, noise} = this.data
    const [low, high] = this.range
    return features(wave, smooth, noise, place(wave, low), place(wave, high), this.start.sky)
  }

  /** The lines worth a name, as they are now. */
  lines() {
    const unseen = {STAR: "emission", QSO: "absorption"}[this.cls]
    if (this.show.names === "none" || !Number.isFinite(this.z)) return []
    const major = this.show.names === "major"
    return this.start.lines
      .filter((line) => !major || (line.major && line.kind !== unseen))
      .map((line) => ({...line, x: line.wave * (1 + this.z)}))
  }

  /** Draw all. */
  draw() {
    const color = theme()
    const context = prepared(this.canvas, color)
    if (!context) return
    this.layout()
    if (!this.data) return
    const {wave} = this.data
    const [from, to] = [place(wave, this.top.x[0]), place(wave, this.top.x[1])]
    this.top.y = this.y || limits(this.data.smooth, [this.model, this.over].filter(Boolean),
      from, to, !this.x)
    const part = {context, color, from: Math.max(from - 1, 0), to: Math.min(to + 1, wave.length)}
    this.top.clipped(context, () => this.under(part))
    this.top.clipped(context, () => this.curves(part))
    this.bottom.clipped(context, () => this.residual(part))
    this.marks(part)
    this.frames(part)
    Object.assign(this.canvas.dataset, {
      x: this.top.x.map((value) => value.toFixed(2)).join(" "),
      y: this.top.y.map((value) => value.toPrecision(6)).join(" "),
      z: this.z, cls: this.cls, over: this.overCls || "",
    })
  }

  layout() {
    const width = this.canvas.clientWidth - LEFT - RIGHT
    const top = TOP + (this.show.rest ? REST : 0)
    const height = this.canvas.clientHeight - top - BOTTOM
    const low = Math.round(height * PART)
    this.top = new Frame(LEFT, top, width, height - low - 6, this.range, [0, 1])
    this.bottom = new Frame(LEFT, top + height - low, width, low, this.range, [-6, 6])
  }

  /** Shades of masked pixels, bands and lines of the sky. */
  under({context, color, from, to}) {
    const {top} = this
    const shade = (low, high, fill) => {
      context.fillStyle = fill
      const left = top.atX(low)
      context.fillRect(left, top.top, Math.max(top.atX(high) - left, 1), top.height)
    }
    if (this.show.mask) {
      const {wave, ivar} = this.data
      for (let i = from; i < to; i++) {
        if (ivar[i] > 0) continue
        let end = i
        while (end < to - 1 && !(ivar[end + 1] > 0)) end++
        shade(wave[i], wave[Math.min(end + 1, wave.length - 1)], color("masked"))
        i = end
      }
    }
    if (this.show.sky) {
      for (const [low, high] of this.start.telluric) shade(low, high, color("masked"))
      for (const wave of this.start.sky) upright(context, top, wave, color("sky"), [1, 3])
    }
  }

  curves({context, color, from, to}) {
    const {wave, flux, error, smooth, strange} = this.data
    const {top} = this
    curve(context, top, wave, flux, from, to, color("observed"))
    curve(context, top, wave, error, from, to, color("noise"))
    curve(context, top, wave, smooth, from, to, color("data"))
    if (this.over) {
      curve(context, top, wave, this.over, from, to, this.start.colors[this.overCls], 1.5, [5, 3])
    }
    if (this.model) {
      const own = this.start.colors[this.cls] || color("ink")
      curve(context, top, wave, this.model, from, to, own, 1.5)
    }
    if (strange) upright(context, top, strange, color("ink"), [2, 3])
  }

  residual({context, color, from, to}) {
    const {wave, smooth, noise} = this.data
    const {bottom, model} = this
    context.fillStyle = color("rule")
    for (const level of [-3, 0, 3]) {
      context.fillRect(bottom.left, bottom.atY(level), bottom.width, level ? 0.5 : 1)
    }
    if (!model) return
    const pull = smooth.map((value, i) => (value - model[i]) / noise[i])
    curve(context, bottom, wave, pull, from, to, color("data"))
  }

  /** Lines with their names, the mark, the box that is dragged. */
  marks({context, color}) {
    const {top, bottom} = this
    const ends = [-1e9, -1e9, -1e9]  // where the names of each row end
    context.textAlign = "left"
    context.textBaseline = "top"
    let names = 0
    for (const line of this.lines().sort((one, two) => one.x - two.x)) {
      if (line.x < top.x[0] || line.x > top.x[1]) continue
      context.globalAlpha = 0.6
      upright(context, top, line.x, color("line"))
      upright(context, bottom, line.x, color("line"))
      context.globalAlpha = 1
      const at = top.atX(line.x) + 3
      const row = ends.findIndex((end) => end < at)
      if (row < 0) continue
      context.fillStyle = color("line")
      context.fillText(line.name, at, top.top + 2 + 12 * row)
      ends[row] = at + context.measureText(line.name).width + 3
      names += 1
    }
    this.canvas.dataset.names = names
    if (this.mark !== null) upright(context, top, this.mark, color("mark"), [], 2)
    if (this.box) {
      const {x, y, width, height} = this.box
      context.strokeStyle = color("pressed")
      context.strokeRect(x + 0.5, y + 0.5, width, height)
    }
    if (this.hover) upright(context, top, this.hover.wave, color("quiet"), [1, 2])
  }

  frames({context, color}) {
    const {top, bottom} = this
    const n = Math.max(Math.floor(top.width / 90), 3)
    axes(context, top, color, {yTicks: ticks(...top.y, 5), yText: short})
    axes(context, bottom, color, {xTicks: ticks(...top.x, n), yTicks: [-3, 0, 3]})
    context.fillStyle = color("quiet")
    context.textAlign = "center"
    context.textBaseline = "bottom"
    context.fillText("observed wavelength, vacuum (Å)", top.left + top.width / 2,
      this.canvas.clientHeight - 1)
    sideways(context, "flux (unit of the input)", 1, top.top + top.height / 2, color("quiet"))
    sideways(context, "residual (σ)", 1, bottom.top + bottom.height / 2, color("quiet"))
    if (this.show.rest && Number.isFinite(this.z)) this.restAxis({context, color, n})
    this.legend({context, color})
  }

  restAxis({context, color, n}) {
    const {top} = this
    const rest = top.x.map((value) => value / (1 + this.z))
    context.textAlign = "center"
    context.textBaseline = "bottom"
    context.fillStyle = color("quiet")
    for (const value of ticks(...rest, n)) {
      const at = top.atX(value * (1 + this.z))
      context.fillRect(at, top.top - 4, 1, 4)
      context.fillText(value, at, top.top - 4)
    }
    context.textAlign = "left"
    context.fillText("rest", 4, top.top - 4)
  }

  /** Names of the curves, above the picture. */
  legend({context, color}) {
    const entries = [
      ["observed", color("observed")], ["noise", color("noise")],
      [`smoothed, ${this.sigma} pixels`, color("data")],
    ]
    if (this.model) entries.push([`model, ${this.cls}`, this.start.colors[this.cls]])
    if (this.over) entries.push([`second, ${this.overCls}`, this.start.colors[this.overCls]])
    let at = this.top.left
    context.textAlign = "left"
    context.textBaseline = "top"
    for (const [name, own] of entries) {
      context.fillStyle = own || color("ink")
      context.fillRect(at, 6, 16, name.startsWith("second") ? 1 : 3)
      context.fillStyle = color("quiet")
      context.fillText(name, at + 20, 1)
      at += 32 + context.measureText(name).width
    }
  }
}

function short(value) {
  return Math.abs(value) >= 1e5 || (value && Math.abs(value) < 1e-3)
    ? value.toExponential(0) : String(Number(value.toPrecision(4)))
}
