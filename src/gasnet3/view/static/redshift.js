// The redshift shown: slider, number and what the class allows.

const STEP = 1e-4 * Math.LN10  // ln(1 + z) of a pixel, 69 km/s
const LIGHT = 299792.458

/** Pixels of a small step: those of stars are a tenth of one. */
export function pixel(cls) {
  return cls === "STAR" ? 0.1 : 1
}

/** A redshift some small steps on. */
export function stepped(z, cls, steps) {
  return (1 + z) * Math.exp(STEP * pixel(cls) * steps) - 1
}

export class Redshift {
  /** `moved(z)` is called with what is dragged or typed. */
  constructor(moved) {
    this.number = document.getElementById("z")
    this.slider = document.getElementById("slider")
    this.velocity = document.getElementById("velocity")
    this.slider.min = 0
    this.slider.step = 1
    this.low = 0
    this.slider.addEventListener("input", () =>
      moved(stepped(this.low, this.cls, Number(this.slider.value))))
    this.number.addEventListener("change", () => {
      const z = this.number.valueAsNumber
      if (Number.isFinite(z) && z > -1) moved(z)
      else this.put(this.cls, this.z, this.range)
    })
  }

  /** Show a redshift; the slider covers the range of the class, a pixel a step. */
  put(cls, z, range) {
    Object.assign(this, {cls, z, range})
    const known = Number.isFinite(z)
    this.number.value = known ? z.toFixed(5) : ""
    this.number.step = cls === "STAR" ? 0.00001 : 0.0001
    this.velocity.textContent = known && cls === "STAR" ? `${(LIGHT * z).toFixed(0)} km/s` : ""
    const [low, high] = range || [-0.01, 5]
    this.low = low
    const each = STEP * pixel(cls)
    this.slider.max = Math.round(Math.log((1 + high) / (1 + low)) / each)
    this.slider.value = known ? Math.round(Math.log((1 + z) / (1 + low)) / each) : 0
    const said = known ? `z = ${z.toFixed(5)} ${this.velocity.textContent}` : "no redshift"
    this.slider.setAttribute("aria-valuetext", said)
    this.slider.title = `${cls || "no class"}: z from ${low.toFixed(3)} to ${high.toFixed(3)}`
  }
}
