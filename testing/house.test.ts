// The rules of the house hold, and each of them can be broken.

import { fileURLToPath } from 'node:url'
import t from 'tap'
import { repository } from '../scripts/paths.ts'
import { faultsOf, importsOf, readImports, rules } from './house.ts'

/**
 * Imports that break a rule and are still to be moved. An entry that is no longer needed fails the
 * test, so the list only gets shorter.
 */
const debts: ReadonlySet<string> = new Set([
  'lib/todo-store/postgres.ts imports lib/rate-limit/postgres.ts',
  'server/features/docs/openapi/personal-operations.ts imports server/features/todos/personal-todos.ts',
  'server/features/docs/openapi/schemas.ts imports server/features/todos/personal-todos.ts',
  'server/http/router.ts imports server/limits/limits.ts',
])

t.test('every import keeps the rules of the house', async (t) => {
  const imports = readImports(fileURLToPath(repository))
  t.ok(imports.length > 500, 'the files were read')
  const faults = faultsOf(imports)
  const found = new Set(faults.map((fault) => fault.split(':')[0] ?? ''))
  for (const fault of faults) t.ok(debts.has(fault.split(':')[0] ?? ''), fault)
  for (const debt of debts) t.ok(found.has(debt), `no longer needed, take it out: ${debt}`)
})

/** For each rule, a file and a line of it that break that rule alone. */
const breaches: readonly (readonly [rule: string, file: string, line: string])[] = [
  ['lib is layered: domain, runtime, drivers, seams', 'lib/domain/todo.ts', '../runtime/log.ts'],
  ['a room of lib imports no neighbour', 'lib/rate-limit/redis.ts', '../todo-store/postgres.ts'],
  ['a client library is imported in its driver only', 'lib/accounts/postgres.ts', 'postgres'],
  [
    'a transport knows no feature and no seam',
    'server/http/router.ts',
    '../features/todos/read-todo.ts',
  ],
  [
    'a feature imports no other feature',
    'server/features/todos/read-todo.ts',
    '../accounts/sessions.ts',
  ],
  [
    'what features stand on imports no feature',
    'server/identity/authenticate.ts',
    '../features/accounts/sessions.ts',
  ],
  [
    'server, worker and bench do not import each other',
    'worker/todos/sink.ts',
    '../../server/x.ts',
  ],
  ['bench takes from lib the domain only', 'bench/target.ts', '../lib/runtime/log.ts'],
  ['nothing that ships imports testing', 'scripts/seed.ts', '../testing/eventually.ts'],
  ['nobody imports what puts the parts together', 'server/http/cors.ts', '../fork.ts'],
]

t.test('each rule can be broken, and the fault names file, rule and advice', async (t) => {
  t.same(new Set(breaches.map(([rule]) => rule)), new Set(rules.map(({ name }) => name)))
  for (const [name, file, specifier] of breaches) {
    const rule = rules.find((one) => one.name === name)
    const faults = faultsOf(importsOf(file, `import { x } from '${specifier}'\n`))
    const fault = faults.find((one) => one.includes(name)) ?? ''
    t.match(fault, file, name)
    t.match(fault, rule?.advice ?? 'no such rule', name)
  }
})

t.test('imports are found in each form', async (t) => {
  const forms = [
    "import { a } from './a.ts'",
    "import type { A } from './a.ts'",
    "import './a.ts'",
    "export { a } from './a.ts'",
    "const a = await import('./a.ts')",
    "type A = import('./a.ts').A",
    "const a = require('./a.ts')",
  ]
  for (const form of forms) {
    t.same(importsOf('lib/domain/b.ts', form), [
      { from: 'lib/domain/b.ts', to: 'lib/domain/a.ts', isOurs: true },
    ])
  }
  t.same(importsOf('lib/domain/b.ts', "// import './a.ts'\nconst text = 'from ./a.ts'"), [])
})
