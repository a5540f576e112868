// What one manifest says of another, of the settings, or of the programs, is so.

import type { IContainer, IEnvVar } from 'kubernetes-models/v1'
import t from 'tap'
import { readConfig, settings } from '../lib/runtime/config/config.ts'
import { readManifests } from '../testing/k8s/render.ts'
import { found, isPart, namesOf, overlays, portsOf, readOverlay } from '../testing/k8s/workloads.ts'

const secretExample = readManifests(new URL('secret.example.yaml', import.meta.url))[0]
const secretNames = Object.keys(secretExample?.['stringData'] ?? {})
/** Secrets of a shape that the programs take. */
const secretValues: Readonly<Record<string, string>> = {
  JWT_SECRET: 'x'.repeat(64),
  DATABASE_URL: 'postgres://postgres:x@postgres:5432/todos',
  REDIS_URL: 'redis://:x@redis:6379/0',
}

void t.test('the example of a Secret can not be used as it is', async (t) => {
  const values = secretExample?.['stringData'] as NodeJS.ProcessEnv
  for (const name of ['JWT_SECRET', 'DATABASE_URL', 'REDIS_URL']) {
    t.throws(() => readConfig({ ...secretValues, [name]: values[name] }, 'server'), {
      message: name,
    })
  }
})

