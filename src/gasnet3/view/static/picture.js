// A picture of the spectrum as it is shown, with its id, class and redshift.

import {theme} from "./axes.js"

const HEAD = 44

/** Save what the canvas shows as PNG, under lines that say what it is. */
export function save(canvas, lines, name) {
  const scale = canvas.width / canvas.clientWidth
  const picture = document.createElement("canvas")
  picture.width = canvas.width
  picture.height = canvas.height + HEAD * scale
  const context = picture.getContext("2d")
  const color = theme()
  context.fillStyle = color("paper")
  context.fillRect(0, 0, picture.width, picture.height)
  context.drawImage(canvas, 0, HEAD * scale)
  context.scale(scale, scale)
  context.textBaseline = "top"
  lines.forEach((line, i) => {
    context.fillStyle = color(i ? "quiet" : "ink")
    context.font = i ? "12px system-ui, sans-serif" : "bold 15px system-ui, sans-serif"
    context.fillText(line, 8, 4 + 20 * i)
  })
  const link = document.createElement("a")
  link.download = `${name.replace(/[^\w.+-]+/g, "_")}.png`
  link.href = picture.toDataURL("image/png")
  link.click()
}
