// The page: list, spectrum, curves, redshift and judgement, tied together.

import {CurvesView} from "./curves.js"
import {DetailsView} from "./details.js"
import {head, solutions} from "./header.js"
import {Judge} from "./judge.js"
import {listen} from "./keys.js"
import {List} from "./list.js"
import {Marker} from "./marker.js"
import {ask, Changed, Gone} from "./net.js"
import {unpacked} from "./numbers.js"
import {save} from "./picture.js"
import {tie} from "./pointer.js"
import {Redshift, stepped} from "./redshift.js"
import {SpectrumView} from "./spectrum.js"
import {Store} from "./store.js"
import {helped, Toggles} from "./toggles.js"

const FAR = 20  // small steps of a long one
const SAME_Z = 2e-5
const HEARTBEAT = 3000
const GLANCE = 250  // milliseconds; who judges sooner has pressed a key twice

const byId = (id) => document.getElementById(id)

class Page {
  constructor(start) {
    this.start = start
    this.store = new Store()
    this.told = null
    this.wanted = null
    this.forward = true
    this.hurried = false
    this.since = -Infinity
    this.reset()
    this.view = new SpectrumView(byId("spectrum"), start)
    this.details = new DetailsView(byId("details"), start, this.view)
    this.curves = new CurvesView(byId("curves"), start, (cls, z) => this.move(z, cls))
    this.redshift = new Redshift((z) => this.move(z))
    this.marker = new Marker(byId("marker"), start.keys, (line, z) => this.lined(line, z))
    this.judge = new Judge(start, this)
    this.list = new List(start, (row) => this.choose(row))
    this.toggles = new Toggles(this)
    tie(this.view, (wave) => this.mark(wave), (wave) => this.readout(wave))
    listen((key) => this.press(key))
    byId("back").addEventListener("click", () => this.solve(Math.max(this.nth, 0)))
    document.title = `gasnet3: ${start.title}`
    helped(byId("help"), start)
    setInterval(() => this.beat(), HEARTBEAT)
  }

  async open() {
    await this.list.changed("start")
    this.judge.saver.send()
  }

  /** Forget the model shown. */
  reset() {
    Object.assign(this, {nth: 0, moved: false, cls: "", z: NaN, model: null, over: -1,
      drawn: false, fitting: false, next: null})
  }

  /** Show a row of the catalog: the old picture stays until the new one is there. */
  async choose(row) {
    this.wanted = row
    if (row === null) return this.empty()
    const known = this.store.get(row)
    if (known) return this.draw(row, known)
    this.drawn = false
    byId("figure").classList.add("waiting")
    document.body.dataset.drawn = ""
    if (this.reading) return  // comes back to what is wanted by then
    this.reading = true
    byId("readout").textContent = "reading and solving …"
    try {
      while (this.wanted !== null && !this.drawn) {
        const asked = this.wanted
        const told = await this.store.fetch(asked)
        if (asked === this.wanted && !this.drawn) this.draw(asked, told)
      }
    } catch (error) {
      this.trouble(error)
    } finally {
      this.reading = false
    }
  }

  /** Draw a spectrum; from here on it can be judged. */
  draw(row, told) {
    this.reset()
    this.told = told
    const {seen} = told
    byId("message").textContent = told.missing
    byId("readout").textContent = ""
    this.view.set(told)
    this.curves.set(seen)
    this.marker.ask(null)
    head(told, this.list.page.place, this.list.page.found)
    this.judge.show(told.id, row, told.judgement, told.colleagues, told.trouble)
    if (seen && seen.solutions.length) this.first(this.judge.said)
    else this.refresh()
    byId("figure").classList.remove("waiting")
    this.drawn = true
    this.since = this.hurried ? performance.now() : -Infinity
    this.hurried = false
    document.body.dataset.drawn = told.id
    byId("spoken").textContent = `${told.id}, ${told.cls} at redshift ${told.z?.toFixed(4)}. ` +
      `${told.why} ${told.missing}`
    this.toggles.render()
    setTimeout(() => this.ahead(told), 0)
  }

  /** The next spectra, and what another tab may have said of this one. */
  async ahead(told) {
    const steps = this.forward ? [1, 2, -1] : [-1, -2, 1]
    this.store.ahead(this.list.about(...steps))
    const before = this.judge.said
    let now
    try {
      now = await ask("said", {id: told.id})
    } catch {
      return  // the heartbeat tells
    }
    if (this.told !== told || this.judge.said !== before || this.judge.saver.has(told.id)) return
    this.store.judged(told.id, now.judgement)
    if (same(now.judgement, before)) return
    this.judge.show(told.id, this.wanted, now.judgement, now.colleagues, now.trouble)
    this.list.mark(told.id, now.judgement)
    if (now.judgement && told.seen && told.seen.solutions.length) this.first(now.judgement)
  }

