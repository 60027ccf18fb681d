// Judgements on their way to the disk: kept in the browser until the app says that they are saved.

import {ask, Changed, Gone} from "./net.js"

const AGAIN = 1500  // milliseconds between tries
const PATIENCE = 6000

/** Saves judgements in turn. What cannot be saved is tried again, also when the page is opened
    anew. `saved(id, answer, left)` and `failed(text)` are called as it goes. */
export class Saver {
  constructor(place, saved, failed) {
    this.key = `gasnet3 not saved: ${place}`
    this.saved = saved
    this.failed = failed
    this.busy = false
    this.waiting = new Map(Object.entries(JSON.parse(localStorage.getItem(this.key) || "{}")))
  }

  /** Judgements that are not saved yet. */
  get left() {
    return this.waiting.size
  }

  has(id) {
    return this.waiting.has(id)
  }

  put(said) {
    this.waiting.set(said.id, said)
    this.keep()
    return this.send()
  }

  keep() {
    if (this.waiting.size) {
      localStorage.setItem(this.key, JSON.stringify(Object.fromEntries(this.waiting)))
    } else {
      localStorage.removeItem(this.key)
    }
  }

  async send() {
    if (this.busy) return
    this.busy = true
    while (this.waiting.size) {
      const [id, said] = this.waiting.entries().next().value
      try {
        const answer = await ask("judge", said, PATIENCE)
        if (this.waiting.get(id) === said) this.waiting.delete(id)
        this.keep()
        this.saved(id, answer, this.waiting.size)
      } catch (error) {
        this.failed(this.told(error))
        await new Promise((done) => setTimeout(done, AGAIN))
      }
    }
    this.busy = false
  }

  told(error) {
    const n = this.waiting.size
    const kept = n === 1 ? "the judgement is kept here" : `${n} judgements are kept here`
    if (error instanceof Changed) {
      return `NOT SAVED: the app was started anew. Open the address that it printed: ${kept}, ` +
        "and saved there if it is the same port"
    }
    if (error instanceof Gone) {
      return `NOT SAVED: ${error.message}; ${kept}, and saved when it is back`
    }
    return `NOT SAVED: ${error.message}; ${kept}, and tried again`
  }
}
