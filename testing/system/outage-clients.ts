// What the outage test asks a server, each time on a new connection, until every process has answered.

import type { Test } from 'tap'
import { signToken } from '../../lib/accounts/access-token.ts'
import { eventually, startTimeoutMs } from '../eventually.ts'
import { testSecret } from '../settings.ts'

export const askingOf = (port: number) => {
  const url = `http://127.0.0.1:${port}`
  const token = signToken(testSecret, 'ann', 3_600)
  let made = 0
  /** A connection for each request: a kept one would ask the same process again. */
  const onAnother = { Connection: 'close' }
  const post = async () => {
    const title = `todo ${++made}`
    const response = await fetch(`${url}/todos`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
        ...onAnother,
      },
      body: JSON.stringify({ title }),
    })
    const body = (await response.json()) as { publish?: string }
    return { title, status: response.status, retryAfter: response.headers.get('retry-after'), body }
  }
  const read = async () => {
    const response = await fetch(`${url}/todos?limit=10`, { headers: onAnother })
    return {
      status: response.status,
      titles: ((await response.json()) as { title: string }[]).map((todo) => todo.title),
    }
  }
  const ready = async () => {
    const response = await fetch(`${url}/ready`, { headers: onAnother })
    const body = (await response.json()) as { status: string; dependencies: Record<string, string> }
    return { code: response.status, ...body }
  }
  /** So often in a row that every process was asked. */
  const timesInARow = <T>(isSo: (seen: T) => boolean) => {
    let times = 0
    return (seen: T) => {
      times = isSo(seen) ? times + 1 : 0
      return times >= 10
    }
  }
  const isReady = () =>
    eventually(
      ready,
      timesInARow(({ status }) => status === 'ready'),
      startTimeoutMs,
    )
  /** Written, and then seen first in the list, by every process. */
  const writeIsSeen = async () => {
    const { title, status, body } = await post()
    if (status !== 202) throw new Error(`a write got ${status}: ${JSON.stringify(body)}`)
    await eventually(
      read,
      timesInARow(({ titles }) => titles[0] === title),
      startTimeoutMs,
    )
  }
  const isDegraded = async (t: Test) => {
    const seen = await eventually(
      ready,
      timesInARow(({ status }) => status === 'degraded'),
    )
    t.match(seen, { code: 200, dependencies: { redis: /^fails: /, postgres: 'ok' } })
  }
  return { post, read, ready, timesInARow, isReady, isDegraded, writeIsSeen }
}
