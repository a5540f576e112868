// How long after its 202 a todo is in the list, at a fixed rate of writes. It is an open loop: writes
// leave on time however slow the answers are.

import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { loopback } from '../../scripts/stack/ports.ts'

export type Visibility = {
  /** From the 202 to the first list that holds it, as one reader sees lists. */
  readonly latenciesMs: readonly number[]
  readonly written: number
  /** Answers other than a 202. */
  readonly failed: number
  /** Acknowledged, and not seen in any list until the end. */
  readonly unseen: number
}

const readEveryMs = 5
const settleMs = 3_000

export const measureVisibility = async (options: {
  readonly port: number
  readonly token: string
  readonly perSecond: number
  readonly seconds: number
}): Promise<Visibility> => {
  const { port, token, perSecond, seconds } = options
  const agent = new Agent({ keepAlive: true })
  const acknowledgedAt = new Map<string, number>()
  /** A list may show a todo before its 202 has come back. */
  const seenAt = new Map<string, number>()
  let failed = 0

  const exchange = (method: string, path: string, headers: Record<string, string>, body = '') =>
    new Promise<{ status: number; etag: string; text: string }>((resolve, reject) => {
      const sent = request({ agent, port, host: loopback, method, path, headers }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (text += chunk))
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, etag: response.headers.etag ?? '', text }),
        )
      })
      sent.on('error', reject)
      sent.end(body)
    })

  const write = async (n: number) => {
    const body = JSON.stringify({ title: `visible ${n}` })
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': String(body.length),
    }
    const { status, text } = await exchange('POST', '/todos', headers, body)
    if (status === 202)
      acknowledgedAt.set((JSON.parse(text) as { id: string }).id, performance.now())
    else failed++
  }

  let isOver = false
  const read = async () => {
    let known = ''
    while (!isOver) {
      const { status, etag, text } = await exchange('GET', '/todos?limit=1000', {
        ...(known && { 'if-none-match': known }),
      })
      if (status === 200) {
        known = etag
        const now = performance.now()
        for (const [, id = ''] of text.matchAll(/"id":"([^"]+)"/g)) {
          if (!seenAt.has(id)) seenAt.set(id, now)
        }
      }
      await delay(readEveryMs)
    }
  }

  const reading = read()
  const writes: Promise<void>[] = []
  const startMs = performance.now()
  for (let n = 0; n < perSecond * seconds;) {
    const due = Math.floor(((performance.now() - startMs) / 1000) * perSecond)
    for (; n < Math.min(due, perSecond * seconds); n++) writes.push(write(n))
    await delay(1)
  }
  await Promise.all(writes)
  const deadline = performance.now() + settleMs
  const unseen = () => [...acknowledgedAt.keys()].filter((id) => !seenAt.has(id)).length
  while (unseen() > 0 && performance.now() < deadline) await delay(50)
  isOver = true
  await reading
  agent.destroy()
  const latenciesMs = [...acknowledgedAt].flatMap(([id, at]) => {
    const seen = seenAt.get(id)
    return seen === undefined ? [] : [Math.max(0, seen - at)]
  })
  return { latenciesMs, written: writes.length, failed, unseen: unseen() }
}
