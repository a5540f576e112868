// Where nothing is to be traced, nothing of OpenTelemetry's SDK is loaded.

import { registerHooks } from 'node:module'
import { pino } from 'pino'
import t from 'tap'
import { readConfig } from '../../runtime/config/config.ts'
import { createTraceCounts } from '../../runtime/tracing.ts'

const wanted = new Set<string>()
registerHooks({
  resolve(specifier, context, next) {
    wanted.add(specifier)
    return next(specifier, context)
  },
})
const sdk = () => [...wanted].filter((one) => /^@opentelemetry\/(?!api$)/.test(one))

t.test('the SDK is loaded for an endpoint, and for nothing else', async (t) => {
  await import('../../../server/fork.ts')
  const { openTracing } = await import('./open.ts')
  const open = (env: NodeJS.ProcessEnv) => {
    const config = readConfig({ JWT_SECRET: 'x'.repeat(32), ...env }, 'server')
    return openTracing(config, 'test', createTraceCounts(), pino({ level: 'silent' }))
  }
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }
  t.equal(await open({}), undefined)
  t.equal(await open({ ...endpoint, OTEL_SDK_DISABLED: 'true' }), undefined)
  t.same(sdk(), [])
  t.ok(wanted.has('ioredis'), 'what a server process imports was looked at')

  const tracing = await open({ ...endpoint, OTEL_TRACES_SAMPLER: 'always_off' })
  t.ok(sdk().length > 0)
  const span = tracing?.start({ name: 'a', kind: 'server', attributes: {} })
  t.equal(span?.traceparent, undefined, 'not sampled')
  span?.end()
  await tracing?.close()
})

t.test('settings of OpenTelemetry that are none of ours are nobody’s mistake', (t) => {
  for (const name of ['OTEL_SERVICE_NAME', 'OTEL_TRACES_EXPORTER', 'OTEL_BSP_SCHEDULE_DELAY']) {
    t.doesNotThrow(() => readConfig({ JWT_SECRET: 'x'.repeat(32), [name]: 'x' }, 'server'), name)
  }
  t.throws(
    () =>
      readConfig(
        { JWT_SECRET: 'x'.repeat(32), OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' },
        'server',
      ),
    /OTEL_EXPORTER_OTLP_ENDPOINT is "collector:4318"/,
  )
  t.end()
})
