// The rules of the house, read from the imports themselves: who may import whom. A rule that no test
// holds is a wish. Each rule says what is wrong with one import, and what to do instead.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path/posix'
import ts from 'typescript'

export type Import = {
  /** The importing file, from the root of the repository. */
  readonly from: string
  /** The imported file, or the name of a package or of a module of Node. */
  readonly to: string
  readonly isOurs: boolean
}

export type Rule = {
  readonly name: string
  readonly isBroken: (one: Import) => boolean
  readonly advice: string
}

/** Client libraries of services, and the one folder that each may be imported in. */
const driverOf: Readonly<Record<string, string>> = {
  postgres: 'lib/drivers/postgres/',
  ioredis: 'lib/drivers/redis/',
  kafkajs: 'lib/drivers/kafka/',
}

/** The files that put the parts together; nobody imports them. */
const composers = [
  'server/main.ts',
  'server/fork.ts',
  'server/features/index.ts',
  'worker/main.ts',
] as const

const programs = ['server', 'worker', 'bench'] as const
const transports = ['server/http/', 'server/realtime/', 'server/grpc/'] as const

export const rules: readonly Rule[] = [
  {
    name: 'lib is layered: domain, runtime, drivers, seams',
    isBroken: ({ from, to, isOurs }) =>
      isOurs && from.startsWith('lib/') && levelOf(to) > levelOf(from),
    advice: 'move what both need down: to the domain, the runtime or a driver',
  },
  {
    name: 'a room of lib imports no neighbour',
    isBroken: ({ from, to, isOurs }) =>
      isOurs &&
      levelOf(from) >= level.driver &&
      levelOf(from) === levelOf(to) &&
      roomOf(from) !== roomOf(to),
    advice: 'move what both need down, or take it as a parameter with a type of your own',
  },
  {
    name: 'a client library is imported in its driver only',
    isBroken: ({ from, to, isOurs }) =>
      !isOurs && driverOf[to] !== undefined && !from.startsWith(driverOf[to]),
    advice: 'go through lib/drivers/, which fences the faults of the library',
  },
  {
    name: 'a transport knows no feature and no seam',
    isBroken: ({ from, to, isOurs }) =>
      isOurs &&
      startsWithOneOf(from, transports) &&
      (levelOf(to) >= level.driver ||
        (to.startsWith('server/') && !startsWithOneOf(to, transports))),
    advice: 'let the feature register with the transport, or take a function as a parameter',
  },
  {
    name: 'a feature imports no other feature',
    isBroken: ({ from, to, isOurs }) =>
      isOurs &&
      from.startsWith('server/features/') &&
      to.startsWith('server/features/') &&
      !isComposer(from) &&
      roomOf(from) !== roomOf(to),
    advice: 'move what both need to the domain, or let it travel as an event',
  },
  {
    name: 'what features stand on imports no feature',
    isBroken: ({ from, to, isOurs }) =>
      isOurs &&
      /^server\/(identity|limits|process)\//.test(from) &&
      to.startsWith('server/features/'),
    advice: 'take it as a parameter, and hand it over in server/fork.ts',
  },
  {
    name: 'server, worker and bench do not import each other',
    isBroken: ({ from, to, isOurs }) =>
      isOurs &&
      programs.some((one) => from.startsWith(`${one}/`)) &&
      programs.some((one) => to.startsWith(`${one}/`)) &&
      topOf(from) !== topOf(to),
    advice: 'move what both need to lib; a benchmark knows the system from outside',
  },
  {
    name: 'bench takes from lib the domain only',
    isBroken: ({ from, to, isOurs }) =>
      isOurs && from.startsWith('bench/') && to.startsWith('lib/') && !to.startsWith('lib/domain/'),
    advice: 'ask the system through HTTP, its processes or its metrics page, or use scripts/stack/',
  },
  {
    name: 'nothing that ships imports testing',
    isBroken: ({ to, isOurs }) => isOurs && to.startsWith('testing/'),
    advice: 'move what both need to the code that ships, or to scripts/stack/',
  },
  {
    name: 'nobody imports what puts the parts together',
    isBroken: ({ from, to, isOurs }) => isOurs && isComposer(to) && !isComposer(from),
    advice: 'take it as a parameter',
  },
]

/** One line for each broken rule: the file, the rule, and what to do. */
export const faultsOf = (imports: readonly Import[]): string[] =>
  imports.flatMap((one) =>
    rules
      .filter((rule) => rule.isBroken(one))
      .map((rule) => `${one.from} imports ${one.to}: ${rule.name}; ${rule.advice}`),
  )

/** The imports of every file that ships. Tests and benchmarks of one part may import everything. */
export const readImports = (root: string): Import[] =>
  ['lib', 'server', 'worker', 'bench', 'scripts']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
        join(folder, file),
      ),
    )
    .filter((file) => ships(file))
    .sort()
    .flatMap((file) => importsOf(file, readFileSync(join(root, file), 'utf8')))

export const importsOf = (from: string, text: string): Import[] =>
  ts
    .preProcessFile(text, true, true)
    .importedFiles.map(({ fileName }) =>
      fileName.startsWith('.')
        ? { from, to: join(dirname(from), fileName), isOurs: true }
        : { from, to: fileName, isOurs: false },
    )

const ships = (file: string): boolean =>
  /\.(ts|js|cjs)$/.test(file) &&
  !/\.(test|bench)\.ts$/.test(file) &&
  !file.includes('/node_modules/')

const level = { domain: 0, runtime: 1, driver: 2, seam: 3 } as const

/** -1 outside of lib. */
const levelOf = (file: string): number => {
  if (!file.startsWith('lib/')) return -1
  if (file.startsWith('lib/domain/')) return level.domain
  if (file.startsWith('lib/runtime/')) return level.runtime
  return file.startsWith('lib/drivers/') ? level.driver : level.seam
}

/** The folder that is one thing: a driver, a seam, a feature. */
const roomOf = (file: string): string => {
  const depth = /^(lib\/drivers|server\/features)\//.test(file) ? 3 : 2
  return file.split('/').slice(0, depth).join('/')
}

const topOf = (file: string): string => file.slice(0, file.indexOf('/'))

const isComposer = (file: string): boolean => composers.some((one) => one === file)

const startsWithOneOf = (file: string, folders: readonly string[]): boolean =>
  folders.some((folder) => file.startsWith(folder))
