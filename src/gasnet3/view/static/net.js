// Questions to the app, with the secret of the address of the page.

const secret = new URLSearchParams(location.search).get("secret") || ""

/** The app answers, but not this: its message says why. */
export class Refused extends Error {}

/** Nobody answers. */
export class Gone extends Error {}

/** The app was started anew, with another secret. */
export class Changed extends Error {}

/** What the app answers to a question; waits `patience` milliseconds at most. */
export async function ask(name, question = {}, patience = 600000) {
  let response
  try {
    response = await fetch(`/ask/${name}`, {
      method: "POST",
      headers: {"X-Secret": secret, "Content-Type": "application/json"},
      body: JSON.stringify(question),
      signal: AbortSignal.timeout(patience),
    })
  } catch {
    throw new Gone("the app does not answer")
  }
  if (response.status === 403) throw new Changed(await response.text())
  if (!response.ok) throw new Refused(await response.text())
  let answer
  try {
    answer = await response.json()
  } catch {
    throw new Gone("the app stopped in the middle of an answer")
  }
  if (answer.error) throw new Refused(answer.error)
  return answer
}
