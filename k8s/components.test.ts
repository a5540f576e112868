// The components for clusters with operators and with a mesh: what each changes of production is sound,
// and it changes nothing else.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { readConfig } from '../lib/runtime/config/config.ts'
import { at, changes } from '../testing/k8s/changes.ts'
import { isFields, type Fields, type Manifest, type Value } from '../testing/k8s/render.ts'
import { endpoints } from '../testing/openapi/document.ts'
import { found, isPart, portsOf, readOverlay } from '../testing/k8s/workloads.ts'

const production = readOverlay('overlays/production')
const operators = readOverlay('overlays/operators')
const istio = readOverlay('overlays/istio')

const object = (all: readonly Manifest[], kind: string, name: string): Manifest =>
  found(
    all.find((one) => one.kind === kind && one.metadata.name === name),
    `${kind} ${name}`,
  )

void t.test('the operators get their objects, and one autoscaler goes', async (t) => {
  t.strictSame(changes(operators.manifests, production.manifests), [
    'HorizontalPodAutoscaler worker',
    'PodMonitor todos',
    'PrometheusRule todos',
    'ScaledObject worker',
  ])
  t.notOk(operators.all('HorizontalPodAutoscaler').some((one) => one.metadata?.name === 'worker'))
})

void t.test('every pod with metrics is scraped, where it listens', async (t) => {
  const monitor = object(operators.manifests, 'PodMonitor', 'todos')
  const { key, values } = at('spec.selector.matchExpressions.0', monitor) as Fields
  const port = at('spec.podMetricsEndpoints.0.port', monitor) as string
  const path = at('spec.podMetricsEndpoints.0.path', monitor)
  for (const workload of operators.workloads) {
    const isScraped = (values as readonly Value[]).includes(workload.labels[key as string] ?? '')
    t.equal(isScraped, portsOf(workload).has(port), workload.name)
    if (!isScraped) continue
    const pod = operators.one('Deployment', workload.name).spec?.template.metadata
    t.equal(pod?.annotations?.['prometheus.io/path'], path)
  }
})

void t.test('the operator gets the alerts that are documented', async (t) => {
  const rule = object(operators.manifests, 'PrometheusRule', 'todos')
  const file = readFileSync(new URL('monitoring/alerts.yaml', import.meta.url), 'utf8')
  t.strictSame(rule['spec'], parse(file))
})

void t.test('KEDA scales workers as the autoscaler did', async (t) => {
  const scaled = object(operators.manifests, 'ScaledObject', 'worker')
  const before = found(production.one('HorizontalPodAutoscaler', 'worker').spec, 'spec')
  t.equal(at('spec.scaleTargetRef.name', scaled), before.scaleTargetRef.name)
  t.equal(at('spec.minReplicaCount', scaled), before.minReplicas)
  t.equal(at('spec.fallback.replicas', scaled), before.minReplicas)
  t.equal(at('spec.maxReplicaCount', scaled), before.maxReplicas)
  t.strictSame(at('spec.advanced.horizontalPodAutoscalerConfig.behavior', scaled), before.behavior)
  const metric = found(before.metrics?.[0]?.pods, 'metric')
  t.equal(at('spec.triggers.0.metadata.query', scaled), `sum(${metric.metric.name})`)
  t.equal(at('spec.triggers.0.metadata.threshold', scaled), metric.target.averageValue)
  t.equal(at('spec.triggers.0.metricType', scaled), metric.target.type)
})

void t.test('the mesh changes the ways in, and nothing of the programs', async (t) => {
  t.strictSame(changes(istio.manifests, production.manifests), [
    'ConfigMap todos-settings',
    'Gateway api',
    'Ingress api',
    'Ingress api-grpc',
    'Namespace todos',
    'NetworkPolicy api',
    'NetworkPolicy istiod',
    'PeerAuthentication api',
    'PeerAuthentication default',
    'PeerAuthentication worker',
    'Service api',
    'Service kafka',
    'Service postgres',
    'Service redis',
    'VirtualService api',
  ])
  t.strictSame(istio.all('Ingress'), [])
  const trusted = istio.settings['TRUSTED_PROXIES'] ?? ''
  t.ok(trusted.endsWith(`,${production.settings['TRUSTED_PROXIES']}`))
  const env = { ...istio.settings, JWT_SECRET: 'x'.repeat(32) }
  t.doesNotThrow(() => readConfig(env, 'server'))
})

