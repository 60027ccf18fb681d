// The list: filters, order, and a table of one page of rows.

import {ask} from "./net.js"

const FIELDS = ["sort", "only", "kind", "flag", "text", "sn_low", "sn_high", "z_low", "z_high",
  "score"]
const NUMBERS = new Set(["sn_low", "sn_high", "z_low", "z_high", "score"])
const COLUMNS = [
  ["id", (row) => row.id], ["cls", (row) => row.cls], ["z", (row) => digits(row.z, Math.abs(row.z) < 0.01 ? 5 : 4)],
  ["sn", (row) => digits(row.sn_median, 1)], ["odd", (row) => digits(row.anomaly_score, 1)],
  ["vi", (row) => row.quality],
]

export class List {
  /** `choose(row)` is called with the row of the catalog that is chosen; null: none passes. */
  constructor(start, choose) {
    this.start = start
    this.choose = choose
    this.page = {rows: [], first: 0, found: 0, total: 0, place: 0}
    this.classes = new Set()
    this.body = byId("table").tBodies[0]
    this.fill()
    for (const name of FIELDS) {
      const field = byId(name)
      field.addEventListener(name === "text" ? "input" : "change", () => this.changed(name))
    }
    byId("all").addEventListener("click", () => this.clear())
    byId("before").addEventListener("click", () => this.go(this.page.first - 200))
    byId("after").addEventListener("click", () => this.go(this.page.first + this.page.rows.length))
  }

  fill() {
    const names = {disputed: "colleague disagrees"}
    options("sort", this.start.sorts.map((name) => [name, name]))
    options("only", [["", "any"], ...this.start.only.map((name) => [name, names[name] || name])])
    options("kind", [["", "any"], ...this.start.kinds.map((name) => [name, name])])
    options("flag", [["", "any"], ...this.start.flags.map((name) => [name, name])])
    byId("sort").value = this.start.sort
    for (const cls of this.start.classes) {
      const button = document.createElement("button")
      button.type = "button"
      button.textContent = cls
      button.setAttribute("aria-pressed", "false")
      button.addEventListener("click", () => {
        if (!this.classes.delete(cls)) this.classes.add(cls)
        button.setAttribute("aria-pressed", this.classes.has(cls))
        this.changed("classes")
      })
      byId("classes").append(button)
    }
  }

  /** What the filters and the order say. */
  chosen() {
    const told = {classes: [...this.classes]}
    for (const name of FIELDS) {
      const value = byId(name).value
      told[name] = NUMBERS.has(name) ? (value === "" ? null : Number(value)) : value
    }
    return told
  }

  clear() {
    for (const name of FIELDS) if (name !== "sort") byId(name).value = ""
    this.classes.clear()
    for (const button of byId("classes").children) button.setAttribute("aria-pressed", "false")
    this.changed("all")
  }

  /** List anew: another order begins at its first, a filter keeps the spectrum that it lets pass. */
  async changed(name) {
    const before = this.row
    await this.fetch({keep: name === "sort" ? null : before, fresh: true})
    const told = this.chosen()
    const n = FIELDS.filter((field) => !["sort", "text"].includes(field) && told[field]).length
    byId("active").textContent = n + this.classes.size ? `(${n + this.classes.size})` : ""
    if (this.row !== before || name === "start") this.choose(this.row)
  }

  async fetch(question) {
    this.asked = question
    const page = await ask("list", {chosen: this.chosen(), ...question})
    if (this.asked !== question) return  // something else was asked since
    this.page = page
    this.render()
  }

  /** The row chosen; null where nothing passes. */
  get row() {
    const {rows, place, first} = this.page
    return rows.length ? rows[place - first].row : null
  }

  /** Rows near the chosen one, the nearest first. */
  about(...steps) {
    const {rows, place, first} = this.page
    return steps.map((step) => rows[place - first + step]).filter(Boolean).map(({row}) => row)
  }

  step(by) {
    return this.go(this.page.place + by)
  }

  /** Choose a place of the list; Infinity is the last. */
  async go(place) {
    const {found, first, rows} = this.page
    const wanted = Math.min(Math.max(place, 0), found - 1)
    if (wanted === this.page.place || wanted < 0) return
    if (wanted >= first && wanted < first + rows.length) {
      this.page.place = wanted
      this.select()
    } else {
      await this.fetch({at: wanted})
    }
    this.choose(this.row)
  }

  /** Choose a spectrum by its row in the catalog, if it is listed. */
  async goRow(row) {
    if (row === this.row) return
    await this.fetch({keep: row})
    if (this.page.kept) this.choose(row)
  }

  render() {
    const {rows, first, found, total} = this.page
    this.body.replaceChildren(...rows.map((row, i) => this.line(row, first + i)))
    const shown = found > rows.length
      ? `${(first + 1).toLocaleString("en")} to ${(first + rows.length).toLocaleString("en")} of ` : ""
    byId("count").textContent =
      `${shown}${found.toLocaleString("en")} of ${total.toLocaleString("en")} spectra`
    byId("pages").hidden = found <= rows.length
    byId("before").disabled = first === 0
    byId("after").disabled = first + rows.length >= found
    this.select()
  }

  line(row, place) {
    const line = document.createElement("tr")
    line.dataset.row = row.row
    for (const [name, text] of COLUMNS) {
      const cell = line.insertCell()
      cell.textContent = text(row)
      if (name === "id") cell.title = row.id
    }
    line.addEventListener("click", () => this.go(place))
    line.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") this.go(place)
    })
    return line
  }

  select() {
    const {place, first} = this.page
    for (const line of this.body.querySelectorAll("[aria-selected=true]")) {
      line.setAttribute("aria-selected", "false")
      line.tabIndex = -1
    }
    const line = this.body.rows[place - first]
    if (!line) return
    line.setAttribute("aria-selected", "true")
    line.tabIndex = 0
    line.scrollIntoView({block: "nearest"})
  }

  /** Show a judgement in the table. */
  mark(id, judgement) {
    const text = !judgement ? "" : judgement.quality === null ? "·" : String(judgement.quality)
    this.page.rows.forEach((row, i) => {
      if (row.id !== id) return
      row.quality = text
      this.body.rows[i].cells[COLUMNS.length - 1].textContent = text
    })
  }
}

function options(id, pairs) {
  byId(id).replaceChildren(...pairs.map(([value, text]) => new Option(text, value)))
}

function digits(value, n) {
  return value === null ? "" : Math.abs(value) > 1e6 ? value.toExponential(2) : value.toFixed(n)
}

function byId(id) {
  return document.getElementById(id)
}
