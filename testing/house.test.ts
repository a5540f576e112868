// The rules of the house hold, and each of them can be broken.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { repository } from '../scripts/paths.ts'
import { nameFaultsOf, readPaths } from './house-files.ts'
import { faultsOf, readHouse, rules } from './house.ts'
import { readReferences } from './references.ts'

const root = fileURLToPath(repository)

/**
 * Imports that break a rule and are still to be moved. An entry that is no longer needed fails the
 * test, so the list only gets shorter.
 */
const debts: ReadonlySet<string> = new Set([])

t.test('every import keeps the rules of the house', async (t) => {
  const references = readHouse(root)
  t.ok(references.length > 500, 'the files were read')
  const faults = faultsOf(references)
  const found = new Set(faults.map((fault) => fault.split(':')[0] ?? ''))
  for (const fault of faults) t.ok(debts.has(fault.split(':')[0] ?? ''), fault)
  for (const debt of debts) t.ok(found.has(debt), `no longer needed, take it out: ${debt}`)
})

t.test('every file is in a room and has a name that says what is in it', async (t) => {
  const paths = readPaths(root)
  t.ok(paths.length > 500, 'the folders were read')
  t.same(nameFaultsOf(paths), [])
})

/** For each rule, lines of a file that break that rule and no other. */
const breaches: readonly (readonly [rule: string, file: string, ...lines: string[]])[] = [
  [
    'lib is layered: domain, runtime, drivers, seams',
    'lib/runtime/log.ts',
    "import { connectPostgres } from '../drivers/postgres/pool.ts'",
    "export type { Todo } from '../accounts/accounts.ts'",
    "import type { Engine } from '../../server/http/engines/engine.ts'",
    "import { seed } from '../../bench/target.ts'",
  ],
  ['the domain is pure', 'lib/domain/todo.ts', "import { readFile } from 'node:fs'"],
  [
    'a room of lib imports no neighbour',
    'lib/rate-limit/redis.ts',
    "import { x } from '../todo-store/postgres.ts'",
  ],
  [
    'a room of lib imports no neighbour',
    'lib/drivers/redis/connection.ts',
    "import { x } from '../postgres/pool.ts'",
  ],
  [
    'a client library is imported in its folder only',
    'lib/accounts/postgres.ts',
    "import postgres from 'postgres'",
    "import type { Sql } from 'postgres'",
    "import { createRequest } from 'kafkajs/src/network/socket'",
  ],
  [
    'what is deployed imports only what is installed there',
    'server/process/supervisor.ts',
    "import { repository } from '../../scripts/paths.ts'",
    "import ts from 'typescript'",
  ],
  [
    'a transport knows no seam',
    'server/http/router.ts',
    "import type { Limiter } from '../../lib/rate-limit/failover.ts'",
  ],
  [
    'server has floors: http and process, identity, limits, features',
    'server/http/router.ts',
    "import { readTodo } from '../features/todos/read-todo.ts'",
    "import type { Limits } from '../limits/limits.ts'",
    "import { ports } from '../process/ports.ts'",
    "import { x } from '../a-new-room/x.ts'",
  ],
  [
    'server has floors: http and process, identity, limits, features',
    'server/identity/authenticate.ts',
    "import { checkLimits } from '../limits/limits.ts'",
    "import { x } from '../features/accounts/sessions.ts'",
  ],
  [
    'a feature imports no other feature',
    'server/features/todos/read-todo.ts',
    "import { x } from '../accounts/sessions.ts'",
  ],
  [
    'programs do not import each other',
    'worker/todos/sink.ts',
    "import { x } from '../../server/http/problem.ts'",
    "fork(fileURLToPath(new URL('../../server/thread.ts', import.meta.url)))",
    "fork('bench/run.ts')",
  ],
  [
    'bench takes from lib the domain only',
    'bench/target.ts',
    "import { createLog } from '../lib/runtime/log.ts'",
    "export * from '../lib/rate-limit/policy.ts'",
  ],
  [
    'nothing that ships imports testing',
    'scripts/seed.ts',
    "import { eventually } from '../testing/eventually.ts'",
    "import t from 'tap'",
    "import { measure } from '../lib/rate-limit/decisions.bench.ts'",
  ],
  [
    'nothing that ships imports testing',
    'k8s/render.ts',
    "import { render } from '../testing/k8s/render.ts'",
  ],
  [
    'only what composes opens a store',
    'server/features/todos/read-todo.ts',
    "import { createPostgresStore } from '../../../lib/todo-store/postgres.ts'",
    "import { openListCache } from '../../../lib/list-cache/open.ts'",
  ],
  [
    'nobody imports what puts the parts together',
    'server/http/cors.ts',
    "import { startFork } from '../fork.ts'",
  ],
  [
    'what is imported can be read where it is imported',
    'bench/load/load.ts',
    'const engine = await import(`./${name}.ts`)',
    'const engine = require(name)',
    "import { createRequire } from 'node:module'",
  ],
]

