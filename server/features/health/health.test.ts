// What a server says of its dependencies: to probes the text, to alerts the kind of failure.

import { Registry } from '@prometheus-io/client'
import t from 'tap'
import { NoAnswer, withTimeout } from '../../../lib/runtime/deadline.ts'
import { Degraded, type Dependency } from '../../../lib/runtime/parts.ts'
import { checkAll } from './health.ts'
import { addDependencyMetrics } from './metrics.ts'

const errorOf = (code: string | undefined, cause?: Error) =>
  Object.assign(new Error('it fails', { cause }), code !== undefined && { code })

const dependency = (name: string, check: () => Promise<void>): Dependency => ({
  name,
  without: 'degraded',
  check,
})

t.test('failures are told apart by their kind', async (t) => {
  for (const [error, kind] of [
    [new NoAnswer('no answer within 5 ms'), 'timeout'],
    [errorOf('ETIMEDOUT'), 'timeout'],
    [errorOf('CONNECT_TIMEOUT'), 'timeout'],
    [errorOf('ECONNREFUSED'), 'connection'],
    [errorOf('ENOTFOUND'), 'connection'],
    [errorOf('CONNECTION_LOST'), 'connection'],
    [errorOf(undefined, errorOf('ECONNRESET')), 'connection'],
    [errorOf('25006'), 'other'],
    [errorOf('28P01'), 'other'],
    [errorOf(undefined), 'other'],
  ] as const) {
    const { failures, states } = await checkAll([dependency('one', () => Promise.reject(error))])
    t.same(failures, { one: kind }, error.message)
    t.match(states, { one: `fails: ${error.message}` })
  }
  const hangs = dependency('one', () => withTimeout(1, () => new Promise<void>(() => {})))
  t.same((await checkAll([hangs])).failures, { one: 'timeout' })
})

t.test('what fails in part only degrades, whatever the dependency is to the server', async (t) => {
  const needed = { ...dependency('log', () => Promise.resolve()), without: 'unready' as const }
  const fails = (error: Error) => checkAll([{ ...needed, check: () => Promise.reject(error) }])
  t.match(await fails(new Degraded('half of it')), {
    status: 'degraded',
    states: { log: 'fails: half of it' },
  })
  t.match(await fails(new Error('all of it')), { status: 'unready' })
})

t.test('a scrape asks each dependency, and shows which fails and why', async (t) => {
  let error: Error | undefined = errorOf('ECONNREFUSED')
  const registry = new Registry()
  addDependencyMetrics(registry, [
    dependency('redis', () => (error ? Promise.reject(error) : Promise.resolve())),
    dependency('postgres', () => Promise.resolve()),
    dependency('postgres', () => Promise.resolve()),
  ])
  const failing = async () =>
    [...(await registry.metrics()).matchAll(/^\w+\{dependency="(\w+)",reason="(\w+)"\} (\d)$/gm)]
      .map(([, name, reason, value]) => `${name} ${reason} ${value}`)
      .sort()
  const none = ['postgres', 'redis'].flatMap((name) =>
    ['connection 0', 'other 0', 'timeout 0'].map((rest) => `${name} ${rest}`),
  )
  t.same(await failing(), none.with(3, 'redis connection 1'))
  error = new NoAnswer('no answer')
  t.same(await failing(), none.with(5, 'redis timeout 1'))
  error = undefined
  t.same(await failing(), none)
})
