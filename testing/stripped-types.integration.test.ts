// TypeScript that is kept without its types: it runs as what Node strips itself, and is never of an
// older file.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'

const hooks = fileURLToPath(new URL('stripped-types.cjs', import.meta.url))

const setUp = (t: Test) => {
  const directory = t.testdir({ kept: {}, 'main.ts': '' })
  const main = join(directory, 'main.ts')
  const run = (kept = join(directory, 'kept')) =>
    execFileSync(process.execPath, ['--require', hooks, main], {
      env: { STRIPPED_TYPES_DIRECTORY: kept },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  return { main, kept: join(directory, 'kept'), run }
}

t.test('what was stripped once is read by the next, until the file changes', async (t) => {
  const { main, kept, run } = setUp(t)
  writeFileSync(main, "const said: string = 'first'\nconsole.log(said)")
  t.equal(run(), 'first\n')
  const [name = ''] = readdirSync(kept)
  const text = readFileSync(join(kept, name), 'utf8')
  t.match(text, /^const said +=/, 'and every column is where it was')
  writeFileSync(join(kept, name), text.replace('first', 'kept'))
  t.equal(run(), 'kept\n')
  writeFileSync(main, "const said: string = 'another'\nconsole.log(said)")
  t.equal(run(), 'another\n')
})

t.test('where nothing can be kept, it is stripped each time', async (t) => {
  const { main, run } = setUp(t)
  writeFileSync(main, 'const said: number = 1\nconsole.log(said)')
  t.equal(run('/no/such/directory'), '1\n')
})
