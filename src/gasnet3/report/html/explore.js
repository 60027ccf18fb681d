// Links the scatter plots, the filters and the table of the report. `what` says who calls:
// a filter, a selection in a plot, the button that shows all, or a change of the row clicked.
const data = source.data
const count = data.id.length

const value = (name) => (controls[name] ? controls[name].value : "")

function passes() {
  const cls = value("class"), warning = value("warning"), kind = value("anomaly"), note = value("note")
  const truth = value("truth"), text = value("find").trim().toLowerCase()
  const searched = ["id", "subclass", "anomaly_reason"].filter((name) => data[name])
  const tests = []
  if (cls) tests.push((i) => data.class[i] === cls)
  if (warning === "none") tests.push((i) => data.zwarn[i] === 0)
  else if (warning === "any") tests.push((i) => data.zwarn[i] !== 0)
  else if (warning) tests.push((i) => (data.zwarn[i] & Number(warning)) !== 0)
  if (note === "any") tests.push((i) => data.notes[i] !== "")
  else if (note) tests.push((i) => data.notes[i].split(", ").includes(note))
  if (kind === "any") tests.push((i) => data.anomaly_kind[i] !== "")
  else if (kind) tests.push((i) => data.anomaly_kind[i] === kind)
  if (truth) {
    const wanted = truth === "right"
    tests.push((i) => data.true_class[i] !== "" && (data.true_class[i] === data.class[i]) === wanted)
  }
  if (text) tests.push((i) => searched.some((name) => data[name][i].toLowerCase().includes(text)))
  const kept = []
  for (let i = 0; i < count; i++) if (tests.every((test) => test(i))) kept.push(i)
  return kept
}

function list() {
  // The rows marked in a plot stay marked while one of them is clicked in the table.
  const marked = new Set(listed.tags)
  const kept = passes()
  const rows = marked.size ? kept.filter((i) => marked.has(i)) : kept
  chosen.indices = kept
  listed.indices = rows
  const all = rows.length === count
  const of = count < n_all ? ` shown here, of ${n_all.toLocaleString("en")} in the catalog` : ""
  const share = all ? `All ${count.toLocaleString("en")}`
    : `${rows.length.toLocaleString("en")} of the ${count.toLocaleString("en")}`
  shown.text = `${share} spectra${of}.` + (marked.size ? " Selected in a plot." : "")
}

function describe() {
  const rows = source.selected.indices
  if (rows.length !== 1) {
    row.text = ""
    return
  }
  const i = rows[0]
  const parts = [`${data.id[i]}: ${data.class[i]}` + (data.z ? `, z = ${data.z[i].toFixed(5)}` : "")]
  if (data.anomaly_reason && data.anomaly_reason[i]) parts.push(data.anomaly_reason[i])
  for (const column of [data.flags, data.notes])
    for (const name of (column ? column[i] : "").split(", "))
      if (meanings[name]) parts.push(`${name}: ${meanings[name]}`)
  row.text = parts.join(". ") + "."
}

if (what === "row") describe()
else if (what === "filter") list()
else if (what === "select") {
  // The plot tells of the selection before it has made it.
  setTimeout(() => {
    listed.tags = [...source.selected.indices]
    list()
  }, 0)
} else {
  for (const name of Object.keys(controls)) if (name !== "clear") controls[name].value = ""
  source.selected.indices = []
  listed.tags = []
  list()
}
