// An error that nobody catches fails the test that it is of, at once, and the others go on.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const hooks = fileURLToPath(new URL('light-domains.cjs', import.meta.url))

const fixture = `
import t from 'tap'
import { Domain } from 'async-hook-domain'
const never = () => new Promise(() => {})
t.test('good', async (t) => t.pass())
t.test('late', async () => {
  setTimeout(() => { throw new Error('thrown late') }, 1)
  await never()
})
t.test('outer', async (t) => {
  await t.test('inner', async () => {
    setImmediate(() => Promise.reject(new Error('not caught')))
    await never()
  })
  await t.test('behind it', async (t) => t.pass())
})
t.test('last', async (t) => t.pass())
const domain = new Domain(() => {})
console.log('# replaced:', 'isDestroyed' in domain)
domain.destroy()
`

const only = process.versions.node.startsWith('22.') ? {} : { skip: 'Node 22 only' }

t.test('an uncaught error is of the test that it comes from', only, (t) => {
  const file = join(t.testdir({ 'fixture.test.ts': fixture }), 'fixture.test.ts')
  const { stdout, status } = spawnSync(process.execPath, ['--require', hooks, file], {
    env: { PATH: process.env['PATH'] },
    encoding: 'utf8',
  })
  t.equal(status, 1)
  const verdicts = stdout
    .split('\n')
    .flatMap((line) => /^ *(not ok|ok) \d+ - (.*?)( #.*)?$/.exec(line)?.slice(1, 3).join(' ') ?? [])
    .filter((verdict) => !verdict.includes('unnamed'))
  t.same(
    verdicts,
    [
      'ok good',
      'not ok thrown late',
      'not ok late',
      'not ok not caught',
      'not ok inner',
      'ok behind it',
      'not ok outer',
      'ok last',
    ],
    stdout,
  )
  t.match(stdout, '# replaced: true')
  t.end()
})
