// `helm test` runs this in the cluster, as any client there: the API is ready and serves a list. It takes
// the API's origin, and the seconds that pods may take to start.

const [origin = '', seconds] = process.argv.slice(1)
const deadlineMs = Date.now() + 1_000 * Number(seconds)
const pauseMs = 1_000
const answerTimeoutMs = 5_000

/** @param {string} path */
const ask = async (path) => {
  try {
    const answer = await fetch(origin + path, { signal: AbortSignal.timeout(answerTimeoutMs) })
    return { isSound: answer.ok, said: `${answer.status} ${(await answer.text()).slice(0, 500)}` }
  } catch (error) {
    // What fetch throws says little; its cause is what the network said.
    const cause = error instanceof Error ? (error.cause ?? error) : error
    return { isSound: false, said: String(cause) }
  }
}

for (const path of ['/ready', '/todos?limit=1']) {
  let answer = await ask(path)
  while (!answer.isSound && Date.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
    answer = await ask(path)
  }
  console.log(`${path}: ${answer.said}`)
  if (!answer.isSound) process.exit(1)
}