  /** The solution that was judged, or the best. */
  first(said) {
    const found = this.told.seen.solutions
    const z = said ? said.z : null
    const same = found.findIndex((one) =>
      z !== null && one.cls === said.cls && Math.abs(one.z - z) < SAME_Z)
    this.solve(Math.max(same, 0))
    if (same < 0 && z !== null) this.move(z, said.cls || this.cls)
  }

  empty() {
    this.reset()
    this.told = null
    this.view.set(null)
    this.curves.set(null)
    this.marker.ask(null)
    head(null)
    byId("message").textContent = ""
    this.judge.show(null, null, null, [], "")
    this.refresh()
    document.body.dataset.drawn = ""
  }

  trouble(error) {
    if (error instanceof Gone) this.later = true
    byId("message").textContent = error instanceof Changed || error instanceof Gone
      ? `${error.message}: nothing new can be shown until it is back` : error.message
    byId("readout").textContent = ""
  }

  /** Show the nth solution. */
  solve(nth) {
    const found = this.told && this.told.seen ? this.told.seen.solutions : []
    if (!found.length) return
    this.nth = Math.min(Math.max(nth, 0), found.length - 1)
    const one = found[this.nth]
    this.model = this.array(one)
    Object.assign(this, {cls: one.cls, z: one.z, moved: false, next: null})
    this.refresh()
  }

  array(one) {
    one.array = one.array || unpacked(one.model)
    return one.array
  }

  /** Go to a redshift, as a class or the one shown: lines at once, the model when it is fitted. */
  move(z, cls = this.cls) {
    if (!this.told || !this.told.seen || !Number.isFinite(z) || !cls) return
    Object.assign(this, {z, cls, moved: true, next: {z, cls}})
    this.refresh()
    this.refit()
  }

  /** Fit at the redshift wanted last: those passed while one fit is under way are not. */
  async refit() {
    if (this.fitting || !this.next) return
    const {told} = this
    const wanted = this.next
    this.next = null
    this.fitting = true
    try {
      const answer = await ask("model", {id: told.id, ...wanted})
      if (this.told === told && this.z === wanted.z && this.cls === wanted.cls && this.moved) {
        this.model = unpacked(answer.model)
        this.refresh()
      }
    } catch (error) {
      if (this.told === told) this.trouble(error)
    } finally {
      if (this.told === told) this.fitting = false
    }
    if (this.told === told) this.refit()
  }

  /** Draw what depends on class, redshift and model. */
  refresh() {
    const seen = this.told && this.told.seen
    const second = seen ? seen.solutions[this.over] : null
    this.view.put({model: this.model, cls: this.cls, z: this.z,
      over: second ? this.array(second) : null, overCls: second ? second.cls : ""})
    this.view.draw()
    this.curves.put(this.cls, this.z)
    this.curves.draw()
    this.details.draw()
    this.redshift.put(this.cls, this.z, seen && seen.curves[this.cls]?.range)
    solutions(seen, this.moved ? -1 : this.nth, this.over, this.start.colors, (nth) =>
      this.solve(nth))
    byId("spectrum").setAttribute("aria-label", this.told
      ? `spectrum ${this.told.id}, model ${this.cls} at z = ${this.z.toFixed(5)}` : "no spectrum")
    this.judge.note()
  }

  /** Why nothing can be judged now. */
  blocked() {
    if (this.wanted === null) return "there is no spectrum"
    if (!this.drawn) return "this spectrum is not drawn yet; look, and press again"
    if (!this.told.id) return "judgements are of spectra by their ids, and here is none"
    if (!this.told.seen) return "there is no spectrum to be seen here"
    if (performance.now() - this.since < GLANCE) {
      return "this spectrum was drawn just now; look, and press again"
    }
    return ""
  }

  shown() {
    return {cls: this.cls, z: Number.isFinite(this.z) ? this.z : null}
  }

  /** Show a class: at the redshift chosen by hand if it is one of the class, or at its own best. */
  adopt(cls) {
    if (cls === this.cls) return ""
    const {seen} = this.told
    const range = seen.curves[cls]?.range
    if (this.moved && range && this.z >= range[0] && this.z <= range[1]) {
      this.move(this.z, cls)
      return `${cls} at the redshift that you chose`
    }
    const nth = seen.solutions.findIndex((one) => one.cls === cls)
    const best = seen.best_z[cls]
    if (nth >= 0) this.solve(nth)
    else if (Number.isFinite(best)) this.move(best, cls)
    else return `there is no model of ${cls}: the redshift is that of ${this.cls}`
    return `this is the best redshift of ${cls}`
  }

