// Scenarios are read whole or refused with what to put right; the command line overrides them.

import t from 'tap'
import { parseOptions } from './options.ts'
import { parseScenario, readScenario, scenarioNames } from './scenario.ts'

const least = { description: 'd', loads: [{ connections: 1, seconds: 1 }] }

void t.test('every scenario of the folder can be read', (t) => {
  const names = scenarioNames()
  for (const name of [
    'headline',
    'keepalive',
    'ladder',
    'limit-1000',
    'mixed',
    'quick',
    'writes',
  ]) {
    t.ok(names.includes(name), name)
  }
  for (const name of names) t.equal(readScenario(name).name, name)
  t.same(readScenario('headline').loads, [
    { connections: 2000, pipelining: 80, seconds: 60, ratePerSecond: null },
  ])
  t.same(
    readScenario('ladder').loads.map(
      ({ connections, pipelining }) => `${connections}x${pipelining}`,
    ),
    ['200x10', '1000x40', '2000x80'],
  )
  t.equal(readScenario('headline').services, 'auto', 'real services where they are')
  t.end()
})

const refused: readonly (readonly [object, RegExp])[] = [
  [{ ...least, loads: [] }, /loads: a list/],
  [{ ...least, conections: 5 }, /conections: not one of/],
  [{ ...least, loads: [{ connections: 0, seconds: 1 }] }, /connections: a whole number from 1/],
  [{ ...least, loads: [{ connections: 1, seconds: 1, depth: 3 }] }, /depth: not one of/],
  [{ ...least, engine: 'bun' }, /engine: one of node, uws, not "bun"/],
  [{ ...least, settings: { DB_POOL_SIZE: 5 } }, /settings.DB_POOL_SIZE: a text/],
  [{ ...least, generator: 'open-loop' }, /ratePerSecond: the open loop needs one/],
  [{ ...least, loads: [{ connections: 1, seconds: 1, ratePerSecond: 9 }] }, /only with/],
  [{ loads: least.loads }, /description: a text/],
]
void t.test('a mistake is named', (t) => {
  for (const [json, message] of refused) t.throws(() => parseScenario('x', json), { message })
  t.throws(() => readScenario('nope'), { message: /no scenario "nope": there are .*headline/ })
  t.end()
})

void t.test('the command line overrides', (t) => {
  const { scenario, origin } = parseOptions(
    ['--scenario', 'headline', '-c', '100', '-p', '8', '-d', '5', '--engine', 'uws'].concat([
      '--processes',
      '3',
      '-t',
      '2',
      '--nginx',
      'none',
      '--set',
      'REDIS_POOL_SIZE=3',
    ]),
    { DB_POOL_SIZE: '50', DATABASE_URL: 'not to be taken', JWT_SECRET: 'nor this' },
  )
  t.same(scenario.loads, [{ connections: 100, pipelining: 8, seconds: 5, ratePerSecond: null }])
  t.same(scenario.settings, { DB_POOL_SIZE: '50', REDIS_POOL_SIZE: '3' })
  t.match(scenario, { engine: 'uws', processes: 3, generatorThreads: 2, nginx: 'none' })
  t.equal(origin, null)
  t.end()
})

void t.test('a rate is an open loop, and a URL is taken apart', (t) => {
  const { scenario, origin } = parseOptions(
    ['--scenario', 'keepalive', '--rate', '500', '--url', 'http://h:81/todos?limit=3'],
    {},
  )
  t.equal(scenario.generator, 'open-loop')
  t.equal(scenario.loads[0]?.ratePerSecond, 500)
  t.equal(origin, 'http://h:81')
  t.equal(scenario.path, '/todos?limit=3')
  t.equal(parseOptions(['--url', 'http://h:81'], {}).scenario.path, '/todos?limit=10')
  t.equal(parseOptions(['--generator', 'wrk'], {}).scenario.loads[0]?.ratePerSecond, null)
  t.end()
})

void t.test('what is not understood is refused', (t) => {
  const refuses = (args: string[], message: RegExp) =>
    t.throws(() => parseOptions(args, {}), { message })
  refuses(['--url', 'ftp://x'], /--url: http/)
  refuses(['--url', 'https://x'], /--url: http/)
  refuses(['-c', 'many'], /--connections: a whole number, not "many"/)
  refuses(['--set', 'JWT_SECRET=x'], /no setting that can be given here/)
  refuses(['--set', 'DB_POOL=x'], /no setting that can be given here/)
  refuses(['--colour'], /colour/)
  t.end()
})
