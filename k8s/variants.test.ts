// Other ways into the production overlay, and the benchmark beside the local one: what each changes is
// sound, and it changes nothing else.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { repository } from '../scripts/paths.ts'
import { at, changes, nameOf } from '../testing/k8s/changes.ts'
import { isFields, type Fields, type Manifest } from '../testing/k8s/render.ts'
import { faultsOf } from '../testing/k8s/schemas.ts'
import { found, readOverlay, variants } from '../testing/k8s/workloads.ts'

for (const variant of variants) {
  void t.test(`${variant} fits the schemas`, (t) => {
    for (const one of readOverlay(variant).manifests) {
      t.strictSame(faultsOf(one), [], nameOf(one))
    }
    t.end()
  })
}

const production = readOverlay('overlays/production')

void t.test('the load balancer leads to the API, and nobody in between is believed', (t) => {
  const { manifests, all, one, settings } = readOverlay('overlays/load-balancer')
  t.strictSame(changes(manifests, production.manifests), [
    'ConfigMap todos-settings',
    'Ingress api',
    'Ingress api-grpc',
    'NetworkPolicy api',
    'Service api',
  ])
  t.strictSame(all('Ingress'), [])
  t.match(one('Service', 'api').spec, {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    ports: production.one('Service', 'api').spec?.ports ?? [],
  })
  t.notOk('TRUSTED_PROXIES' in settings, 'a client may say anything in X-Forwarded-For')
  const [clients, metrics] = one('NetworkPolicy', 'api').spec?.ingress ?? []
  t.match(clients, {
    from: [{ ipBlock: { cidr: '0.0.0.0/0' } }, { ipBlock: { cidr: '::/0' } }],
    ports: [{ port: 8080 }, { port: 9090 }],
  })
  t.strictSame(metrics, production.one('NetworkPolicy', 'api').spec?.ingress?.[1])
  t.end()
})

/** What goes on for as long as its client likes. */
const livePaths = ['/v1/live', '/v1/events', '/live', '/events']

type Rule = {
  readonly matches: readonly {
    readonly path: { readonly type: 'Exact' | 'PathPrefix'; readonly value: string }
  }[]
  readonly backendRefs: readonly Fields[]
  readonly timeouts: { readonly request: string }
}
const rulesOf = (route: Manifest) => at('spec.rules', route) as unknown as readonly Rule[]

/** Of the rule that takes a path: an exact one goes first, then the longest prefix. */
const timeoutOf = (route: Manifest, path: string): string | undefined => {
  const ranked = rulesOf(route).flatMap(({ matches, timeouts }) =>
    matches.map(({ path: { type, value } }) => {
      const isExact = type === 'Exact'
      const takes = isExact ? path === value : path.startsWith(value)
      return { rank: takes ? (isExact ? Infinity : value.length) : 0, timeouts }
    }),
  )
  const best = ranked.toSorted((a, b) => b.rank - a.rank)[0]
  return best?.rank ? best.timeouts.request : undefined
}