void t.test('every port but that of the metrics asks for a certificate', async (t) => {
  const policies = istio.manifests.filter(({ kind }) => kind === 'PeerAuthentication')
  for (const one of policies) t.equal(at('spec.mtls.mode', one), 'STRICT')
  for (const workload of istio.workloads) {
    const own = policies.find(({ spec }) => {
      const labels = isFields(spec) && isFields(spec['selector']) && spec['selector']['matchLabels']
      return labels && isPart(labels as Record<string, string>, workload.labels)
    })
    const metrics = portsOf(workload).get('metrics')
    t.strictSame(
      own && at('spec.portLevelMtls', own),
      metrics && { [metrics]: { mode: 'PERMISSIVE' } },
      workload.name,
    )
  }
})

void t.test(
  'proxies take no port for HTTP/1.1, where they would serialise pipelining',
  async (t) => {
    for (const { metadata, spec } of istio.all('Service')) {
      for (const { name, appProtocol } of spec?.ports ?? []) {
        const expected = name === 'grpc' ? 'kubernetes.io/h2c' : 'tcp'
        t.equal(appProtocol, expected, `${metadata?.name}: ${name}`)
      }
    }
  },
)

void t.test('only reads are tried again', async (t) => {
  const service = object(istio.manifests, 'VirtualService', 'api')
  const routes = at('spec.http', service) as readonly Fields[]
  const retried = routes.filter((one) => at('retries.attempts', one) !== 0)
  t.strictSame(
    retried.map(({ match }) => match),
    [[{ method: { exact: 'GET' } }, { method: { exact: 'HEAD' } }]],
    'and nothing has the default, which tries writes again',
  )
  t.notMatch(at('retries.retryOn', found(retried[0], 'reads')), /5xx|retriable|503|gateway-error/)
  const live = new RegExp(`^(?:${at('match.0.uri.regex', found(routes[1], 'live')) as string})$`)
  const paths = endpoints.map(({ path }) => path).filter((path) => live.test(path))
  t.strictSame(paths.sort(), ['/events', '/live'])
  t.ok(paths.every((path) => live.test(`/v1${path}`)))
  t.equal(routes.at(-1)?.['match'], undefined, 'what no route matches is a write')
  t.strictSame(
    routes.map(({ name, timeout }) => [name, timeout]),
    [
      ['grpc', undefined],
      ['live', undefined],
      ['reads', '35s'],
      ['writes', '35s'],
    ],
    'a stream is not cut; Istio takes no 0s for that',
  )
  const served = istio.one('Service', 'api').spec?.ports?.map(({ port }) => port)
  for (const route of routes) {
    t.ok(served?.includes(at('route.0.destination.port.number', route) as number))
  }
  const gateway = object(istio.manifests, 'Gateway', 'api')
  const ingress = found(production.one('Ingress', 'api').spec, 'spec')
  t.strictSame(
    at('spec.servers.0.hosts', gateway),
    production.all('Ingress').map(({ spec }) => spec?.rules?.[0]?.host),
  )
  t.strictSame(at('spec.servers.0.hosts', gateway), at('spec.hosts', service))
  t.equal(at('spec.servers.0.tls.credentialName', gateway), ingress.tls?.[0]?.secretName)
})

void t.test('a fault in an object of an operator would be found', async (t) => {
  const { faultsOf } = await import('../testing/k8s/schemas.ts')
  for (const [overlay, kind, name, from, to] of [
    [operators, 'PodMonitor', 'todos', '"port":"metrics"', '"ports":"metrics"'],
    [operators, 'PrometheusRule', 'todos', '"expr":', '"expression":'],
    [operators, 'ScaledObject', 'worker', '"minReplicaCount":5', '"minReplicas":5'],
    [istio, 'PeerAuthentication', 'default', '"STRICT"', '"STRICTEST"'],
    [istio, 'VirtualService', 'api', '"attempts":2', '"attempt":2'],
    [istio, 'Gateway', 'api', '"number":443', '"number":"443"'],
  ] as const) {
    const text = JSON.stringify(object(overlay.manifests, kind, name))
    t.ok(text.includes(from), from)
    t.strictSame(faultsOf(JSON.parse(text) as Manifest), [])
    t.not(faultsOf(JSON.parse(text.replace(from, to)) as Manifest).length, 0, `${kind}: ${to}`)
  }
})
