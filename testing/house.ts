// The rules of the house, read from the imports themselves: who may import whom. A rule that no test
// holds is a wish. Each rule says what is wrong with one import, and what to do instead.

import { readFileSync } from 'node:fs'
import { join } from 'node:path/posix'
import { repository } from '../scripts/paths.ts'
import { isSource, readPaths } from './house-files.ts'
import { readReferences, type Reference } from './references.ts'

export type Rule = {
  readonly name: string
  readonly isBroken: (one: Reference) => boolean
  readonly advice: string
}

/** Client libraries and engines, and the one folder that each may be imported in. */
const folderOf: Readonly<Record<string, readonly string[]>> = {
  postgres: ['lib/drivers/postgres/'],
  ioredis: ['lib/drivers/redis/'],
  kafkajs: ['lib/drivers/kafka/'],
  nodemailer: ['lib/drivers/mail/'],
  '@opentelemetry/api': ['lib/drivers/otel/'],
  '@opentelemetry/core': ['lib/drivers/otel/'],
  '@opentelemetry/sdk-trace': ['lib/drivers/otel/'],
  '@opentelemetry/resources': ['lib/drivers/otel/'],
  '@opentelemetry/exporter-trace-otlp-http': ['lib/drivers/otel/'],
  ws: ['server/http/engines/node/'],
  '@connectrpc/connect': ['server/grpc/'],
  '@connectrpc/connect-node': ['server/grpc/'],
  '@bufbuild/protobuf': ['server/grpc/', 'scripts/docs/'],
  'uWebSockets.js': ['server/http/engines/uws/', 'bench/peers/'],
}

/** The files that put the parts together; nobody imports them. */
const composers: readonly string[] = [
  'server/main.ts',
  'server/fork.ts',
  'server/features/index.ts',
  'worker/main.ts',
]

/** The docs are printed from every endpoint, as they are composed. */
const describer = 'scripts/docs/endpoints.ts'
/** Its library is loaded when it is first used, by a require() that is read as an import is. */
const lateLoader = 'lib/drivers/kafka/kafkajs.ts'

const programs = ['server/', 'worker/', 'bench/', 'web/'] as const
const transports = ['server/http/', 'server/realtime/', 'server/grpc/'] as const
/** Rooms of the server that know nobody of the server, and what stands on them, from below. */
const serverFloors = [
  [...transports, 'server/process/'],
  ['server/identity/'],
  ['server/limits/'],
  ['server/features/'],
] as const
const libFloors = ['lib/domain/', 'lib/runtime/', 'lib/drivers/', 'lib/'] as const
const [domain, , drivers] = libFloors

/** What runs where it is deployed: without tests, benchmarks, scripts and what only they need. */
const deployed = ['lib/', 'server/', 'worker/'] as const
const { dependencies } = JSON.parse(
  readFileSync(new URL('package.json', repository), 'utf8'),
) as Readonly<Record<'dependencies', Readonly<Record<string, string>>>>