for (const overlay of overlays) {
  const { all, one, workloads, workload, selected, settings: configMap } = readOverlay(overlay)
  const secrets =
    overlay === 'overlays/local'
      ? (one('Secret', 'todos-secrets').stringData as Readonly<Record<string, string>>)
      : secretValues

  void t.test(`${overlay}: the programs take their settings`, async (t) => {
    for (const name of Object.keys(configMap)) {
      const setting = settingNamed(name)
      t.ok(setting, `${name} is a setting`)
      t.notOk(setting && 'isSecret' in setting, `${name} is no secret`)
    }
    for (const [name, role] of [
      ['api', 'server'],
      ['worker', 'worker'],
    ] as const) {
      const container = found(workload(name).pod.containers[0], name)
      t.strictSame(
        container.envFrom,
        [{ configMapRef: { name: 'todos-settings' } }],
        'takes all of the ConfigMap',
      )
      const env = { ...configMap, ...valuesOf(container, secrets) }
      t.doesNotThrow(() => readConfig(env, role), `${name} starts`)
      t.equal('JWT_SECRET' in env, role === 'server', 'only who checks tokens can forge them')
      const strange = Object.keys(env).filter((one) => !(one in settings))
      t.strictSame(strange, ['NODE_OPTIONS'], 'everything else is a setting')
    }
  })

  void t.test(`${overlay}: every secret that is asked for is one that is made`, async (t) => {
    for (const { name, containers } of workloads) {
      for (const { valueFrom } of containers.flatMap(({ env }) => env ?? [])) {
        if (!valueFrom?.secretKeyRef) continue
        const { name: secret, key, optional = false } = valueFrom.secretKeyRef
        t.equal(secret, 'todos-secrets')
        t.ok(optional || secretNames.includes(key), `${name}: ${key}`)
      }
    }
    const made = all('Secret').map(({ stringData }) => Object.keys(stringData ?? {}))
    t.strictSame(
      made,
      overlay === 'overlays/local' ? [secretNames] : [],
      'none is in the repository',
    )
  })

  void t.test(`${overlay}: a variable names only those before it`, async (t) => {
    for (const { name, containers } of workloads) {
      for (const container of containers) {
        const before = new Set<string>()
        for (const variable of container.env ?? []) {
          for (const used of usedBy(variable)) t.ok(before.has(used), `${name}: ${used}`)
          before.add(variable.name)
        }
        for (const used of [...(container.args ?? []), ...(container.command ?? [])].flatMap(
          uses,
        )) {
          t.ok(before.has(used), `${name}: ${used}`)
        }
      }
    }
  })

  void t.test(`${overlay}: selectors take the pods they mean`, async (t) => {
    for (const { name, selector, labels, pod } of workloads) {
      t.ok(Object.keys(selector).length > 0 && isPart(selector, labels), name)
      t.strictSame(namesOf(selected(selector)), [name], 'and no others')
      for (const { labelSelector } of pod.topologySpreadConstraints ?? []) {
        t.strictSame(namesOf(selected(labelSelector?.matchLabels)), [name])
      }
    }
    for (const { metadata, spec } of all('Service')) {
      t.strictSame(
        namesOf(selected(spec?.selector)),
        [metadata?.name],
        'a service is named like them',
      )
    }
    for (const { metadata, spec } of all('PodDisruptionBudget')) {
      t.strictSame(namesOf(selected(spec?.selector?.matchLabels)), [metadata?.name])
      t.equal(spec?.maxUnavailable, 1, 'and lets a node be emptied')
    }
    for (const { metadata, spec } of all('HorizontalPodAutoscaler')) {
      const target = found(spec, 'spec').scaleTargetRef
      t.match(one('Deployment', target.name), { apiVersion: target.apiVersion, kind: target.kind })
      t.equal(target.name, metadata?.name)
    }
    for (const { metadata, spec } of all('StatefulSet')) {
      t.equal(one('Service', found(spec?.serviceName, 'serviceName')).spec?.clusterIP, 'None')
      t.equal(spec?.serviceName, metadata?.name)
    }
  })

  void t.test(`${overlay}: ports lead where something listens`, async (t) => {
    for (const { metadata, spec } of all('Service')) {
      const name = metadata?.name ?? ''
      for (const { targetPort } of spec?.ports ?? []) {
        t.ok(portsOf(workload(name)).has(targetPort as string), `${name}: ${targetPort as string}`)
      }
    }
    const ingresses = all('Ingress')
    t.strictSame(ingresses.map(({ metadata }) => metadata?.name).sort(), ['api', 'api-grpc'])
    for (const rule of ingresses.flatMap(({ spec }) => spec?.rules ?? [])) {
      for (const { backend } of rule.http?.paths ?? []) {
        const { name, port } = found(backend.service, 'service')
        const ports = one('Service', name).spec?.ports ?? []
        t.ok(ports.some((one) => one.name === port?.name))
      }
    }
    const hosts = ingresses.flatMap(({ spec }) => spec?.rules?.map(({ host }) => host))
    t.equal(new Set(hosts).size, 2, 'one protocol for each host')
    const addresses = [
      ...(configMap['KAFKA_BROKERS'] ?? '').split(','),
      ...['DATABASE_URL', 'REDIS_URL'].map((name) => new URL(secrets[name] ?? '').host),
    ]
    for (const address of addresses) t.ok(isServed(address), address)
    t.equal(addresses.length - 2, workload('kafka').replicas, 'each broker is named')

    const api = portsOf(workload('api'))
    t.equal(api.get('grpc'), Number(configMap['GRPC_PORT']))
    t.equal(configMap['HTTP_HOST'], '::', 'probes may come by IPv6')
    t.equal(api.get('http'), Number(configMap['HTTP_PORT'] ?? settings.HTTP_PORT.default))
    for (const [name, setting, port] of [
      ['api', 'METRICS_PORT', 9464],
      ['worker', 'WORKER_METRICS_PORT', 9465],
    ] as const) {
      t.equal(portsOf(workload(name)).get('metrics'), port)
      t.equal(settingNamed(setting)?.default ?? port, port)
      const { annotations } = found(one('Deployment', name).spec, 'spec').template.metadata ?? {}
      t.match(annotations, { 'prometheus.io/port': String(port), 'prometheus.io/path': '/metrics' })
    }
  })

  void t.test(`${overlay}: an ingress cuts no stream`, async (t) => {
    const { GRPC_KEEP_ALIVE_INTERVAL_MS, GRPC_KEEP_ALIVE_TIMEOUT_MS } = readConfig(
      configMap,
      'worker',
    )
    const annotationsOf = (name: string) => {
      const { annotations = {} } = found(one('Ingress', name).metadata, name)
      return (annotation: string) => annotations[`nginx.ingress.kubernetes.io/${annotation}`]
    }
    const [rest, grpc] = [annotationsOf('api'), annotationsOf('api-grpc')]
    t.equal(rest('backend-protocol'), undefined)
    t.equal(grpc('backend-protocol'), 'GRPC')
    t.equal(grpc('proxy-body-size'), '0', 'all messages of a Sync are one body')
    for (const side of ['read', 'send'])
      t.ok(
        Number(grpc(`proxy-${side}-timeout`)) * 1_000 >
          GRPC_KEEP_ALIVE_INTERVAL_MS + GRPC_KEEP_ALIVE_TIMEOUT_MS,
      )
    const waitSecMax = 30
    const restSec = Number(rest('proxy-read-timeout'))
    t.ok(restSec > waitSecMax)
    t.throws(
      () => readConfig({ LIVE_HEARTBEAT_MS: String(restSec * 1_000) }, 'worker'),
      'no heartbeat of an event stream or a WebSocket may come later',
    )
  })

  void t.test(`${overlay}: probes ask what their container answers`, async (t) => {
    for (const { name, pod } of workloads) {
      for (const container of pod.containers) {
        const { startupProbe, livenessProbe, readinessProbe } = container
        for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
          if (!probe) continue
          const port = probe.httpGet?.port ?? probe.tcpSocket?.port
          if (port === undefined) t.ok(probe.exec, name)
          else t.ok(portsOf(workload(name)).has(port as string), `${name}: ${port}`)
        }
        t.ok(livenessProbe && readinessProbe, `${name} has both`)
      }
    }
    const paths = (name: string) => {
      const container = workload(name).pod.containers[0]
      return [container?.livenessProbe, container?.readinessProbe].map((one) => [
        one?.httpGet?.port,
        one?.httpGet?.path,
      ])
    }
    t.strictSame(paths('api'), [
      ['http', '/health'],
      ['http', '/ready'],
    ])
    t.strictSame(paths('worker'), [
      ['metrics', '/health'],
      ['metrics', '/health'],
    ])
  })

  const isServed = (address: string): boolean => {
    const [host = '', port] = address.split(':')
    const [pod, service = pod] = host.split('.')
    const target = all('Service').find(({ metadata }) => metadata?.name === service)
    const index = Number(/-(\d+)$/.exec(pod ?? '')?.[1] ?? 0)
    return (
      target?.spec?.ports?.some((one) => one.port === Number(port)) === true &&
      index < (workload(service ?? '').replicas ?? 0)
    )
  }
}

const valuesOf = ({ env }: IContainer, secrets: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    (env ?? []).map(({ name, value, valueFrom }) => [
      name,
      value ?? secrets[valueFrom?.secretKeyRef?.key ?? ''],
    ]),
  )

const uses = (text: string): string[] =>
  [...text.matchAll(/\$\((\w+)\)/g)].map(([, name]) => name as string)

const usedBy = ({ value }: IEnvVar): string[] => uses(value ?? '')

const settingNamed = (name: string) =>
  Object.entries(settings).find(([known]) => known === name)?.[1]
