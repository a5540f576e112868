// The document by itself: valid OpenAPI 3.1, its examples as its schemas say, and an operation for
// each route, no more and no fewer. That a server answers as it says is in answers.integration.test.ts.

import { readFile } from 'node:fs/promises'
import { Validator } from '@seriousme/openapi-schema-validator'
import t from 'tap'
import { repository } from '../../../scripts/paths.ts'
import { document, endpoints } from '../../../testing/openapi/document.ts'
import { createFaults } from '../../../testing/openapi/document-schemas.ts'
import { templateOf } from '../../http/contract/endpoint.ts'
import type { Media } from '../../http/contract/openapi.ts'
import { listHeadersOf, readCors } from '../../http/cors.ts'
import { operationsOf, takesToken } from '../../http/contract/openapi.ts'

const operations = operationsOf(document)
const asServed = JSON.parse(JSON.stringify(document)) as Record<string, unknown>

t.test('it is OpenAPI 3.1', async (t) => {
  const validator = new Validator()
  const faultsOf = async (one: Record<string, unknown>) => (await validator.validate(one)).errors
  t.equal(await faultsOf(asServed), undefined)
  t.equal(validator.version, '3.1')
  t.ok(await faultsOf({ ...asServed, paths: { todos: {} } }), 'a path without its slash is told')
  t.ok(await faultsOf({ ...asServed, info: { title: 'x' } }), 'a missing version is told')
})

t.test('its version is that of the package', async (t) => {
  const text = await readFile(new URL('package.json', repository), 'utf8')
  t.equal(document.info.version, (JSON.parse(text) as { version: string }).version)
})

t.test('every endpoint is in it once, and nothing else', (t) => {
  t.same(
    operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`).sort(),
    endpoints.map(({ method, path }) => `${method} ${templateOf(path)}`).sort(),
  )
  t.end()
})

t.test('pages of other origins can read each header that it describes', (t) => {
  const listed = listHeadersOf(readCors('*')).at(-1)?.toLowerCase().split(', ') ?? []
  // Those that the Fetch standard always shows, and those that are for caches, proxies and browsers alone.
  const always = [
    'cache-control',
    'content-disposition',
    'content-encoding',
    'cross-origin-opener-policy',
    'cross-origin-resource-policy',
    'referrer-policy',
    'sec-websocket-version',
    'service-worker-allowed',
    'set-cookie',
    'upgrade',
    'vary',
    'x-accel-buffering',
    'x-frame-options',
  ]
  for (const { operation } of operations) {
    for (const { headers = {} } of Object.values(operation.responses)) {
      for (const name of Object.keys(headers).map((one) => one.toLowerCase()))
        t.ok(listed.includes(name) || always.includes(name), name)
    }
  }
  t.ok(listed.includes('etag'))
  t.end()
})

/** What an operation adds, with its share of the components. */
const operationBytesMax = 4_000

t.test('it is small enough to read, and refers to what it has', (t) => {
  const bytes = Buffer.byteLength(JSON.stringify(document)) / operations.length
  t.ok(bytes < operationBytesMax, `${bytes} bytes an operation`)
  const { securitySchemes: _, ...components } = document.components
  for (const [kind, all] of Object.entries(components)) {
    for (const name of Object.keys(all)) {
      const isReferred = JSON.stringify(document).includes(`"#/components/${kind}/${name}"`)
      t.ok(isReferred, `${kind} ${name} is used`)
    }
  }
  t.end()
})

t.test(
  'operations have names of their own, tags that exist, and the parameters of their paths',
  (t) => {
    const names = operations.map(({ operation }) => operation.operationId)
    t.equal(new Set(names).size, names.length)
    const tags = new Set(document.tags.map(({ name }) => name))
    for (const { path, method, operation } of operations) {
      t.ok(operation.tags.every((tag) => tags.has(tag)))
      const inPath = (operation.parameters ?? []).filter((one) => one.in === 'path')
      t.same(
        inPath.map(({ name }) => `{${name}}`),
        path.match(/\{\w+\}/g) ?? [],
        `${method} ${path}`,
      )
    }
    t.end()
  },
)

t.test('its schemas are JSON Schema, and its examples are what they say', (t) => {
  const faults = createFaults(document)
  const checkMedia = ({ schema, examples = {} }: Media, what: string) => {
    for (const [name, { value }] of Object.entries(examples)) {
      t.same(faults(schema, value), [], `${what}, ${name}`)
    }
  }
  for (const { operation } of operations) {
    const { operationId, parameters = [], requestBody, responses } = operation
    for (const { name, schema, example } of parameters) {
      t.same(faults(schema, example), [], `${operationId}, ${name}`)
    }
    for (const media of Object.values(requestBody?.content ?? {})) checkMedia(media, operationId)
    for (const [status, { headers = {}, content = {} }] of Object.entries(responses)) {
      for (const media of Object.values(content)) checkMedia(media, `${operationId} ${status}`)
      for (const { schema } of Object.values(headers)) t.doesNotThrow(() => faults(schema, ''))
    }
  }
  t.not(faults({ $ref: '#/components/schemas/Todo' }, {}).length, 0, 'a wrong one is told')
  t.throws(() => faults({ $ref: '#/components/schemas/None' }, {}), 'so is a wrong reference')
  t.throws(() => faults({ type: 'text' }, ''), 'so is a wrong schema')
  t.end()
})

t.test('each example is what its shape takes', (t) => {
  for (const { operationId, body, responses, params, query } of endpoints) {
    for (const { content, status } of responses) {
      for (const example of content?.examples ?? []) {
        t.doesNotThrow(() => content?.shape.parse(example, ''), `${operationId} ${status}`)
      }
    }
    for (const example of body?.examples ?? []) {
      t.doesNotThrow(() => body?.shape.parse(example, ''), operationId)
    }
    for (const [name, { shape, example }] of Object.entries({ ...params, ...query })) {
      t.doesNotThrow(() => shape.parse(String(example), name), `${operationId} ${name}`)
    }
  }
  t.end()
})

t.test('an answer that needs a token is described where a token is asked for', (t) => {
  // Who asks is in the body, or may be nobody: what is public needs no token.
  const others = new Set([
    'login',
    'refresh',
    'loginWithCookie',
    'refreshWithCookie',
    'openWebSocket',
    'watchChannel',
  ])
  for (const { operation } of operations) {
    const { operationId } = operation
    t.equal(
      '401' in operation.responses,
      takesToken(operation) || others.has(operationId),
      operationId,
    )
  }
  t.end()
})
