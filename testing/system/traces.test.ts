// A write that is traced, on each command log: one trace from the request that came with a traceparent to
// the transaction that applied it and its announcement. Lists from memory and probes make no span.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { signToken } from '../../lib/accounts/access-token.ts'
import { seed } from '../../scripts/seed.ts'
import { startServer, startWorker } from '../../scripts/stack/processes.ts'
import { scrape } from '../../scripts/stack/scrape.ts'
import { testDatabase, testStacks, testTopic } from '../services.ts'
import { generousTimeouts, testSecret } from '../settings.ts'

type Attribute = { readonly key: string; readonly value: Readonly<Record<string, unknown>> }
type OtlpSpan = {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly attributes: readonly Attribute[]
  readonly links?: readonly { readonly spanId: string }[]
}
type Export = {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] }
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[]
  }[]
}

/** A collector: what it was sent, each span with the service that it is of. */
const startCollector = async (t: Test) => {
  const spans: (OtlpSpan & { readonly service: string })[] = []
  const server = createServer((request, response) => {
    void (json(request) as Promise<Export>).then(({ resourceSpans }) => {
      for (const { resource, scopeSpans } of resourceSpans) {
        const service = String(valuesOf(resource.attributes)['service.name'])
        for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
          spans.push({ ...span, service })
        }
      }
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans }
}

const valuesOf = (attributes: readonly Attribute[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const parentId = '00f067aa0ba902b7'

for (const [name, openStack] of Object.entries(testStacks)) {
  t.test(`${name}: one trace from the request to the announcement`, async (t) => {
    const stack = await openStack(t)
    if (!stack) return
    const collector = await startCollector(t)
    const databaseUrl = await testDatabase(t)
    await seed({ databaseUrl, count: 20 }, () => {})
    const topic = testTopic()
    const environment = {
      ...stack,
      DATABASE_URL: databaseUrl,
      KAFKA_TODO_TOPIC: topic,
      JWT_SECRET: testSecret,
      LOG_LEVEL: 'warn',
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: '0',
      HTTP_PROCESSES: '1',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      ...generousTimeouts,
    }
    const server = await startServer(environment)
    const worker = await startWorker({ ...environment, OTEL_SERVICE_NAME: 'applier' })
    const origin = `http://127.0.0.1:${server.port}`
    const write = (flags: string) =>
      fetch(`${origin}/todos`, {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${signToken(testSecret, 'ann', 60)}`,
          'Content-Type': 'application/json',
          Prefer: 'wait=20',
          traceparent: `00-${traceId}-${parentId}-${flags}`,
        },
        body: '{"title":"traced"}',
      })
    t.equal((await write('00')).status, 201, 'one whose client does not sample')
    t.equal((await write('01')).status, 201)
    for (const path of ['/todos?limit=10', '/todos?limit=10', '/health']) {
      t.equal((await fetch(origin + path)).status, 200, path)
    }
    const ready = 'http_server_ready_requests_total'
    t.equal((await scrape(server.metricsPort)).total(ready), 2, 'both from memory')
    await Promise.all([server.stop(), worker.stop()])

    const system = stack['COMMAND_LOG'] === 'postgres' ? 'postgresql' : 'kafka'
    const named = (name: string) => {
      const found = collector.spans.filter((one) => one.name === name)
      t.equal(found.length, 1, `one span ${name}`)
      return found[0] as (typeof found)[0]
    }
    const request = named('POST /todos')
    const send = named(`send ${topic}`)
    const process = named(`process ${topic}`)
    const apply = named(`apply ${topic}`)
    const announce = named('announce')
    t.equal(collector.spans.length, 5, 'and no others')
    t.same(new Set(collector.spans.map((one) => one.traceId)), new Set([traceId]))
    t.equal(request.parentSpanId, parentId)
    t.equal(send.parentSpanId, request.spanId)
    t.equal(process.parentSpanId, send.spanId)
    t.equal(apply.parentSpanId, send.spanId)
    t.match(process.links, [{ spanId: apply.spanId }])
    t.equal(announce.parentSpanId, apply.spanId)
    t.match(collector.spans.map(({ name, service, kind }) => [name, service, kind]).sort(), [
      ['POST /todos', 'todos-server', 2],
      ['announce', 'applier', 4],
      [`apply ${topic}`, 'applier', 5],
      [`process ${topic}`, 'applier', 5],
      [`send ${topic}`, 'todos-server', 4],
    ])
    t.match(valuesOf(request.attributes), {
      'http.request.method': 'POST',
      'http.route': '/todos',
      'http.response.status_code': 201,
      'url.path': '/todos',
    })
    t.match(valuesOf(send.attributes), {
      'messaging.system': system,
      'messaging.destination.name': topic,
    })
    t.match(valuesOf(process.attributes), { 'todos.command.outcome': 'applied' })
    t.equal(server.output() + worker.output(), '')
  })
}
