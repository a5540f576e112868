// The chart, rendered by Helm's own engine, is the same objects as the overlays. What its values may be
// is held by the table of settings.

import { Ajv } from 'ajv'
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1'
import type { IPodSpec } from 'kubernetes-models/v1'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import { readConfig } from '../../lib/runtime/config/config.ts'
import { repository } from '../../scripts/paths.ts'
import { ServiceMissing } from '../../scripts/stack/service.ts'
import { changes, nameOf } from '../../testing/k8s/changes.ts'
import {
  artifact,
  chartDirectory,
  copyWithTests,
  helm,
  templateOf,
  testHook,
  testMark,
} from '../../testing/k8s/helm.ts'
import { faultsOf } from '../../testing/k8s/schemas.ts'
import {
  isFields,
  parseManifests,
  type Fields,
  type Manifest,
  type Value,
} from '../../testing/k8s/render.ts'
import { chartVariants, isPart, readOverlay, type Labels } from '../../testing/k8s/workloads.ts'
import { testDirectory } from '../../testing/services.ts'

/** What Helm makes, in an order that means nothing: its own for objects, kustomize's for variables. */
const comparable = (all: readonly Manifest[]): readonly Manifest[] =>
  all.map((one) => sorted(one) as Manifest).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))

const sorted = (value: Value): Value => {
  if (Array.isArray(value)) return (value as readonly Value[]).map(sorted)
  if (!isFields(value)) return value
  const names = Object.keys(value).sort()
  return Object.fromEntries(
    names.map((name) => {
      const inner = sorted(value[name] ?? null)
      return [name, name === 'env' ? byName(inner as readonly Fields[]) : inner]
    }),
  )
}

const byName = (all: readonly Fields[]): readonly Fields[] =>
  [...all].sort((a, b) => ((a['name'] as string) < (b['name'] as string) ? -1 : 1))

/** A change of the settings restarts the pods: the one thing that only the chart has. */
const withoutChecksum = (one: Manifest): Manifest =>
  JSON.parse(JSON.stringify(one).replace(/"checksum\/settings":"[0-9a-f]{64}",/, '')) as Manifest

/** Helm makes no namespace: it needs one for its release before it makes anything. */
const withoutNamespace = (all: readonly Manifest[]) =>
  all.filter(({ kind }) => kind !== 'Namespace')

/** What only `helm test` makes. */
const isTest = ({ metadata }: Manifest): boolean =>
  (metadata['annotations'] as Fields | undefined)?.[testMark] !== undefined

const refused: readonly (readonly [string, string, RegExp])[] = [
  ['settings.HTTP_PROCESSSES', '2', /HTTP_PROCESSSES/],
  ['settings.HTTP_PROCESSES', '0', /minimum: got 0, want 1/],
  ['settings.LIST_CACHE', 'memcached', /LIST_CACHE/],
  ['settings.JWT_SECRET', '0123456789abcdef0123456789abcdef', /JWT_SECRET/],
  ['secret.values.HTTP_PORT', '80', /HTTP_PORT/],
  ['api.replicas', '3', /replicas/],
  ['entry.kind', 'istio', /tlsSecret/],
  ['kafka.replicas', '1', /KAFKA_BROKERS must name kafka.replicas \(1\) brokers/],
]

/** Its program, against an API that answers the nth request with a status. It may try for a second. */
const runInPod = async (
  t: Test,
  args: readonly string[],
  statusOf: (asked: number) => number,
): Promise<{ code: number | null; out: string }> => {
  let asked = 0
  const api = createServer((_, reply) => {
    reply.statusCode = statusOf(asked++)
    reply.end('{"status":"of the test"}')
  })
  await once(api.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => api.close())
  const { port } = api.address() as AddressInfo
  const [program, ...before] = args.slice(0, -2)
  t.equal(program, 'node')
  const child = spawn(process.execPath, [...before, `http://127.0.0.1:${port}`, '1'])
  const [out, [code]] = await Promise.all([
    text(child.stdout),
    once(child, 'close') as Promise<[number | null]>,
  ])
  return { code, out }
}

