// Clients that write at random and remember their answers, and readers that remember the lists
// they saw: the history that check.ts judges.

import { Agent, request } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { signToken } from '../../../lib/accounts/access-token.ts'
import { loopback } from '../../../scripts/stack/ports.ts'
import { testSecret } from '../../settings.ts'
import type { seeded } from '../../seeded.ts'
import type { Listed, ListRead, Operation, Outcome } from './evidence.ts'

type Answer = {
  readonly status: number
  readonly etag: string
  readonly link: string
  readonly text: string
  /** The agent opens another in silence when a process was killed between two requests. */
  readonly socket: Socket
}

export const exchange = (
  agent: Agent,
  port: number,
  method: string,
  path: string,
  body = '',
  user: keyof typeof tokens = 'ann',
  more: Readonly<Record<string, string>> = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${tokens[user]}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...more,
    }
    const sent = request({ agent, port, host: loopback, method, path, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('error', reject)
      const { socket } = response
      response.on('end', () => {
        if (!response.complete) reject(new Error('the answer was cut'))
        else
          resolve({
            status: response.statusCode ?? 0,
            etag: response.headers.etag ?? '',
            link: String(response.headers.link ?? ''),
            text,
            socket,
          })
      })
    })
    sent.setTimeout(answerTimeoutMs, () => sent.destroy(new Error('no answer')))
    sent.on('error', reject)
    sent.end(body)
  })

const tokenTtlSec = 24 * 3_600 // longer than any run
export const tokens = {
  ann: signToken(testSecret, 'ann', tokenTtlSec),
  bob: signToken(testSecret, 'bob', tokenTtlSec),
}
const answerTimeoutMs = 15_000
/** Between two operations of a client: what two cores can apply, and a long run can remember. */
const pauseMs = 60
/** After a refusal it waits longer, as `Retry-After` says. */
const refusedPauseMs = 200
const rememberedMax = 100
/** Todos of a list that are read one by one: the oldest that are there. */
const readOften = 10
/** Enough to be hurt, few enough to be read at a gap. */
const personalOneIn = 10

/** Version of a list; NaN when it names none. */
/** Of a public list: a number, or one for each shard, `none` of one that is missing. '': there is none. */
export const versionsOf = ({ etag }: Answer): string =>
  /^"((?:\d+|none)(?:\.(?:\d+|none))*)-/.exec(etag)?.[1] ?? ''