t.test('each rule can be broken, and the fault names file, rule and advice', async (t) => {
  t.same(new Set(breaches.map(([rule]) => rule)), new Set(rules.map(({ name }) => name)))
  for (const [name, file, ...lines] of breaches) {
    const { advice } = rules.find((rule) => rule.name === name) ?? { advice: 'no such rule' }
    for (const line of lines) {
      const faults = faultsOf(readReferences(file, `${line}\n`))
      t.equal(faults.length, 1, `${file}: ${line}`)
      const fault = faults.join()
      t.ok(fault.startsWith(`${file} imports `), fault)
      t.ok(fault.endsWith(`: ${name}; ${advice}`), fault)
    }
  }
})

t.test('what the rules allow is no fault', async (t) => {
  const allowed = [
    ['server/limits/limits.ts', "import { x } from '../identity/authenticate.ts'"],
    ['server/features/todos/write.ts', "import { x } from '../../limits/limits.ts'"],
    [
      'server/features/todos/write.ts',
      "import type { X } from '../../../lib/todo-store/postgres.ts'",
    ],
    ['server/realtime/sockets.ts', "import { x } from '../http/cors.ts'"],
    ['server/fork.ts', "import { x } from '../lib/todo-store/postgres.ts'"],
    ['server/main.ts', "import { x } from './fork.ts'"],
    ['lib/drivers/kafka/client.ts', "import { x } from 'kafkajs/src/network/socket'"],
    ['scripts/start.ts', "fork(fileURLToPath(new URL('server/main.ts', repository)))"],
    ['bench/target.ts', "import type { Todo } from '../lib/domain/todo.ts'"],
  ] as const
  for (const [file, line] of allowed) t.same(faultsOf(readReferences(file, line)), [], line)
})

t.test('references are found in each form', async (t) => {
  const forms = {
    import: [
      "import { a } from './a.ts'",
      "import './a.ts'",
      "import { type A, a } from './a.ts'",
      "export { a } from './a.ts'",
      "const a = await import('./a.ts')",
      'const a = await import(`./a.ts`)',
      "import a = require('./a.ts')",
      "const a = require('./a.ts')",
    ],
    type: ["import type { A } from './a.ts'", "type B = import('./a.ts').A"],
    path: [
      "new URL('a.ts', import.meta.url)",
      "new Worker(new URL('./a.ts', import.meta.url))",
      "require.resolve('./a.ts')",
      "createRequire(import.meta.url)('./a.ts')",
      "join(import.meta.dirname, './a.ts')",
      "new URL('lib/domain/a.ts', repository)",
    ],
  }
  for (const [how, lines] of Object.entries(forms)) {
    for (const line of lines) {
      const expected = [{ from: 'lib/domain/b.ts', to: 'lib/domain/a.ts', isOurs: true, how }]
      t.same(readReferences('lib/domain/b.ts', line), expected, line)
    }
  }
  const inJsDoc = "/** @import { A } from './a.ts' */\n/** @type {import('./b.ts').B} */\n"
  t.same(
    readReferences('lib/domain/c.cjs', inJsDoc).map(({ to, how }) => [to, how]),
    [
      ['lib/domain/a.ts', 'type'],
      ['lib/domain/b.ts', 'type'],
    ],
  )
  t.same(
    readReferences('bench/b.ts', 'new URL(`../server/${name}.ts`, import.meta.url)')[0]?.to,
    'server/',
    'a path that is put together counts as its folder',
  )
  t.same(readReferences('lib/domain/b.ts', "// import './a.ts'\nconst text = 'from ./a.ts'"), [])
})

t.test('names that the house does not take', async (t) => {
  for (const path of [
    'src/todo.ts',
    'lib/Todo.ts',
    'lib/todo_store.ts',
    'bench/utils.ts',
    'server/http/helpers/escape.ts',
    'lib/common.test.ts',
  ]) {
    t.equal(nameFaultsOf([path]).length, 1, path)
  }
  t.same(nameFaultsOf(['README.md', 'testing/kit/gate.integration.test.ts', 'sql/001-a.sql']), [])
})

t.test('every folder but hidden and installed ones is read', async (t) => {
  const directory = t.testdir()
  for (const file of ['web/page.ts', 'node_modules/x/x.ts', '.data/x.ts', 'lib/x.cjs']) {
    await mkdir(join(directory, file, '..'), { recursive: true })
    await writeFile(join(directory, file), "import '../testing/x.ts'")
  }
  t.same(readPaths(directory), ['lib/x.cjs', 'web/page.ts'])
  t.same(
    readHouse(directory).map(({ from, to }) => [from, to]),
    [
      ['lib/x.cjs', 'testing/x.ts'],
      ['web/page.ts', 'testing/x.ts'],
    ],
  )
})
