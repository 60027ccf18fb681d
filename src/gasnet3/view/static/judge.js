// What a person says of the spectrum shown: quality, class, issues, comment; saved at once.

import {Saver} from "./saving.js"

const SAME_Z = 2e-5  // the page shows five digits
const NOTHING = {quality: null, cls: "", z: null, issues: "", comment: ""}

export class Judge {
  /** `page` has `blocked()` (why nothing can be judged now, or ''), `shown()` (class and redshift
      of the model), `adopt(cls)` (show a class; what it did, in words), `judged(id, judgement,
      onward)` and `visit(row)`. */
  constructor(start, page) {
    this.start = start
    this.page = page
    this.id = null
    this.said = null
    this.past = []  // what was said before, for undo
    this.saver = new Saver(`${start.place} ${start.scanner}`,
      (id, answer, left) => this.saved(id, answer, left), (text) => this.tell(text, "bad"))
    this.build()
  }

  build() {
    const {qualities, issues, classes} = this.start
    this.quality = buttons("quality", Object.keys(qualities).sort(), (text) =>
      this.rate(Number(text)), (text) => `${text}: ${qualities[text]}`)
    this.cls = buttons("class", [...classes, "none"], (text) =>
      this.classify(text === "none" ? "" : text), (text) => `class ${text}`)
    this.issues = buttons("issues", Object.keys(issues), (text) => this.toggle(text),
      (text) => `${text}: ${issues[text]}`)
    this.comment = document.getElementById("comment")
    this.comment.addEventListener("change", () => this.remark())
    this.onward = document.getElementById("onward")
    this.onward.addEventListener("click", () =>
      this.onward.setAttribute("aria-pressed", !this.isOnward))
    this.back = document.getElementById("undo")
    this.back.addEventListener("click", () => this.undo())
    this.back.disabled = true
  }

  get isOnward() {
    return this.onward.getAttribute("aria-pressed") === "true"
  }

  /** Another spectrum, with what was said of it. */
  show(id, row, said, colleagues, trouble) {
    Object.assign(this, {id, row, said: this.saver.waiting.get(id) || said, colleagues, trouble})
    if (this.said && isNothing(this.said)) this.said = null
    this.none = this.did = this.refused = false
    this.render()
    this.note()
  }

  render() {
    const said = this.said || NOTHING
    press(this.quality, said.quality === null ? "" : String(said.quality))
    press(this.cls, said.cls || (said.quality === null && !this.none ? null : "none"))
    for (const [text, button] of this.issues) {
      button.setAttribute("aria-pressed", said.issues.includes(text))
    }
    if (document.activeElement !== this.comment) this.comment.value = said.comment
  }

  /** Say whether the redshift shown is the one that was saved. */
  note() {
    if (this.saver.left) return  // what is not saved stays said
    if (this.trouble) return this.tell(this.trouble, "bad")
    if (!this.said) return this.tell("", "good")
    const {cls, z} = this.page.shown()
    const text = `saved in ${this.start.file}: ${words(this.said)}${this.others()}`
    const moved = this.said.z !== null && (Math.abs(this.said.z - z) >= SAME_Z ||
      (this.said.cls && this.said.cls !== cls))
    if (moved) this.tell(`${text}; press the quality again to save what is shown`, "old")
    else this.tell(text, "good")
  }

  others() {
    return (this.colleagues || []).map((one) => ` · ${one.who}: ${words(one)}`).join("")
  }

  tell(text, kind) {
    const status = document.getElementById("status")
    status.className = kind
    status.textContent = text
  }

  /** Whether something can be said now; otherwise the reason is told. */
  allowed() {
    const why = this.page.blocked()
    this.refused = Boolean(why)
    if (why) this.tell(`NOT SAVED: ${why}`, "bad")
    return !why
  }

  /** Give a quality to what is shown; the one it has already is taken back. */
  rate(quality) {
    if (!this.allowed()) return
    const {cls, z} = this.page.shown()
    if (!cls && quality) {
      return this.tell("NOT SAVED: no class and redshift are shown to be sure of; 0 says no signal",
        "bad")
    }
    const said = this.said || NOTHING
    const same = said.quality === quality && (said.z === null || Math.abs(said.z - z) < SAME_Z) &&
      (!said.cls || said.cls === cls)
    if (same) return this.save({...said, quality: null, cls: "", z: null})
    this.save({...said, quality, cls: this.none ? "" : cls, z}, true)
  }

  /** Say a class; the model of that class is shown, and its redshift is what is saved. */
  classify(cls) {
    if (!this.allowed()) return
    const did = cls ? this.page.adopt(cls) : ""
    const {z} = this.page.shown()
    this.none = !cls
    this.did = did
    this.save({...(this.said || NOTHING), cls, z})
  }

  toggle(letter) {
    if (!this.allowed()) return
    const said = this.said || NOTHING
    const has = said.issues.includes(letter)
    const issues = Object.keys(this.start.issues)
      .filter((one) => (one === letter ? !has : said.issues.includes(one))).join("")
    this.save({...said, issues})
  }

  remark() {
    const said = this.said || NOTHING
    if (this.comment.value === said.comment) return
    if (this.allowed()) this.save({...said, comment: this.comment.value})
    else this.comment.value = said.comment
  }

  save(said, rated = false) {
    this.past.push({id: this.id, row: this.row, said: this.said})
    this.put(this.id, said)
    this.page.judged(this.id, this.said, rated && this.isOnward)
  }

  put(id, said) {
    if (id === this.id) {
      this.said = said === null || isNothing(said) ? null : said
      this.render()
    }
    this.back.disabled = !this.past.length
    this.tell("saving …", "old")
    this.saver.put({...(said || NOTHING), id})
  }

  /** Take back the last thing that was said, and go to its spectrum. */
  undo() {
    const last = this.past.pop()
    this.back.disabled = !this.past.length
    if (!last) return this.tell("there is nothing to undo", "old")
    this.put(last.id, last.said)
    this.page.judged(last.id, last.said, false)
    this.page.visit(last.row)
  }

  saved(id, answer, left) {
    if (left) return
    const said = answer.judgement
    if (id === this.id) {
      this.colleagues = answer.colleagues
      if (this.did) {
        this.tell(`saved in ${this.start.file}: ${words(said)}; ${this.did}`, "good")
        this.did = false
      } else if (said) {
        this.note()
      } else {
        this.tell("taken back: nothing is said of this spectrum", "good")
      }
    } else if (this.refused) {
      return  // what was refused since stays told
    } else if (!this.said) {
      this.tell(`saved in ${this.start.file}: ${said ? words(said) : "taken back"} (${id})`, "good")
    } else {
      this.note()
    }
  }
}

function isNothing(said) {
  return said.quality === null && !said.cls && said.z === null && !said.issues && !said.comment
}

function words(said) {
  const parts = [
    said.quality === null ? "" : `quality ${said.quality}`, said.cls,
    said.z === null ? "" : `z = ${said.z.toFixed(5)}`, said.issues && `issue ${said.issues}`,
  ]
  return parts.filter(Boolean).join(", ") || "no quality, class or redshift"
}

function buttons(id, texts, act, title) {
  const group = document.getElementById(id)
  return new Map(texts.map((text) => {
    const button = document.createElement("button")
    button.type = "button"
    button.textContent = text
    button.title = title(text)
    button.setAttribute("aria-label", title(text))
    button.setAttribute("aria-pressed", "false")
    button.addEventListener("click", () => act(text))
    group.append(button)
    return [text, button]
  }))
}

function press(map, wanted) {
  for (const [text, button] of map) button.setAttribute("aria-pressed", text === wanted)
}
