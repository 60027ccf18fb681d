// What of the page is shown: axes, sky, mask, names, second model, strip, list, dark, help.

const STRIPS = ["both", "details", "curves", "none"]
const byId = (id) => document.getElementById(id)

export class Toggles {
  constructor(page) {
    this.page = page
    this.kept = JSON.parse(localStorage.getItem("gasnet3 shown") || "{}")
    Object.assign(page.view.show, this.kept.show)
    const acts = [
      ["list", "o", "the list and its filters"], ["rest", "t", "axis of the rest frame"],
      ["sky", "y", "sky lines"], ["mask", "i", "masked pixels (ivar 0)"],
      ["names", "n", "names of lines: major, all, none"], ["second", "b", "a second model"],
      ["strip", "d", "detail windows and χ² curves"], ["dark", "D", "dark"],
      ["picture", "P", "save the picture"], ["keys", "?", "keys"],
    ]
    this.buttons = new Map(acts.map(([name, key, title]) => [key, this.button(name, key, title)]))
    byId("less").addEventListener("click", () => this.smooth(-0.5))
    byId("more").addEventListener("click", () => this.smooth(0.5))
    document.body.dataset.strip = this.kept.strip || (innerWidth >= 1180 ? "both" : "details")
    document.body.dataset.list = this.kept.list || (innerWidth >= 1360 ? "open" : "folded")
    const dark = this.kept.dark ?? matchMedia("(prefers-color-scheme: dark)").matches
    document.documentElement.dataset.theme = dark ? "dark" : "light"
    this.render()
  }

  button(name, key, title) {
    const button = document.createElement("button")
    button.type = "button"
    button.title = `${title} (${key})`
    button.dataset.name = name
    button.textContent = name
    button.addEventListener("click", () => this.press(key))
    byId("toggles").append(button)
    return button
  }

  /** Do what a key means; whether it means something here. */
  press(key) {
    const {view} = this.page
    const flip = (name) => () => { view.show[name] = !view.show[name] }
    const acts = {
      t: flip("rest"), y: flip("sky"), i: flip("mask"),
      n: () => {
        const names = ["major", "all", "none"]
        view.show.names = names[(names.indexOf(view.show.names) + 1) % 3]
      },
      d: () => this.set("strip", STRIPS[(STRIPS.indexOf(document.body.dataset.strip) + 1) % 4]),
      o: () => this.set("list", document.body.dataset.list === "open" ? "folded" : "open"),
      D: () => this.set("dark", document.documentElement.dataset.theme !== "dark"),
      b: () => this.second(), "+": () => this.smooth(0.5), "=": () => this.smooth(0.5),
      "-": () => this.smooth(-0.5), "P": () => this.page.savePicture(), "?": () => this.help(),
    }
    if (!(key in acts)) return false
    acts[key]()
    this.kept.show = view.show
    localStorage.setItem("gasnet3 shown", JSON.stringify(this.kept))
    this.render()
    this.page.refresh()
    return true
  }

  set(name, value) {
    this.kept[name] = value
    if (name === "dark") document.documentElement.dataset.theme = value ? "dark" : "light"
    else document.body.dataset[name] = value
  }

  /** The next solution but the one shown as a second model; after the last, none. */
  second() {
    const {page} = this
    const n = page.told && page.told.seen ? page.told.seen.solutions.length : 0
    do page.over += 1
    while (page.over === page.nth && !page.moved)
    if (page.over >= n) page.over = -1
  }

  smooth(by) {
    const {view} = this.page
    view.smooth(Math.min(Math.max(view.sigma + by, 0), 15))
    byId("smoothing").textContent = view.sigma
    view.draw()
    this.page.details.draw()
  }

  help() {
    const help = byId("help")
    if (help.open) help.close()
    else help.showModal()
  }

  /** Show the list, and put the cursor into its search. */
  find() {
    this.set("list", "open")
    this.render()
    byId("text").focus()
  }

  render() {
    const {show} = this.page.view
    const states = {
      t: show.rest, y: show.sky, i: show.mask, b: this.page.over >= 0,
      o: document.body.dataset.list === "open",
      D: document.documentElement.dataset.theme === "dark",
    }
    for (const [key, on] of Object.entries(states)) {
      this.buttons.get(key).setAttribute("aria-pressed", on)
    }
    this.buttons.get("n").textContent = `names: ${show.names}`
    this.buttons.get("d").textContent = `strip: ${document.body.dataset.strip}`
  }
}

/** Fill the help with the keys and what the judgements mean. */
export function helped(dialog, {help, qualities, issues, keys}) {
  const table = document.createElement("table")
  for (const [key, what] of help) {
    const row = table.insertRow()
    const name = document.createElement("b")
    name.textContent = key
    row.insertCell().append(name)
    row.insertCell().textContent = what
  }
  const meaning = document.createElement("div")
  meaning.append(heading("Quality"), listed(qualities), heading("Issues"), listed(issues),
    heading("Lines, while a feature is marked"),
    keys.map(({key, name}) => `${key} ${name}`).join(", "))
  const columns = document.createElement("div")
  columns.className = "columns"
  columns.append(table, meaning)
  const close = document.createElement("button")
  close.type = "button"
  close.textContent = "close (Esc)"
  close.addEventListener("click", () => dialog.close())
  dialog.append(columns, close)
}

function heading(text) {
  const element = document.createElement("b")
  element.textContent = text
  return element
}

function listed(entries) {
  const list = document.createElement("ul")
  for (const [key, text] of Object.entries(entries)) {
    const item = document.createElement("li")
    item.textContent = `${key}: ${text}`
    list.append(item)
  }
  return list
}
