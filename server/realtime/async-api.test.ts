// The AsyncAPI document is one, and says of every message what is checked of it.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import Ajv, { type AnySchema } from 'ajv'
import addFormats from 'ajv-formats'
import t from 'tap'
import { createChannelKinds } from '../features/index.ts'
import { userChannel } from '../../lib/domain/event.ts'
import { asyncApiOf } from './async-api.ts'
import { createChannels } from './channels.ts'
import {
  clientMessages,
  gap,
  parseMessage,
  pong,
  presence,
  presenceChange,
  presenceUnknown,
  reconnect,
  serverMessages,
  subscribed,
  typing,
  unsubscribed,
  welcome,
} from './protocol.ts'
import { LiveEvent } from './live-event.ts'

const kinds = createChannelKinds({
  store: {} as never,
  teams: {} as never,
  shares: {} as never,
})
const document = asyncApiOf(kinds, '1.0.0', 'https://api.example/base')

const compile = (schema: unknown) => {
  const ajv = new Ajv.default({ strict: false, allErrors: true, validateFormats: false })
  addFormats.default(ajv)
  return ajv.compile(schema as AnySchema)
}

t.test('the document is AsyncAPI 3.0', async (t) => {
  const path = createRequire(import.meta.url).resolve(
    '@asyncapi/specs/schemas/3.0.0-without-$id.json',
  )
  const isAsyncApi = compile(JSON.parse(readFileSync(path, 'utf8')))
  const plain = JSON.parse(JSON.stringify(document)) as Record<string, unknown>
  t.ok(isAsyncApi(plain), JSON.stringify(isAsyncApi.errors?.slice(0, 5)))
  t.notOk(isAsyncApi({ ...plain, info: {} }), 'and the check can fail')
  t.same(document.servers, {
    public: { host: 'api.example', protocol: 'wss', pathname: '/base' },
  })
  t.equal(asyncApiOf(kinds, '1.0.0', '').servers, undefined)
})

t.test('every reference leads somewhere', async (t) => {
  const text = JSON.stringify(document)
  const references = [...text.matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) => path)
  t.ok(references.length > 20)
  for (const path of references) {
    let at: unknown = document
    for (const step of path.split('/')) at = (at as Record<string, unknown>)[step]
    t.type(at, 'object', path)
  }
})

t.test('what is sent is as described', async (t) => {
  const at = { epoch: 'e1', number: 7 }
  const sent: Record<string, Buffer> = {
    welcome: welcome({ heartbeatMs: 1, subscriptionsMax: 2, messageBytesMax: 3 }),
    subscribed: subscribed('a', 'todos', at, 7),
    event: new LiveEvent('todos', at, '{"kind":"created"}').message,
    gap: gap('todos', at, 7),
    unsubscribed: unsubscribed(undefined, 'todos', 'access-ended'),
    presence: presence('team:1', { users: ['ann'], count: 1 }),
    'presence-change': presenceChange('team:1', { joined: ['ann'], left: [], count: 1 }),
    'presence-unknown': presenceUnknown('team:1'),
    'presence-typing': typing('team:1', 'ann', undefined),
    reconnect: reconnect(7),
    pong: pong('a'),
  }
  for (const [name, bytes] of Object.entries(sent)) {
    const validate = compile(document.components.messages[name]?.payload)
    t.ok(validate(JSON.parse(bytes.toString())), `${name}: ${JSON.stringify(validate.errors)}`)
  }
  t.equal(
    Object.keys(serverMessages).length,
    Object.keys(sent).length + 2,
    'authenticated, problem',
  )
})

t.test('what is taken is as described', async (t) => {
  const taken = [
    { type: 'authenticate', token: 'x' },
    { type: 'subscribe', channel: 'todos', since: 'e1.7', id: 'a', presence: true },
    { type: 'unsubscribe', channel: 'todos' },
    { type: 'typing', channel: 'team:1', todo_id: 'todo-1' },
    { type: 'ping' },
  ]
  t.equal(taken.length, Object.keys(clientMessages).length)
  for (const message of taken) {
    const validate = compile(document.components.messages[message.type]?.payload)
    t.ok(validate(message), message.type)
    t.equal(parseMessage(JSON.stringify(message)).type, message.type)
    const { type } = message
    const broken = type === 'ping' ? { type, id: ' ' } : { type }
    t.notOk(validate(broken), `${type}, broken`)
    t.throws(() => parseMessage(JSON.stringify(broken)), { name: 'Problem' })
  }
})

t.test('channels are found by their names', async (t) => {
  const channels = createChannels(kinds)
  t.equal(await channels.resolve(undefined, 'todos'), 'todos')
  const ann = { userId: 'ann', sessionId: undefined }
  t.equal(await channels.resolve(ann, 'mine'), 'user:ann')
  const odd = { userId: 'auth0|ann "A"', sessionId: undefined }
  t.equal(await channels.resolve(odd, 'mine'), userChannel(odd.userId), 'as its events are told')
  await t.rejects(channels.resolve(undefined, 'mine'), { message: /send a token/ })
  for (const name of ['', 'todo', 'todosx', 'Mine', 'team', 'user:ann', '__proto__'])
    await t.rejects(channels.resolve(ann, name), { message: /no such channel/ }, name)
  const present = kinds.filter(({ hasPresence }) => hasPresence)
  t.same(
    present.map(({ name, needsToken }) => ({ name, needsToken })),
    [{ name: 'team:{id}', needsToken: true }],
    'nobody is present without a name',
  )
  t.equal(channels.hasPresence('team:x'), true)
  t.equal(channels.hasPresence('todos'), false)
  for (const name of ['team:', 'team:x', 'team:../x'])
    await t.rejects(channels.resolve(ann, name), { message: 'no such team' }, name)
})