export const rules: readonly Rule[] = [
  {
    name: 'lib is layered: domain, runtime, drivers, seams',
    isBroken: ({ from, to, isOurs }) =>
      isOurs && from.startsWith('lib/') && !(libFloorOf(to) <= libFloorOf(from)),
    advice: 'move what both need down: to the domain, the runtime or a driver',
  },
  {
    name: 'the domain is pure',
    isBroken: ({ from, isOurs }) => !isOurs && from.startsWith(domain),
    advice: 'take what it gives as a parameter',
  },
  {
    name: 'a room of lib imports no neighbour',
    isBroken: ({ from, to, isOurs }) =>
      isOurs &&
      libFloorOf(from) >= libFloorOf(drivers) &&
      libFloorOf(from) === libFloorOf(to) &&
      roomOf(from) !== roomOf(to),
    advice: 'move what both need down, or take it as a parameter with a type of your own',
  },
  {
    name: 'a client library is imported in its folder only',
    isBroken: ({ from, to, isOurs }) =>
      !isOurs && Object.hasOwn(folderOf, to) && !startsWithOneOf(from, folderOf[to] ?? []),
    advice: 'go through lib/drivers/, which fences the faults of the library',
  },
  {
    name: 'what is deployed imports only what is installed there',
    isBroken: ({ from, to, isOurs, how }) =>
      how === 'import' &&
      startsWithOneOf(from, deployed) &&
      (isOurs
        ? to.startsWith('scripts/')
        : !to.startsWith('node:') && !Object.hasOwn(dependencies, to)),
    advice: 'move what both need to lib, or the package to "dependencies"',
  },
  {
    name: 'a transport knows no seam',
    isBroken: ({ from, to, isOurs }) =>
      isOurs && startsWithOneOf(from, transports) && libFloorOf(to) >= libFloorOf(drivers),
    advice: 'let the feature register with the transport, or take a function as a parameter',
  },
  {
    name: 'server has floors: http and process, identity, limits, features',
    isBroken: ({ from, to, isOurs }) =>
      isOurs &&
      [from, to].every((one) => one.startsWith('server/') && !composers.includes(one)) &&
      roomOf(from) !== roomOf(to) &&
      !(serverFloorOf(to) < serverFloorOf(from)) &&
      !(startsWithOneOf(from, transports) && startsWithOneOf(to, transports)) &&
      !(from.startsWith('server/features/') && to.startsWith('server/features/')),
    advice: 'take it as a parameter, and hand it over in server/fork.ts',
  },
  {
    name: 'a feature imports no other feature',
    isBroken: ({ from, to, isOurs }) =>
      isOurs &&
      from.startsWith('server/features/') &&
      to.startsWith('server/features/') &&
      !composers.includes(from) &&
      roomOf(from) !== roomOf(to),
    advice: 'move what both need to the domain, or let it travel as an event',
  },
  {
    name: 'programs do not import each other',
    isBroken: ({ from, to, isOurs }) =>
      isOurs &&
      startsWithOneOf(from, programs) &&
      startsWithOneOf(to, programs) &&
      topOf(from) !== topOf(to),
    advice: 'move what both need to lib; scripts/stack/ starts processes',
  },
  {
    name: 'bench takes from lib the domain only',
    isBroken: ({ from, to, isOurs }) =>
      isOurs && from.startsWith('bench/') && to.startsWith('lib/') && !to.startsWith(domain),
    advice: 'ask the system through HTTP, its processes or its metrics page, or use scripts/stack/',
  },
  {
    name: 'nothing that ships imports testing',
    isBroken: ({ to, isOurs }) =>
      isOurs ? to.startsWith('testing/') || isOfTests(to) : to === 'tap',
    advice: 'move what both need to the code that ships, or what only tests need to testing/',
  },
  {
    name: 'only what composes opens a store',
    isBroken: ({ from, to, how }) =>
      how === 'import' &&
      startsWithOneOf(from, ['server/', 'worker/']) &&
      !composers.includes(from) &&
      /^lib\/[^/]+\/(open\.|postgres\.|redis\.|kafka\/)/.test(to) &&
      libFloorOf(to) > libFloorOf(drivers),
    advice: "take the seam's interface as a parameter, and open it in fork.ts or worker/main.ts",
  },
  {
    name: 'nobody imports what puts the parts together',
    isBroken: ({ from, to, how }) =>
      how !== 'path' &&
      composers.includes(to) &&
      !composers.includes(from) &&
      !(from === describer && to === 'server/features/index.ts'),
    advice: 'take it as a parameter',
  },
  {
    name: 'what is imported can be read where it is imported',
    isBroken: ({ from, to }) =>
      to === '(computed)' ||
      (to === 'node:module' && from !== lateLoader && !from.startsWith('scripts/')),
    advice: 'write the path or the package as a text: no createRequire, no computed import()',
  },
]

/** One line for each broken rule: the file, the rule, and what to do. */
export const faultsOf = (references: readonly Reference[]): string[] =>
  references.flatMap((one) =>
    rules
      .filter((rule) => rule.isBroken(one))
      .map((rule) => `${one.from} imports ${one.to}: ${rule.name}; ${rule.advice}`),
  )

/** What every file that ships refers to. Tests and benchmarks of one part import what they like. */
export const readHouse = (root: string): Reference[] =>
  readPaths(root)
    .filter((file) => isSource(file) && file.includes('/') && !file.startsWith('testing/'))
    .filter((file) => !isOfTests(file))
    .flatMap((file) => readReferences(file, readFileSync(join(root, file), 'utf8')))

const isOfTests = (file: string): boolean => /\.(test|bench|contract)\.ts$/.test(file)

/** NaN outside of lib, which is on no floor. */
const libFloorOf = (file: string): number => floorOf(file, libFloors)

/** NaN for a room that is on none of the floors. */
const serverFloorOf = (file: string): number => floorOf(file, serverFloors)

const floorOf = (file: string, floors: readonly (string | readonly string[])[]): number => {
  const floor = floors.findIndex((rooms) => startsWithOneOf(file, [rooms].flat()))
  return floor === -1 ? NaN : floor
}

/** The folder that is one thing: a driver, a seam, a feature. */
const roomOf = (file: string): string => {
  const depth = /^(lib\/drivers|server\/features)\//.test(file) ? 3 : 2
  return file.split('/').slice(0, depth).join('/')
}

const topOf = (file: string): string => file.split('/')[0] ?? ''

const startsWithOneOf = (file: string, starts: readonly string[]): boolean =>
  starts.some((start) => file.startsWith(start))
