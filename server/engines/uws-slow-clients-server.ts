// The uws engine in a process of its own, for slow-clients.test.ts: tells how much memory it took.

import { quiet } from '../../scripts/testing.ts'
import { freePort } from '../../scripts/services/ports.ts'
import { createReady, createReply } from './engine.ts'
import { createUwsEngine } from './uws.ts'

const large = createReady(createReply(200, [], Buffer.alloc(200_000, 'x')))
const engine = await createUwsEngine(
  { ready: () => () => large, handle: () => large },
  { connectionsMax: 100, unsentBytesMax: 16_000_000 },
  quiet,
)
const port = await freePort()
await engine.listen('127.0.0.1', port)

let highestBytes = 0
setInterval(() => {
  highestBytes = Math.max(highestBytes, process.memoryUsage.rss())
}, 5)
process.on('message', () => {
  highestBytes = Math.max(highestBytes, process.memoryUsage.rss())
  process.send?.({ port, highestBytes })
})