const main = async (): Promise<void> => {
  const answers = await helm([
    ...chartVariants.map(({ files }) => templateOf(files)),
    ...refused.map(([name, value]) => templateOf([], { [name]: value })),
    templateOf(['production.yaml'], {
      'settings.HTTP_CONNECTIONS_MAX': '10000000',
      'settings.KAFKA_TLS': 'true',
      'postgres.enabled': 'false',
      'redis.enabled': 'false',
      'kafka.enabled': 'false',
      'networkPolicy.egress[0].ports[0].port': '5432',
    }),
    templateOf(['production.yaml'], {}, await copyWithTests(join(await testDirectory(t), 'chart'))),
    { function: 'Lint', options: { path: chartDirectory, strict: 1 } },
  ])

  for (const [i, { overlay, files }] of chartVariants.entries()) {
    void t.test(`${['values.yaml', ...files].join(', ')}: the objects of ${overlay}`, async (t) => {
      const { out, fault } = answers[i] ?? { out: '', fault: 'no answer' }
      t.equal(fault, '')
      const manifests = parseManifests(out, overlay).map(withoutChecksum)
      const [ours, theirs] = [
        comparable(manifests),
        comparable(withoutNamespace(readOverlay(overlay).manifests)),
      ]
      t.strictSame(changes(ours, theirs), [])
      for (const one of theirs) {
        const same = ours.find((other) => nameOf(other) === nameOf(one))
        if (!isDeepStrictEqual(same, one)) t.strictSame(same, one, nameOf(one))
      }
      t.equal(out.match(/checksum\/settings/g)?.length, 2)
    })
  }

  void t.test('helm test: a pod asks the API, and the rules of the network let it', async (t) => {
    const { out, fault } = answers.at(-2) ?? { out: '', fault: '?' }
    t.equal(fault, '')
    const all = parseManifests(out, 'production')
    const hooks = all.filter(isTest)
    t.strictSame(hooks.map(nameOf).sort(), [
      'NetworkPolicy test-ready',
      'NetworkPolicy test-ready-to-api',
      'Pod test-ready',
    ])
    for (const one of hooks) t.strictSame(faultsOf(one), [], nameOf(one))
    const source = readFileSync(join(chartDirectory, 'templates/tests/ready.yaml'), 'utf8')
    t.equal(
      source.split(`\n    ${testHook}\n`).length - 1,
      hooks.length,
      'Helm makes them then only',
    )
    const pod = hooks.find(({ kind }) => kind === 'Pod') as Manifest & { spec: IPodSpec }
    const labels = pod.metadata['labels'] as Record<string, string>
    const [container] = pod.spec.containers
    const api = readOverlay('overlays/production').workload('api')
    t.equal(container?.image, api.containers[0]?.image, 'of the image that is installed')
    t.match(pod.spec, { restartPolicy: 'Never', activeDeadlineSeconds: Number })
    t.strictSame(pod.spec.securityContext, api.pod.securityContext, 'as restricted as any pod')
    t.strictSame(container?.securityContext, api.containers[0]?.securityContext)
    const selectors = all
      .filter(({ kind }) => ['Deployment', 'Service', 'PodDisruptionBudget'].includes(kind))
      .map(({ spec }) => (spec as Fields)['selector'] as { matchLabels?: Record<string, string> })
    for (const one of selectors) t.notOk(isPart((one.matchLabels ?? one) as Labels, labels))
    const [from, to] = ['test-ready', 'test-ready-to-api'].map(
      (name) =>
        hooks.find(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === name)
          ?.spec as INetworkPolicy['spec'],
    )
    t.ok(isPart(from?.podSelector?.matchLabels ?? {}, labels))
    t.ok(isPart(to?.podSelector?.matchLabels ?? {}, api.labels))
    t.ok(isPart(from?.egress?.[0]?.to?.[0]?.podSelector?.matchLabels ?? {}, api.labels))
    t.ok(isPart(to?.ingress?.[0]?.from?.[0]?.podSelector?.matchLabels ?? {}, labels))
    t.strictSame(
      [from?.egress?.[0]?.ports, to?.ingress?.[0]?.ports],
      [[{ port: 8080 }], [{ port: 8080 }]],
    )

    const run = (answers: readonly number[]) =>
      runInPod(
        t,
        container?.args ?? [],
        (asked) => answers[Math.min(asked, answers.length - 1)] ?? 0,
      )
    t.match(await run([503, 200, 200]), {
      code: 0,
      out: /^\/ready: 200 .*\n\/todos\?limit=1: 200 /,
    })
    t.match(await run([503]), { code: 1, out: /^\/ready: 503 \{"status":/ })
    t.match(await run([200, 500]), { code: 1, out: /\/todos\?limit=1: 500 / })
  })

  void t.test('values that the programs would refuse are refused before', async (t) => {
    for (const [i, [name, value, reason]] of refused.entries()) {
      t.match(answers[chartVariants.length + i]?.fault, reason, `${name}=${value}`)
    }
  })

  void t.test('stores of others take ours away, with what leads to them', async (t) => {
    const { out, fault } = answers[chartVariants.length + refused.length] ?? { out: '', fault: '?' }
    t.equal(fault, '')
    const manifests = parseManifests(out, 'managed')
    for (const one of manifests) t.strictSame(faultsOf(one), [], nameOf(one))
    const kinds = ['StatefulSet', 'Service', 'PodDisruptionBudget', 'NetworkPolicy']
    t.strictSame(
      manifests
        .filter(({ kind }) => kinds.includes(kind))
        .map(nameOf)
        .sort(),
      [
        'NetworkPolicy api',
        'NetworkPolicy names',
        'NetworkPolicy nobody',
        'NetworkPolicy worker',
        'PodDisruptionBudget api',
        'PodDisruptionBudget worker',
        'Service api',
      ],
    )
    for (const { spec, metadata } of manifests.filter(({ kind }) => kind === 'NetworkPolicy')) {
      if (metadata.name !== 'api' && metadata.name !== 'worker') continue
      t.strictSame((spec as Fields)['egress'], [{ ports: [{ port: 5432 }] }])
    }
    const { data } = manifests.find(({ kind }) => kind === 'ConfigMap') as Manifest & {
      data: Readonly<Record<string, string>>
    }
    t.match(data, { HTTP_CONNECTIONS_MAX: '10000000', KAFKA_TLS: 'true' }, 'numbers are whole')
    t.doesNotThrow(() => readConfig({ ...data, JWT_SECRET: 'x'.repeat(32) }, 'server'))
  })

  void t.test('helm lint --strict has nothing against it', async (t) => {
    const { out, fault } = answers.at(-1) ?? { out: '', fault: '?' }
    t.equal(fault, '')
    t.match(out, /Failed: false/)
    t.notMatch(out, /WARNING|ERROR/)
  })
}

void t.test('the version of the chart is that of the image', async (t) => {
  const read = (path: string) => readFileSync(new URL(path, repository), 'utf8')
  const { version } = JSON.parse(read('package.json')) as { readonly version: string }
  t.match(read('k8s/chart/Chart.yaml'), `\nversion: ${version}\nappVersion: ${version}\n`)
  t.match(read('.ci/run'), `-Dartifact=${artifact} `, 'CI fetches the engine that is tested')
})

void t.test('the schema bounds settings as their table does', async (t) => {
  const schema = JSON.parse(readFileSync(`${chartDirectory}/values.schema.json`, 'utf8')) as object
  const validate = new Ajv({ strict: false }).compile(schema)
  for (const [settings, isSound] of [
    [{ HTTP_PORT: 65_535, GRPC_PORT: 'off', KAFKA_TLS: true, LOG_LEVEL: 'debug' }, true],
    [{ HTTP_PORT: 65_536 }, false],
    [{ HTTP_PORT: '8080' }, false],
    [{ GRPC_PORT: 'on' }, false],
    [{ LOG_LEVEL: 'chatty' }, false],
    [{ DATABASE_URL: 'postgres://postgres' }, false],
    [{ HTTP_HOST: '127.0.0.1', CORS_ORIGINS: 'https://todos.example' }, true],
  ] as const) {
    t.equal(validate({ settings }), isSound, JSON.stringify(settings))
  }
})

try {
  await main()
} catch (error) {
  if (!(error instanceof ServiceMissing) || process.env.CI) throw error
  t.comment(`skipped: ${error.message}`)
}
