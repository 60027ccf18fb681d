// What is said of a spectrum: the catalog's answer, why, what surveys say, the solutions.

/** Fill the head of the page. */
export function head(told, place, found) {
  const answer = document.getElementById("answer")
  const why = document.getElementById("why")
  answer.replaceChildren()
  why.replaceChildren()
  if (!told) {
    answer.textContent = "no spectrum passes the filter"
    return
  }
  const star = told.cls === "STAR" && told.z !== null
  const interval = told.z_lo !== null && told.z_hi !== null
    ? ` (${told.z_lo.toFixed(5)} to ${told.z_hi.toFixed(5)})` : ""
  const z = told.z === null ? "no redshift" : `z = ${told.z.toFixed(5)}`
  add(answer, "b", told.id)
  add(answer, "span", ` · ${told.cls} ${told.subclass} ${z}${star ? kms(told.z) : interval}`)
  for (const [name, text] of [["p_z", "p(z)"], ["sn_median", "S/N"], ["rchi2", "χ²/dof"]]) {
    if (told[name] !== null) add(answer, "span", ` · ${text} ${Number(told[name].toPrecision(3))}`)
  }
  if (told.z_second !== null) add(answer, "span", ` · second z ${told.z_second.toFixed(5)}`)
  add(answer, "span", ` · ${place + 1} of ${found}`, "place")
  for (const flag of told.flags) add(why, "b", `${flag.name} `, "bad", flag.why)
  for (const note of told.notes) add(why, "b", `${note.name} `, "old", note.why)
  add(why, "b", told.why)
  if (told.anew) add(why, "span", ` ${told.anew}`, "bad")
  for (const other of told.others) {
    const z = other.z === null ? "" : ` z = ${other.z.toFixed(5)}`
    const dv = other.dv === null ? "" : ` (${signed(other.dv)} km/s from ours)`
    add(why, "span", ` ${other.who}: ${other.cls}${z}${dv}.`, other.differs ? "bad" : "good")
  }
  for (const flag of told.flags) add(why, "span", ` ${flag.name}: ${flag.why}.`, "bad")
  if (told.reason) {
    add(why, "span", ` Strange (${told.anomaly_score.toFixed(1)}${
      told.kind ? `, ${told.kind}` : ""}): ${told.reason}.`, "old")
  }
}

/** Buttons of the solutions; `nth` is shown, `over` is the second model. */
export function solutions(seen, nth, over, colors, choose) {
  const group = document.getElementById("solutions")
  const found = seen ? seen.solutions : []
  const least = Math.min(...found.map((one) => one.chi2))
  group.replaceChildren(...found.map((one, i) => {
    const button = document.createElement("button")
    button.type = "button"
    button.setAttribute("aria-pressed", i === nth)
    button.style.borderLeftColor = colors[one.cls]
    const error = one.z_err === null ? "" : ` ±${one.z_err.toPrecision(1)}`
    const p = one.probability === null ? "" : ` p ${one.probability.toFixed(2)}`
    // Δ is of χ², the least of which need not be the most probable.
    button.textContent =
      `${one.cls} ${one.z.toFixed(one.cls === "STAR" ? 5 : 4)} Δ${
        (one.chi2 - least).toFixed(0)}${p}`
    button.title = `${one.cls} z = ${one.z.toFixed(5)}${error}, χ²/dof ${one.rchi2.toFixed(3)}, ` +
      `p(class) ${one.probability?.toFixed(3)}, p(z) ${one.p_z?.toFixed(3) ?? "not known"}`
    if (i === over) {
      button.dataset.over = ""
      button.title += "; drawn as the second model"
    }
    button.addEventListener("click", () => choose(i))
    return button
  }))
}

/** A redshift as a velocity, of stars. */
export function kms(z) {
  return `, ${signed(299792.458 * z)} km/s`
}

function signed(value) {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(0)}`
}

function add(parent, tag, text, kind = "", title = "") {
  const element = document.createElement(tag)
  element.textContent = text
  if (kind) element.className = kind
  if (title) element.title = title
  parent.append(element)
}
