// The pointer on the spectrum: a click marks a feature, a drag zooms, shift and drag moves, the
// wheel zooms about the pointer.

const CLICK = 4  // pixels that a click may wander
const FLAT = 14  // a box as flat as this means a range of wavelengths

/** Tie a view to its canvas; `marked(wave)` and `moved(text)` are told what is done. */
export function tie(view, marked, moved) {
  const {canvas} = view
  let from = null

  const place = (event) => {
    const box = canvas.getBoundingClientRect()
    return [event.clientX - box.left, event.clientY - box.top]
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !view.data) return
    const [x, y] = place(event)
    if (!view.top.holds(x, y) && !view.bottom.holds(x, y)) return
    from = {x, y, range: view.range, shift: event.shiftKey}
    canvas.setPointerCapture(event.pointerId)
  })

  canvas.addEventListener("pointermove", (event) => {
    if (!view.data || !view.top) return
    const [x, y] = place(event)
    view.hover = view.top.holds(x, y) ? {wave: view.top.valueX(x)} : null
    moved(view.hover ? view.hover.wave : null)
    if (from && from.shift) {
      const by = (from.x - x) * (from.range[1] - from.range[0]) / view.top.width
      view.zoom([from.range[0] + by, from.range[1] + by], view.y)
      return
    }
    if (from) view.box = boxed(view, from, x, y)
    requestAnimationFrame(() => view.draw())
  })

  canvas.addEventListener("pointerup", (event) => {
    if (!from) return
    const [x, y] = place(event)
    const begun = from
    from = view.box = null
    if (begun.shift) return
    if (Math.hypot(x - begun.x, y - begun.y) < CLICK) {
      marked(view.near(view.top.valueX(x)))
      return
    }
    const box = boxed(view, begun, x, y)
    const ends = [box.x, box.x + box.width].map((at) => view.top.valueX(at))
    if (box.width < CLICK) view.draw()
    else if (box.whole) view.zoom(ends)
    else view.zoom(ends, [view.top.valueY(box.y + box.height), view.top.valueY(box.y)])
  })

  canvas.addEventListener("pointerleave", () => {
    view.hover = null
    moved(null)
    view.draw()
  })

  canvas.addEventListener("wheel", (event) => {
    if (!view.data) return
    event.preventDefault()
    view.zoomBy(event.deltaY > 0 ? 1.25 : 0.8)
  }, {passive: false})
}

/** The box that is dragged, within the frame; a flat one is of all heights. */
function boxed(view, from, x, y) {
  const {top} = view
  const within = (value, low, size) => Math.min(Math.max(value, low), low + size)
  const [left, right] = [from.x, x].map((at) => within(at, top.left, top.width)).sort(ascending)
  const [above, below] = [from.y, y].map((at) => within(at, top.top, top.height)).sort(ascending)
  const whole = below - above < FLAT
  return {
    x: left, width: right - left, whole,
    y: whole ? top.top : above, height: whole ? top.height : below - above,
  }
}

function ascending(one, two) {
  return one - two
}