void t.test('the gateway does what the ingress did', (t) => {
  const { manifests, all, one } = readOverlay('overlays/gateway')
  t.strictSame(changes(manifests, production.manifests), [
    'Gateway api',
    'HTTPRoute api',
    'HTTPRoute api-grpc',
    'Ingress api',
    'Ingress api-grpc',
    'NetworkPolicy api',
  ])
  t.strictSame(all('Ingress'), [])
  const named = (kind: string, name: string) =>
    found(
      manifests.find((one) => one.kind === kind && one.metadata.name === name),
      `${kind} ${name}`,
    )
  const gateway = named('Gateway', 'api')
  for (const [i, name] of ['api', 'api-grpc'].entries()) {
    const route = named('HTTPRoute', name)
    const ingress = found(production.one('Ingress', name).spec, 'spec')
    const host = ingress.rules?.[0]?.host
    t.equal(at(`spec.listeners.${i}.hostname`, gateway), host)
    t.equal(
      at(`spec.listeners.${i}.tls.certificateRefs.0.name`, gateway),
      ingress.tls?.[0]?.secretName,
    )
    t.equal(at('spec.parentRefs.0.name', route), gateway.metadata.name)
    t.strictSame(at('spec.hostnames', route), [host])
    const { name: port } =
      found(ingress.rules?.[0]?.http?.paths[0]?.backend.service, 'service').port ?? {}
    for (const rule of rulesOf(route)) {
      t.strictSame(rule.backendRefs, [
        {
          name: 'api',
          port: one('Service', 'api').spec?.ports?.find((it) => it.name === port)?.port,
        },
      ])
    }
  }
  const waitSecMax = 30
  t.ok(parseInt(timeoutOf(named('HTTPRoute', 'api'), '/todos') ?? '') > waitSecMax)
  for (const path of livePaths)
    t.equal(timeoutOf(named('HTTPRoute', 'api'), path), '0s', `${path} goes on`)
  const watch = '/todos.v1.LiveService/Watch'
  t.equal(timeoutOf(named('HTTPRoute', 'api-grpc'), watch), '0s', 'a stream goes on')
  const [clients, metrics] = one('NetworkPolicy', 'api').spec?.ingress ?? []
  t.match(clients, {
    from: [
      {
        namespaceSelector: {
          matchLabels: { 'kubernetes.io/metadata.name': 'envoy-gateway-system' },
        },
      },
    ],
    ports: [{ port: 8080 }, { port: 9090 }],
  })
  t.strictSame(metrics, production.one('NetworkPolicy', 'api').spec?.ingress?.[1])
  t.end()
})

void t.test('the benchmark may speak to the API, and to nobody else', (t) => {
  const local = readOverlay('overlays/local')
  const { manifests, one } = readOverlay('overlays/bench')
  t.strictSame(changes(manifests, local.manifests), [
    'Job bench',
    'NetworkPolicy api',
    'NetworkPolicy bench',
  ])
  const job = found(one('Job', 'bench').spec, 'spec')
  const { spec: pod, metadata } = job.template
  const container = found(pod?.containers[0], 'container')
  t.match(job, { backoffLimit: 0, activeDeadlineSeconds: Number })
  t.match(pod, {
    restartPolicy: 'Never',
    enableServiceLinks: false,
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, runAsUser: 1000 },
  })
  t.match(container, {
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
    resources: { limits: { cpu: String, memory: String } },
  })
  const url = new URL(found(container.args?.[0], 'url').replace('--url=', ''))
  const service = one('Service', found(url.hostname.split('.')[0], 'host'))
  t.ok(service.spec?.ports?.some(({ port }) => port === Number(url.port || 80)))
  const files = (container.args ?? []).filter((arg) => /^--(json|html)=/.test(arg))
  for (const file of files) t.match(file, /=\/tmp\//, 'nothing else can be written')

  const labels = metadata?.labels ?? {}
  const policy = one('NetworkPolicy', 'bench').spec
  t.strictSame(policy?.podSelector?.matchLabels, {
    'app.kubernetes.io/name': labels['app.kubernetes.io/name'],
  })
  t.strictSame(policy?.policyTypes, ['Ingress', 'Egress'])
  t.equal(policy?.ingress, undefined)
  t.strictSame(policy?.egress, [
    {
      to: [{ podSelector: { matchLabels: { 'app.kubernetes.io/name': 'api' } } }],
      ports: [{ port: 8080 }],
    },
  ])
  const peers = one('NetworkPolicy', 'api').spec?.ingress?.flatMap(({ from }) => from ?? [])
  t.ok(
    peers?.some(
      ({ podSelector }) => podSelector?.matchLabels?.['app.kubernetes.io/name'] === 'bench',
    ),
  )

  const dockerfile = readFileSync(new URL('Dockerfile', repository), 'utf8')
  t.match(dockerfile, /^FROM build AS bench$/m)
  t.match(dockerfile, 'ENTRYPOINT ["node", "--import", "tsx", "bench/run.ts"]')
  t.end()
})

void t.test('a fault in the Gateway API would be found', (t) => {
  const route = found(
    readOverlay('overlays/gateway').manifests.find(({ kind }) => kind === 'HTTPRoute'),
    'HTTPRoute',
  )
  t.ok(isFields(route['spec']))
  for (const spec of [
    { ...(route['spec'] as Fields), hostname: 'a' },
    { ...(route['spec'] as Fields), hostnames: 'a' },
  ]) {
    t.not(faultsOf({ ...route, spec }).length, 0)
  }
  t.end()
})
