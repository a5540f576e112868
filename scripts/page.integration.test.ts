// The page is built where it is missing, and a build that fails says why.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { buildPageIfMissing } from './page.ts'

const rootWith = (t: Test, scripts: object) =>
  t.testdir({ 'package.json': JSON.stringify({ scripts }), web: {} })

t.test('it is built once', async (t) => {
  const script = 'mkdir -p web/dist && echo page > web/dist/index.html'
  const root = rootWith(t, { 'build:web': script })
  t.equal(await buildPageIfMissing(root)?.failure, undefined)
  t.equal(await readFile(join(root, 'web', 'dist', 'index.html'), 'utf8'), 'page\n')
  t.equal(buildPageIfMissing(root), undefined, 'it is there')
})

t.test('a build that fails says why', async (t) => {
  const reasons = { 'echo no such module >&2; exit 1': 'no such module', 'exit 3': 'it ended: 3' }
  for (const [script, reason] of Object.entries(reasons))
    t.equal(await buildPageIfMissing(rootWith(t, { 'build:web': script }))?.failure, reason)
  t.equal(buildPageIfMissing(rootWith(t, {})), undefined, 'nothing can build it')
})
