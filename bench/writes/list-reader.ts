// Reads the longest list again and again, as one client that knows the ETag of the last does, and shows
// it to the sightings.

import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { loopback } from '../../scripts/stack/ports.ts'
import type { Sightings } from './sightings.ts'

export type ListReader = {
  readsPerSecond(): number
  stop(): Promise<void>
}

const path = '/todos?limit=1000'
/** Between two reads: the error of every latency, and a load that the server does not feel. */
const pauseMs = 5

export const startListReader = (port: number, sightings: Pick<Sightings, 'list'>): ListReader => {
  const agent = new Agent({ keepAlive: true })
  const startMs = performance.now()
  let reads = 0
  let isOver = false

  const read = (etag: string) =>
    new Promise<{ status: number; etag: string; text: string }>((resolve, reject) => {
      const headers = etag === '' ? {} : { 'if-none-match': etag }
      const sent = request({ agent, port, host: loopback, path, headers }, (response) => {
        let text = ''
        // What is looked for is ASCII.
        response.setEncoding('latin1')
        response.on('data', (chunk: string) => (text += chunk))
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, etag: response.headers.etag ?? '', text }),
        )
      })
      sent.on('error', reject)
      sent.end()
    })

  const run = async () => {
    let etag = ''
    while (!isOver) {
      try {
        const answer = await read(etag)
        reads++
        if (answer.status === 200) {
          const nowMs = Number(process.hrtime.bigint()) / 1e6
          etag = answer.etag
          sightings.list(answer.text, nowMs, Date.now() - nowMs)
        }
      } catch {
        // The server is down: what it then does not show stays unseen, and that is reported.
      }
      await delay(pauseMs)
    }
  }
  const running = run()
  return {
    readsPerSecond: () => (reads * 1000) / (performance.now() - startMs),
    async stop() {
      isOver = true
      await running
      agent.destroy()
    },
  }
}
