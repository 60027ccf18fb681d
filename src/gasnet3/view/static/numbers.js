// Arrays: as they come from the app, smoothed, and what of them is to be seen.

/** Float32 of base64. */
export function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
  return new Float32Array(bytes.buffer)
}

/** Wavelengths of n pixels, the logarithms evenly spaced. */
export function wavelengths(first, step, n) {
  return Float64Array.from({length: n}, (_, i) => 10 ** (first + step * i))
}

/** Gaussian mean weighted by ivar, sigma in pixels; NaN where masked. */
export function smoothed(flux, ivar, sigma) {
  const n = flux.length, out = new Float64Array(n).fill(NaN)
  const reach = sigma > 0 ? Math.ceil(4 * sigma) : 0
  const kernel = Float64Array.from({length: reach + 1}, (_, i) =>
    sigma > 0 ? Math.exp(-0.5 * (i / sigma) ** 2) : 1)
  const weighted = Float64Array.from(flux, (value, i) => (ivar[i] > 0 ? value * ivar[i] : 0))
  for (let i = 0; i < n; i++) {
    if (!(ivar[i] > 0)) continue
    let sum = 0, weight = 0
    for (let j = Math.max(i - reach, 0); j <= Math.min(i + reach, n - 1); j++) {
      const k = kernel[Math.abs(j - i)]
      sum += k * weighted[j]
      weight += k * ivar[j]
    }
    out[i] = sum / weight
  }
  return out
}

/** A model smoothed as data are, so that both can be compared; NaN where there is none. */
export function blurred(model, sigma) {
  const known = Float64Array.from(model, (value) => (Number.isFinite(value) ? 1 : 0))
  return smoothed(model, known, sigma)
}

/** Errors of pixels, NaN where masked. */
export function errors(ivar) {
  return Float64Array.from(ivar, (value) => (value > 0 ? 1 / Math.sqrt(value) : NaN))
}

/** First place of an ascending array with at least a value. */
export function place(values, value) {
  let low = 0, high = values.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (values[middle] < value) low = middle + 1
    else high = middle
  }
  return low
}

/** Limits of y that show values without their worst, and others whole, between two places. */
export function limits(values, others, from, to, zero) {
  const seen = values.slice(from, to).filter(Number.isFinite).sort()
  if (!seen.length) return [0, 1]
  let low = seen[Math.floor(0.003 * (seen.length - 1))]
  let high = seen[Math.ceil(0.997 * (seen.length - 1))]
  for (const other of others) {
    for (let i = from; i < to; i++) {
      if (other[i] < low) low = other[i]
      if (other[i] > high) high = other[i]
    }
  }
  if (zero) low = Math.min(low, 0)
  const room = high - low || Math.abs(high) || 1
  return [low - 0.06 * room, high + 0.2 * room]  // names of lines are above
}

/** The median of some values. */
export function median(values) {
  const sorted = Float64Array.from(values).filter(Number.isFinite).sort()
  return sorted.length ? sorted[sorted.length >> 1] : NaN
}

/** Features of a spectrum that stand out from what is about them, the strongest first; what is at
    a line of the sky counts little. */
export function features(wave, smooth, error, from, to, sky) {
  const found = []
  const wide = 60
  for (let i = Math.max(from, 2); i < Math.min(to, wave.length - 2); i++) {
    const here = smooth[i]
    const peak = here > smooth[i - 1] && here >= smooth[i + 1]
    const dip = here < smooth[i - 1] && here <= smooth[i + 1]
    if (!peak && !dip) continue
    const about = median(smooth.slice(Math.max(i - wide, 0), i + wide))
    const trust = sky.some((line) => Math.abs(line - wave[i]) < 6) ? 0.2 : 1
    found.push({wave: wave[i], strength: trust * Math.abs(here - about) / error[i]})
  }
  found.sort((one, two) => two.strength - one.strength)
  const apart = []
  for (const one of found) {
    if (apart.every((other) => Math.abs(other.wave / one.wave - 1) > 0.004)) apart.push(one)
    if (apart.length === 12) break
  }
  return apart.map((one) => one.wave)
}

/** The extreme nearest to a wavelength, within a distance on either side. */
export function snapped(wave, smooth, at, reach) {
  const from = place(wave, at - reach), to = place(wave, at + reach)
  if (to - from < 3) return at
  const level = median(smooth.slice(from, to))
  let best = at, most = 0
  for (let i = from + 1; i < to - 1; i++) {
    const stands = Math.abs(smooth[i] - level)
    const extreme = (smooth[i] - smooth[i - 1]) * (smooth[i + 1] - smooth[i]) <= 0
    if (extreme && stands > most) [best, most] = [wave[i], stands]
  }
  return best
}