export const versionOf = ({ etag }: Answer): number => Number(/^"(\d+)-/.exec(etag)?.[1])

/** What an answer that waited for a write says came of it. */
const effects: Readonly<Record<number, string>> = {
  200: 'applied',
  204: 'applied',
  403: 'forbidden',
  404: 'not-found',
  412: 'precondition-failed',
}

const outcomeOf = ({ status, text }: Answer): Outcome => {
  if (status === 202 || status in effects) return 'ok'
  if (status >= 400 && status < 500) return 'fail'
  const notTried = status === 503 && text.includes('"publish":"not-attempted"')
  return notTried ? 'fail' : 'info'
}

export type Clients = {
  readonly operations: readonly Operation[]
  readonly reads: readonly ListRead[]
  /** One that may be there, and one of those who may read it. */
  someTodo(
    random: ReturnType<typeof seeded>,
  ): { readonly path: string; readonly userId: keyof typeof tokens } | undefined
  /** How many operations were answered 202 so far. */
  acknowledged(): number
  /** Resolves when each has finished what it was doing. */
  stop(): Promise<void>
}

export const startClients = (
  port: number,
  counts: { readonly writers: number; readonly readers: number },
  random: ReturnType<typeof seeded>,
): Clients => {
  const operations: Operation[] = []
  const reads: ListRead[] = []
  /** Todos that may be changed; who deletes one takes it out first. */
  const publicTodos: string[] = []
  const personalTodos = { ann: [] as string[], bob: [] as string[] }
  let named = 0
  let acknowledgedCount = 0
  let connections = 0
  let stopped = false

  const operate = async (agent: Agent) => {
    const choice = random.below(10)
    const isPersonal = random.below(personalOneIn) === 0
    const owner = random.below(2) === 0 ? 'bob' : 'ann'
    const todos = isPersonal ? personalTodos[owner] : publicTodos
    const index = random.below(Math.max(1, todos.length))
    const target = todos[index]
    const kind = target === undefined || choice < 3 ? 'create' : choice < 8 ? 'update' : 'delete'
    if (kind === 'delete') todos.splice(index, 1)
    const name = `op-${++named}`
    // Somebody else's attempts too: they are logged, and must have no effect.
    const stranger = kind !== 'create' && random.below(10) === 0 ? 'bob' : 'ann'
    const userId = isPersonal ? owner : stranger
    const fields = {
      title: kind === 'delete' ? undefined : name,
      description: kind !== 'delete' && random.below(2) === 0 ? `of ${name}` : undefined,
      completed: kind === 'update' && random.below(2) === 0 ? random.below(2) === 0 : undefined,
    }
    // One that it may be at: most todos are changed once or twice before they go.
    const ifRevision =
      kind !== 'create' && random.below(4) === 0 ? [1 + random.below(3)] : undefined
    const update = random.below(2) === 0 ? 'PUT' : 'PATCH'
    const list = isPersonal ? '/api/todos' : '/todos'
    const [method, path] =
      kind === 'create'
        ? ['POST', list]
        : [kind === 'update' ? update : 'DELETE', `${list}/${target}`]
    const body = kind === 'delete' ? '' : JSON.stringify(fields)
    const startMs = performance.now()
    const headers = ifRevision
      ? { 'if-match': `"${ifRevision.join()}"`, prefer: 'wait=1' }
      : { prefer: 'respond-async' }
    const answer = await exchange(agent, port, method, path, body, userId, headers).catch(
      () => undefined,
    )
    const outcome = answer ? outcomeOf(answer) : 'info'
    // The id that the answer names, whatever was asked for: the check compares it with the log.
    const answeredId =
      answer && (answer.status === 202 || answer.status === 200)
        ? (JSON.parse(answer.text) as { id: string }).id
        : undefined
    const answered = answer && effects[answer.status]
    if (kind === 'create' && answeredId !== undefined) todos.push(answeredId)
    const todoId = answeredId ?? (kind === 'create' ? undefined : target)
    if (outcome === 'ok') acknowledgedCount++
    const times = { startMs, endMs: performance.now() }
    operations.push({
      kind,
      userId,
      isPersonal,
      todoId,
      ...fields,
      ifRevision,
      ...times,
      outcome,
      answered,
    })
    await delay(outcome === 'ok' ? pauseMs : refusedPauseMs)
  }

  const write = async () => {
    const agent = new Agent({ keepAlive: true })
    while (!stopped) await operate(agent)
    agent.destroy()
  }

  /** Several readers mostly see the same list: it is remembered once. */
  const remembered = new Map<string, Listed[]>()
  const listOf = (text: string): Listed[] => {
    const known = remembered.get(text)
    if (known) return known
    const list = (JSON.parse(text) as Listed[]).map(({ id, title }) => ({ id, title }))
    if (remembered.size === rememberedMax) remembered.clear()
    remembered.set(text, list)
    return list
  }

  const read = async () => {
    // One socket at a time: what a list may not go back on is a connection.
    let agent = new Agent({ keepAlive: true, maxSockets: 1 })
    let connection = ++connections
    let known: Socket | undefined
    while (!stopped) {
      const answer = await exchange(agent, port, 'GET', '/todos?limit=50').catch(() => undefined)
      if (answer?.status === 200) {
        if (answer.socket !== known) connection = ++connections
        known = answer.socket
        reads.push({ connection, version: versionsOf(answer), todos: listOf(answer.text) })
      } else {
        agent.destroy()
        agent = new Agent({ keepAlive: true, maxSockets: 1 })
        connection = ++connections
      }
      await delay(pauseMs)
    }
    agent.destroy()
  }

  const running = [
    ...Array.from({ length: counts.writers }, write),
    ...Array.from({ length: counts.readers }, read),
  ]
  return {
    operations,
    reads,
    someTodo(random) {
      const userId = random.below(2) === 0 ? 'bob' : 'ann'
      const [list, todos] =
        random.below(2) === 0 ? ['/api/todos', personalTodos[userId]] : ['/todos', publicTodos]
      // The newest are changed and deleted as often as the others; few are read often enough.
      const id = todos[random.below(Math.min(todos.length, readOften) || 1)]
      return id === undefined ? undefined : { path: `${list}/${id}`, userId }
    },
    acknowledged: () => acknowledgedCount,
    async stop() {
      stopped = true
      await Promise.all(running)
    },
  }
}
