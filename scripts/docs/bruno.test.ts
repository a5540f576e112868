// The Bruno collection is what the document says today: each operation once, and no file besides.

import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { operationsOf, takesToken } from '../../server/http/contract/openapi.ts'
import { repository } from '../paths.ts'
import { brunoCollection } from './bruno.ts'
import { document } from './endpoints.ts'

const folder = 'docs/bruno'
const files = brunoCollection(document, folder)

t.test('it is current', async (t) => {
  const found = readdirSync(new URL(folder, repository), { recursive: true, withFileTypes: true })
  t.equal(found.filter((one) => one.isFile()).length, files.length, 'run npm run docs:print')
  for (const { path, text } of files) {
    t.ok(readFileSync(new URL(path, repository), 'utf8') === text, `${path}: npm run docs:print`)
  }
})

t.test('each operation is in it once', async (t) => {
  for (const { method, path, operation } of operationsOf(document)) {
    const named = files.filter((one) => one.path.endsWith(`/${operation.operationId}.bru`))
    t.equal(named.length, 1, operation.operationId)
    const text = named[0]?.text ?? ''
    t.ok(text.includes(`\n${method} {\n  url: {{url}}${path.replaceAll(/\{(\w+)\}/g, ':$1')}`))
    t.equal(text.includes('token: {{token}}'), takesToken(operation))
  }
})
