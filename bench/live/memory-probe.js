// Loaded into the server that bench:live measures (NODE_OPTIONS=--import): on SIGUSR2 it collects garbage and
// writes down what the process holds. RSS alone hides that: V8 keeps a reserve of free pages, which a
// thousand sockets may fill before the process grows.

import { renameSync, writeFileSync } from 'node:fs'

const directory = new URL(import.meta.url).searchParams.get('directory')

process.on('SIGUSR2', () => {
  // There with --expose-gc. Twice: what waits for a finalizer is free after the second.
  globalThis.gc?.()
  globalThis.gc?.()
  const { rss, heapTotal, heapUsed } = process.memoryUsage()
  const file = `${directory}/${process.pid}.json`
  writeFileSync(`${file}.new`, JSON.stringify({ rss, heapTotal, heapUsed }))
  renameSync(`${file}.new`, file)
})
