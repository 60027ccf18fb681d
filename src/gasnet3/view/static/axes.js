// What all pictures share: a canvas as sharp as the screen, colours of the theme, ticks, curves.

/** Colours of the theme, by the names of page.css. */
export function theme() {
  const style = getComputedStyle(document.documentElement)
  return (name) => style.getPropertyValue(`--${name}`).trim()
}

/** The 2D context of a canvas made as large as it is shown, cleared; null where it is not shown. */
export function prepared(canvas, color) {
  const width = canvas.clientWidth, height = canvas.clientHeight
  if (!width || !height) return null
  const scale = window.devicePixelRatio || 1
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)]
  if (canvas.width !== w) canvas.width = w
  if (canvas.height !== h) canvas.height = h
  const context = canvas.getContext("2d")
  context.setTransform(scale, 0, 0, scale, 0, 0)
  context.fillStyle = color("paper")
  context.fillRect(0, 0, width, height)
  context.font = "11px system-ui, 'DejaVu Sans', sans-serif"
  context.lineWidth = 1
  return context
}

/** Round values between two, about n of them. */
export function ticks(low, high, n) {
  if (!(high > low)) return []
  const rough = (high - low) / Math.max(n, 1)
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * [1, 2, 5, 10].find((each) => each * power >= rough)
  const out = []
  for (let i = Math.ceil(low / step); i * step <= high + 1e-9 * step; i++) {
    out.push(Number((i * step).toPrecision(12)))
  }
  return out
}

/** A rectangle of a canvas with the ranges of x and y that it shows. */
export class Frame {
  constructor(left, top, width, height, x, y) {
    Object.assign(this, {left, top, width, height, x, y})
  }

  atX(value) {
    return this.left + (value - this.x[0]) / (this.x[1] - this.x[0]) * this.width
  }

  atY(value) {
    return this.top + (this.y[1] - value) / (this.y[1] - this.y[0]) * this.height
  }

  valueX(pixel) {
    return this.x[0] + (pixel - this.left) / this.width * (this.x[1] - this.x[0])
  }

  valueY(pixel) {
    return this.y[1] - (pixel - this.top) / this.height * (this.y[1] - this.y[0])
  }

  holds(x, y) {
    return x >= this.left && x <= this.left + this.width &&
      y >= this.top && y <= this.top + this.height
  }

  /** Draw within the frame only. */
  clipped(context, draw) {
    context.save()
    context.beginPath()
    context.rect(this.left, this.top, this.width, this.height)
    context.clip()
    draw()
    context.restore()
  }
}

/** A curve through points, with gaps where y is not finite; [from, to) of them. */
export function curve(context, frame, x, y, from, to, color, width = 1, dash = []) {
  context.beginPath()
  let pen = false
  for (let i = from; i < to; i++) {
    if (!Number.isFinite(y[i])) {
      pen = false
      continue
    }
    const px = frame.atX(x[i])
    const py = Math.min(Math.max(frame.atY(y[i]), -1e4), 1e4)
    if (pen) context.lineTo(px, py)
    else context.moveTo(px, py)
    pen = true
  }
  context.strokeStyle = color
  context.lineWidth = width
  context.setLineDash(dash)
  context.stroke()
  context.setLineDash([])
  context.lineWidth = 1
}

/** A vertical line over the frame. */
export function upright(context, frame, x, color, dash = [], width = 1) {
  const at = Math.round(frame.atX(x)) + 0.5
  context.strokeStyle = color
  context.lineWidth = width
  context.setLineDash(dash)
  context.beginPath()
  context.moveTo(at, frame.top)
  context.lineTo(at, frame.top + frame.height)
  context.stroke()
  context.setLineDash([])
  context.lineWidth = 1
}

/** The frame's border, and ticks with labels below and at the left. */
export function axes(context, frame, color, {xTicks, yTicks, xText = String, yText = String}) {
  context.strokeStyle = color("rule")
  context.strokeRect(frame.left + 0.5, frame.top + 0.5, frame.width, frame.height)
  context.fillStyle = color("quiet")
  context.textAlign = "center"
  context.textBaseline = "top"
  for (const value of xTicks || []) {
    const at = frame.atX(value)
    context.fillRect(at, frame.top + frame.height, 1, 4)
    context.fillText(xText(value), at, frame.top + frame.height + 5)
  }
  context.textAlign = "right"
  context.textBaseline = "middle"
  for (const value of yTicks || []) {
    const at = frame.atY(value)
    context.fillRect(frame.left - 4, at, 4, 1)
    context.fillText(yText(value), frame.left - 6, at)
  }
}

/** Text upwards along the left side. */
export function sideways(context, text, x, y, color) {
  context.save()
  context.translate(x, y)
  context.rotate(-Math.PI / 2)
  context.textAlign = "center"
  context.textBaseline = "top"
  context.fillStyle = color
  context.fillText(text, 0, 0)
  context.restore()
}
