// Asks a running server for live updates, and holds the answers to the document. For tests.

import type { Test } from 'tap'
import { createAuthClient, loggedIn } from '../auth-client.ts'
import { exchange, open, type Answer } from '../engines/harness.ts'
import type { AnswerCheck } from './answer-check.ts'
import { bearerOf, type Ask } from './ask.ts'

const handshake = [
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]
const channel = '/events?channel=todos'

export const askLive = async (t: Test, ask: Ask, port: number, check: AnswerCheck) => {
  await ask('openWebSocket', 426, '/live')
  await ask('openWebSocket', 426, '/v1/live', { lines: ['Upgrade: websocket'] })
  const lines = (...more: string[]) => ({ lines: [...handshake, ...more] })
  const others = handshake.slice(0, 3)
  await ask('openWebSocket', 400, '/live', { lines: [...others, 'Sec-WebSocket-Key: x'] })
  await ask('openWebSocket', 400, '/live', lines('Sec-WebSocket-Protocol: other'))
  await ask('openWebSocket', 400, '/live?token=x', lines())
  await ask('openWebSocket', 401, '/live', lines('Sec-WebSocket-Protocol: todos.v1, bearer.x'))
  await ask('openWebSocket', 403, '/live', lines('Origin: https://evil.example'))

  const found = await ask('getAsyncApi', 200, '/asyncapi.json')
  const tag = found.head.find((line) => line.startsWith('ETag: '))?.slice(6)
  await ask('getAsyncApi', 304, '/asyncapi.json', { lines: [`If-None-Match: ${tag}`] })
  await ask('getAsyncApi', 400, '/asyncapi.json?x=1')

  check.check(t, 'watchChannel', await begun(port))
  const head = `HEAD ${channel} HTTP/1.1\r\nHost: a\r\n\r\n`
  const [answer] = await exchange(port, head, { isHead: true })
  if (answer) check.check(t, 'watchChannel', answer, true)
  await ask('watchChannel', 400, '/events')
  await ask('watchChannel', 400, channel, { lines: ['Last-Event-ID: x'] })
  await ask('watchChannel', 401, '/events?channel=mine')
  await ask('watchChannel', 401, '/events?channel=mine', { lines: ['Authorization: Bearer x'] })
  await ask('watchChannel', 404, '/events?channel=nothing')
  await ask('watchChannel', 404, '/events?channel=team:x', { lines: [bearerOf('ann')] })

  const client = createAuthClient(port)
  const owner = await loggedIn(client, 'owner@live.example')
  const invited = await loggedIn(client, 'invited@live.example')
  const team = (await client.send('POST', '/api/teams', owner.accessToken, { name: 'x' })).member(
    'id',
  )
  const email = { email: 'invited@live.example' }
  await client.send('POST', `/api/teams/${team}/invitations`, owner.accessToken, email)
  const token = [`Authorization: Bearer ${invited.accessToken}`]
  await ask('watchChannel', 403, `/events?channel=team:${team}`, { lines: token })
}

/** The answer to a stream, as far as its first event. */
const begun = async (port: number): Promise<Answer> => {
  const socket = await open(port)
  socket.write(`GET ${channel} HTTP/1.1\r\nHost: a\r\n\r\n`)
  let text = ''
  for await (const chunk of socket) {
    text += String(chunk)
    if (text.includes('subscribed')) break
  }
  socket.destroy()
  const end = text.indexOf('\r\n\r\n')
  return { status: 200, head: text.slice(0, end).split('\r\n'), body: text.slice(end + 4) }
}

export const askLiveOverLimit = async (ask: Ask): Promise<void> => {
  await ask('openWebSocket', 429, '/live')
  await ask('watchChannel', 429, channel)
  await ask('getAsyncApi', 429, '/asyncapi.json')
}

export const askLiveWithout = (ask: Ask): Promise<unknown> =>
  ask('watchChannel', 503, '/events?channel=team:3f0e6f6c-6a1b-4c5e-9b59-5f5b6c1d2e3f', {
    lines: [bearerOf('ann')],
  })
