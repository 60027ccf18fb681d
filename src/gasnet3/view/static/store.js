// Spectra as the app gives them: kept, and asked for ahead.

import {ask} from "./net.js"

const KEPT = 24

export class Store {
  constructor() {
    this.kept = new Map()
    this.asked = new Map()
    this.turn = 0
  }

  /** A spectrum that is here already, or undefined. */
  get(row) {
    return this.kept.get(row)
  }

  /** The spectrum of a row of the catalog. */
  fetch(row) {
    if (this.kept.has(row)) return Promise.resolve(this.kept.get(row))
    if (!this.asked.has(row)) {
      const promise = ask("spectrum", {row}).then((told) => {
        if (!told.missing) this.keep(row, told)
        return told
      }).finally(() => this.asked.delete(row))
      this.asked.set(row, promise)
    }
    return this.asked.get(row)
  }

  keep(row, told) {
    this.kept.delete(row)
    this.kept.set(row, told)
    if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value)
  }

  /** Ask for rows that may be wanted next, one after the other, until others are. */
  async ahead(rows) {
    const turn = ++this.turn
    for (const row of rows) {
      if (turn !== this.turn) return
      try {
        await this.fetch(row)
      } catch {
        return  // it is told when the spectrum is wanted
      }
    }
  }

  /** What was said of a spectrum that is kept. */
  judged(id, judgement) {
    for (const told of this.kept.values()) if (told.id === id) told.judgement = judgement
  }
}
