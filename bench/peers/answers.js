// What every peer written in JavaScript shares. It reads its answers from the files that the harness
// wrote, and reports the port that it listens on. Plain JavaScript, so that no loader is in the way.

import { readFileSync } from 'node:fs'

/** `[{ limit, headers: [[name, value]], body }]`, the same bytes that our server sends. */
export const answers = JSON.parse(readFileSync(process.argv[2], 'utf8')).answers.map((answer) => ({
  ...answer,
  body: readFileSync(answer.bodyFile),
}))

export const host = '127.0.0.1'

/** Says the port, and ends with whoever started us. */
export const listening = (port) => {
  console.log(`listening ${port}`)
  process.stdin.on('end', () => process.exit(0))
  process.stdin.resume()
}
