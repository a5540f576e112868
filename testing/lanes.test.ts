// A test's name says what it needs: a unit test starts no service and no process, by no import.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { repository } from '../scripts/paths.ts'
import { longest, neverRetried, laneOf, listTests } from './lanes.ts'
import { readReferences, type Reference } from './references.ts'

const root = fileURLToPath(repository)

/** The kit is imported by most of them. */
const known = new Map<string, readonly Reference[]>()
const readFile = (file: string): readonly Reference[] => {
  const path = join(root, file)
  const read = () => (existsSync(path) ? importsOf(file, readFileSync(path, 'utf8')) : [])
  const imports = known.get(file) ?? read()
  known.set(file, imports)
  return imports
}
const importsOf = (file: string, text: string): readonly Reference[] =>
  readReferences(file, text).filter(({ how }) => how === 'import')

const starters: readonly string[] = [
  'scripts/stack/service.ts',
  'scripts/stack/processes.ts',
  'testing/services.ts',
  'testing/gate.ts',
]
/** Shipping code may be able to start a process; a unit test of it does not make it. */
const ships = /^(lib|server|worker)\/.*(?<!\.test)\.ts$/
const starts = ({ from, to }: Reference): boolean =>
  starters.includes(to) || (to === 'node:child_process' && !ships.test(from))

/** The first import, of the file itself or of what it imports, that starts something. */
const findStarter = (
  file: string,
  read: (file: string) => readonly Reference[] = readFile,
): Reference | undefined => {
  const files = new Set([file])
  for (const one of files) {
    const imports = read(one)
    const starter = imports.find(starts)
    if (starter) return starter
    for (const { to, isOurs } of imports) if (isOurs) files.add(to)
  }
  return undefined
}

const adviceFor = (file: string, { from, to }: Reference): string =>
  `${file} is a unit test, and ${from === file ? 'imports' : `${from}, which it needs, imports`} ${to}: ` +
  `call it ${file.replace(/test\.ts$/, 'integration.test.ts')} if it tests one part against a real ` +
  'service, or ….system.test.ts if it runs whole processes'

t.test('a unit test starts no service and no process', async (t) => {
  const files = listTests(root).filter((file) => laneOf(file) === 'unit')
  t.ok(files.length > 40, 'the files were found')
  for (const file of files) {
    const starter = findStarter(file)
    t.equal(starter && adviceFor(file, starter), undefined, file)
  }
})

t.test('what starts something is found, through others too', async (t) => {
  const house: Readonly<Record<string, string>> = {
    'lib/a.test.ts': "import { part } from './part.ts'\nimport { kit } from '../testing/kit.ts'",
    'lib/part.ts': "import { fork } from 'node:child_process'",
    'testing/kit.ts': "import { ownRedis } from './services.ts'",
    'lib/b.test.ts': "import { part } from './part.ts'",
    'lib/c.test.ts': "import { spawn } from 'node:child_process'",
  }
  const read = (file: string) => importsOf(file, house[file] ?? '')
  const starter = findStarter('lib/a.test.ts', read)
  t.match(starter, { from: 'testing/kit.ts', to: 'testing/services.ts' })
  const advice = starter && adviceFor('lib/a.test.ts', starter)
  t.match(advice, 'testing/kit.ts, which it needs, imports testing/services.ts')
  t.match(advice, 'call it lib/a.integration.test.ts')
  t.equal(findStarter('lib/b.test.ts', read), undefined)
  t.match(findStarter('lib/c.test.ts', read), { to: 'node:child_process' })
})

t.test('a lane is told by the name', async (t) => {
  for (const [file, lane] of [
    ['lib/a.test.ts', 'unit'],
    ['lib/a.integration.test.ts', 'integration'],
    ['lib/a.system.test.ts', 'system'],
    ['testing/system/a.test.ts', 'system'],
    ['testing/a.test.ts', 'unit'],
    ['bench/a.test.ts', 'bench'],
  ] as const) {
    t.equal(laneOf(file), lane, file)
  }
  t.strictSame(listTests(root), [...new Set(listTests(root))], 'each file is in one lane')
})

t.test('each hunt is there', async (t) => {
  for (const file of neverRetried)
    t.ok(
      listTests(root).some((one) => one.startsWith(file)),
      file,
    )
})

t.test('the longest are there, and come first in their lane', async (t) => {
  const files = listTests(root).filter((file) => laneOf(file) === 'integration')
  t.strictSame(files.slice(0, longest.length), longest)
})
