// What is kept for the next process: TypeScript without its types runs as what Node strips itself, and is
// never of an older file; a module of a package is found where it was.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'

const hooks = fileURLToPath(new URL('quick-start.cjs', import.meta.url))

const setUp = (t: Test) => {
  const directory = t.testdir({ kept: {}, 'main.ts': '' })
  const main = join(directory, 'main.ts')
  const run = (kept = join(directory, 'kept')) =>
    execFileSync(process.execPath, ['--require', hooks, main], {
      env: { QUICK_START_DIRECTORY: kept },
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

t.test('where the modules of packages are is kept', async (t) => {
  const { main, kept, run } = setUp(t)
  writeFileSync(main, "import { parse } from 'yaml'\nconsole.log(parse('a: 1').a, typeof URL)")
  t.equal(run(), '1 function\n')
  const file = join(kept, 'resolutions.json')
  const resolved = JSON.parse(readFileSync(file, 'utf8')) as Record<string, { url: string }>
  const [key = ''] = Object.keys(resolved).filter((one) => one.includes(`${main} yaml `))
  t.match(resolved[key]?.url, '/node_modules/yaml/')
  const other = join(t.testdirName, 'other.mjs')
  writeFileSync(other, 'export const parse = () => ({ a: 2 })')
  writeFileSync(file, JSON.stringify({ ...resolved, [key]: { url: pathToFileURL(other).href } }))
  t.equal(run(), '2 function\n', 'and read by the next')
})