  judged(id, judgement, onward) {
    this.store.judged(id, judgement)
    this.list.mark(id, judgement)
    if (!onward) return
    this.hurried = true
    this.go(1)
  }

  visit(row) {
    this.list.goRow(row)
  }

  go(by) {
    this.forward = by > 0
    this.list.step(by).catch((error) => this.trouble(error))
  }

  /** Mark a feature; null marks none. */
  mark(wave) {
    this.view.mark = wave
    this.marker.ask(wave)
    this.view.draw()
  }

  /** The feature marked is this line: go there, as a class that can be so far. */
  lined(line, z) {
    this.mark(null)
    if (!line) return
    const {curves} = this.told.seen
    const can = (cls) => curves[cls]?.range && z >= curves[cls].range[0] && z <= curves[cls].range[1]
    const cls = can(this.cls) ? this.cls : ["GALAXY", "QSO", "STAR"].find(can)
    if (cls) return this.move(z, cls)
    byId("readout").textContent = `${line.name} there means z = ${z.toFixed(4)}: no class goes so far`
  }

  /** Mark the strongest feature in sight, or the next after the one marked. */
  feature() {
    const found = this.view.features()
    if (!found.length) return
    const now = found.findIndex((wave) => wave === this.view.mark)
    this.mark(found[(now + 1) % found.length])
  }

  readout(wave) {
    if (wave === null) return
    const {data} = this.view
    const i = Math.round((Math.log10(wave) - this.told.seen.first) / this.told.seen.step)
    const rest = Number.isFinite(this.z) ? `, rest ${(wave / (1 + this.z)).toFixed(1)}` : ""
    byId("readout").textContent =
      `${wave.toFixed(1)} Å${rest}, flux ${Number(data.smooth[i]?.toPrecision(4))}`
  }

  savePicture() {
    if (!this.told) return
    const {told} = this
    const z = Number.isFinite(this.z) ? `z = ${this.z.toFixed(5)}` : "no redshift"
    const said = this.judge.said
    const quality = said && said.quality !== null ? `, quality ${said.quality} by ${
      this.start.scanner}` : ""
    save(byId("spectrum"), [`${told.id}: ${this.cls}, ${z}${quality}`,
      `${this.start.title}; catalog: ${told.cls}, z = ${told.z?.toFixed(5)}. ${told.why}`],
    `${told.id}-${this.cls}-z${Number.isFinite(this.z) ? this.z.toFixed(4) : ""}`)
  }

  /** Ask whether the app is there; when it is back, show what was wanted meanwhile. */
  async beat() {
    if (document.hidden || this.judge.saver.left) return
    try {
      await ask("alive", {}, 8000)
      if (!this.later) return
      this.later = false
      byId("message").textContent = ""
      if (!this.drawn) this.choose(this.wanted)
    } catch (error) {
      this.trouble(error)
    }
  }

  /** Do what a key means; whether it means something. */
  press(key) {
    if (this.view.mark !== null && this.marker.pick(key)) return true
    const solution = {ArrowDown: 1, j: 1, ArrowUp: -1, k: -1}[key]
    const step = {ArrowRight: 1, l: 1, ArrowLeft: -1, h: -1, PageDown: 10, PageUp: -10,
      End: Infinity, Home: -Infinity}[key]
    const steps = {"]": 1, "[": -1, "}": FAR, "{": -FAR}[key]
    if (step) this.go(step)
    else if (solution) this.solve(this.nth + solution)
    else if (steps) this.move(stepped(this.z, this.cls, steps))
    else if (this.toggles.press(key)) return true
    else if ("01234".includes(key)) this.judge.rate(Number(key))
    else if ("sgqx".includes(key)) this.judge.classify({s: "STAR", g: "GALAXY", q: "QSO", x: ""}[key])
    else if ("RCS".includes(key)) this.judge.toggle(key)
    else return this.other(key)
    return true
  }

  other(key) {
    const acts = {
      r: () => this.solve(this.nth), u: () => this.judge.undo(), e: () => this.feature(),
      Escape: () => this.mark(null), z: () => this.view.zoomBy(0.5),
      Z: () => this.view.zoomBy(2), w: () => this.view.whole(),
      m: () => byId("comment").focus(), f: () => this.toggles.find(), P: () => this.savePicture(),
    }
    if (!(key in acts)) return false
    acts[key]()
    return true
  }
}

/** Whether two judgements say the same. */
function same(one, two) {
  const bare = (said) => said && [said.quality, said.cls, said.z, said.issues, said.comment].join()
  return (bare(one) || null) === (bare(two) || null)
}

try {
  window.gasnet3 = new Page(await ask("start"))
  await window.gasnet3.open()
} catch (error) {
  byId("message").textContent = `${error.message}; reload the page when the app runs`
}
