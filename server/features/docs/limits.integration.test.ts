// What the document's schemas take is what a server takes, at their very edges.

import t from 'tap'
import { startServer } from '../../../scripts/stack/processes.ts'
import { generousTimeouts } from '../../../testing/settings.ts'
import { testDatabase } from '../../../testing/services.ts'
import { bearerOf, environmentOf } from '../../../testing/openapi/ask.ts'
import { document } from '../../../testing/openapi/document.ts'
import { createFaults } from '../../../testing/openapi/document-schemas.ts'
import type { JsonSchema } from '../../../lib/domain/shape.ts'
import { operationsOf } from '../../http/contract/openapi.ts'

const faults = createFaults(document)
/** The status that a schema promises. */
const expect = (schema: JsonSchema, value: unknown, taken: number): number =>
  faults(schema, value).length === 0 ? taken : 400

const schemaOf = (operationId: string, name: string) => {
  const { operation } =
    operationsOf(document).find((one) => one.operation.operationId === operationId) ?? {}
  const found = operation?.parameters?.find((one) => one.name === name)
  if (!found) throw new Error(`${name} has gone`)
  return found.schema
}

const smile = '\u{1F600}'
const bodies = [
  {},
  { title: '' },
  { title: 'x' },
  { title: 'x'.repeat(200) },
  { title: 'x'.repeat(201) },
  { title: smile.repeat(200) },
  { title: smile.repeat(201) },
  { title: 1 },
  { title: null },
  { title: 'x', description: null },
  { title: 'x', description: '' },
  { title: 'a\0' },
  { title: 'x', description: 1 },
  { title: 'x', description: 'x'.repeat(2_000) },
  { title: 'x', description: 'x'.repeat(2_001) },
  { title: '\ud800' },
  { title: '\n' },
  { completed: true },
  { completed: 1 },
  { completed: null },
  { description: 'x' },
  { description: null },
  { description: 'a\0' },
  { other: 1 },
  { title: 'x', other: 1 },
  [],
  null,
  'x',
  1,
]

t.test('what the document takes, and no more, is taken', async (t) => {
  const server = await startServer({
    ...environmentOf('node', await testDatabase(t)),
    ...generousTimeouts,
  })
  t.teardown(() => server.stop())
  const statusOf = async (target: string, init?: RequestInit) =>
    (await fetch(`http://127.0.0.1:${server.port}/todos${target}`, init)).status
  const [name, authorization] = bearerOf('ann').split(': ') as [string, string]
  const headers = { [name]: authorization, 'content-type': 'application/json' }
  const { NewTodo, TodoChange } = document.components.schemas

  for (const body of bodies) {
    const text = JSON.stringify(body)
    const init = { headers, body: text }
    for (const [method, target, schema] of [
      ['POST', '', NewTodo],
      ['PUT', '/a', TodoChange],
    ] as const) {
      if (!schema) throw new Error('the schema has gone')
      const expected = expect(schema, body, 202)
      t.equal(
        await statusOf(target, { ...init, method }),
        expected,
        `${method} ${text.slice(0, 80)}`,
      )
    }
  }

  for (const limit of [-1, 0, 1, 1.5, 1_000, 1_001]) {
    const expected = expect(schemaOf('listTodos', 'limit'), limit, 200)
    t.equal(await statusOf(`?limit=${limit}`), expected, `limit=${limit}`)
  }
  for (const id of ['a', '_-', 'a.b', 'x'.repeat(64), 'x'.repeat(65), '%41']) {
    const expected = expect(schemaOf('readTodo', 'id'), decodeURIComponent(id), 404)
    t.equal(await statusOf(`/${id}`), expected, id)
  }
  for (const key of ['a', '!~', 'a b', 'x'.repeat(255), 'x'.repeat(256)]) {
    const expected = expect(schemaOf('createTodo', 'Idempotency-Key'), key, 202)
    const body = JSON.stringify({ title: 'x' })
    const init = { method: 'POST', headers: { ...headers, 'idempotency-key': key }, body }
    t.equal(await statusOf('', init), expected, key)
  }
})
