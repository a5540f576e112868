// The uws engine in a process of its own, for slow-clients.integration.test.ts: reports how much memory it used.

import { silentLog } from '../settings.ts'
import { freePort } from '../../scripts/stack/ports.ts'
import { createReady, createReply } from '../../server/http/engines/engine.ts'
import { createUwsEngine } from '../../server/http/engines/uws/uws.ts'

const large = createReady(createReply(200, [], Buffer.alloc(200_000, 'x')))
const engine = await createUwsEngine(
  { ready: () => () => large, handle: () => large },
  { connectionsMax: 100, unsentBytesMax: 16_000_000 },
  silentLog,
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
