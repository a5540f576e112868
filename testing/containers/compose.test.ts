// The compose files are what the Compose Specification allows, and what they say of each other, of the
// settings and of the image is so.

import { Ajv2020 } from 'ajv/dist/2020.js'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { parseDocument, type CollectionTag } from 'yaml'
import { connectionsOf, forkBudget, workerBudget } from '../../lib/drivers/postgres/budget.ts'
import { readConfig, settings } from '../../lib/runtime/config/config.ts'
import { repository } from '../../scripts/paths.ts'

type Service = {
  readonly image?: string
  readonly build?: string
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string | number>>
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly profiles?: readonly string[]
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly extends?: { readonly file: string; readonly service: string }
  readonly stop_grace_period?: string
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly restart?: string
  readonly ulimits?: { readonly nofile: { readonly soft: number; readonly hard: number } }
  readonly deploy?: {
    readonly replicas?: number
    readonly resources?: { readonly limits?: Readonly<Record<string, string>> }
  }
}
type Compose = {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes?: Readonly<Record<string, unknown>>
}

const text = (path: string): string => readFileSync(new URL(path, repository), 'utf8')

/** Removes what is inherited: here that is always a list, and none is an empty one. */
const reset: CollectionTag = { tag: '!reset', collection: 'seq', resolve: (value) => value }

const read = (path: string): Compose => {
  const document = parseDocument(text(path), { merge: true, customTags: [reset] })
  const [fault] = [...document.errors, ...document.warnings]
  if (fault) throw new Error(`${path}: ${fault.message}`)
  return document.toJS() as Compose
}

const schema = JSON.parse(text('testing/containers/compose-spec/compose-spec.json')) as object
// Its formats (of durations and ports) are checked by Compose itself.
const validate = new Ajv2020({ allowUnionTypes: true, validateFormats: false }).compile(schema)

const simple = read('docker-compose.yml')
const scale = read('docker-compose.scale.yml')

/** With what they inherit: maps are merged, all else is replaced. */
const services = Object.entries(scale.services).map(([name, own]): [string, Service] => {
  const base = own.extends && simple.services[own.extends.service]
  const environment = { ...base?.environment, ...own.environment }
  return [name, { ...base, ...own, environment }]
})
const service = (name: string): Service => {
  const one = services.find(([known]) => known === name)?.[1]
  if (!one) throw new Error(`there is no service ${name}`)
  return one
}

const simpleService = (name: string): Service => simple.services[name] as Service

void t.test('the compose files fit the schema', async (t) => {
  for (const [path, compose] of Object.entries({ simple, scale })) {
    validate(compose)
    t.strictSame(validate.errors ?? [], [], path)
  }
  const { api } = scale.services
  for (const [wrong, fault] of [
    [{ healthchecks: {} }, '/services/api must NOT have unevaluated properties'],
    [{ deploy: { replica: 4 } }, '/services/api/deploy must NOT have additional properties'],
    [{ ulimits: { nofile: { soft: 1 } } }, /ulimits\/nofile must have required property 'hard'/],
    [{ healthcheck: { test: ['CMD', { '0': 1 }] } }, /healthcheck\/test\/1 must be string/],
  ] as const) {
    validate({ services: { api: { ...api, ...wrong } } })
    const faults = validate.errors?.map((one) => `${one.instancePath} ${one.message}`)
    t.match(faults?.join('\n'), fault)
  }
})

void t.test('everything runs from pinned images, ours built from the Dockerfile', async (t) => {
  const { version } = JSON.parse(text('package.json')) as { version: string }
  for (const [name, { image, build }] of [...services, ...Object.entries(simple.services)]) {
    t.match(image, /:\d+\.\d+\.?\d*(-[a-z]+)?$/, name)
    if (build !== undefined) t.equal(image, `todos:${version}`)
  }
  const dockerfile = text('Dockerfile')
  for (const name of ['migrate', 'api', 'worker']) {
    for (const serviceOf of [service, simpleService]) {
      const { build, command, read_only, cap_drop } = serviceOf(name)
      t.match({ build, read_only, cap_drop }, { build: '.', read_only: true, cap_drop: ['ALL'] })
      const script = command?.[1]?.replace(/^dist\/(.*)\.js$/, '$1.ts')
      if (script !== undefined)
        t.match(text('tsconfig.build.json'), `"${script}"`, 'is in the image')
    }
  }
  t.match(dockerfile, 'CMD ["node", "dist/server/main.js"]', 'the API is what it starts by itself')
})

void t.test('the product is complete, reached from loopback, and as its guide says', async (t) => {
  const guide = text('docs/how-to/compose.md')
  for (const [name, one] of Object.entries(simple.services)) {
    t.equal(one.profiles?.length ?? 0, 0, `${name} is started`)
    for (const port of one.ports ?? []) {
      const published = /^127\.0\.0\.1:(\d+):/.exec(port)?.[1] ?? port
      t.match(
        guide,
        new RegExp(`\\| (\\d+, )*${published}(, \\d+)* \\|`),
        `${name} on ${published}`,
      )
    }
    for (const needed of Object.keys(one.depends_on ?? {})) t.ok(simple.services[needed], needed)
  }
  t.match(guide, 'docker compose up --build --wait')
  for (const name of ['nginx-http', 'nginx-stream']) {
    const { UPSTREAMS, GRPC_UPSTREAMS } = simple.services[name]?.environment ?? {}
    t.match(UPSTREAMS, /^server api:8080 .*;$/)
    t.match(GRPC_UPSTREAMS, /^server api:9090 .*;$/)
  }
})

void t.test('the programs take their settings', async (t) => {
  for (const [serviceOf, name, role] of [
    [service, 'api', 'server'],
    [service, 'worker', 'worker'],
    [service, 'migrate', 'script'],
    [simpleService, 'api', 'server'],
    [simpleService, 'worker', 'worker'],
    [simpleService, 'migrate', 'script'],
  ] as const) {
    const entries = Object.entries(serviceOf(name).environment ?? {})
    const env = Object.fromEntries(entries.map(([key, value]) => [key, String(value)]))
    t.equal('JWT_SECRET' in env, role === 'server')
    if (role === 'server') t.match(env['JWT_SECRET'], /^\$\{JWT_SECRET:\?/, 'never a default')
    const secret = role === 'server' ? { JWT_SECRET: 'x'.repeat(32) } : {}
    t.doesNotThrow(() => readConfig({ ...env, ...secret }, role))
    for (const key of Object.keys(env)) t.ok(key in settings || key === 'NODE_OPTIONS', key)
    for (const address of [env['KAFKA_BROKERS'] ?? '', env['DATABASE_URL'], env['REDIS_URL']]) {
      const host = /([^/@]+):\d+(\/|$)/.exec(address ?? '')?.[1]
      if (host !== undefined) t.ok(scale.services[host], host)
    }
  }
  t.match(service('kafka').environment?.['KAFKA_ADVERTISED_LISTENERS'], 'PLAINTEXT://kafka:19092')
})

void t.test('gRPC is on where Nginx passes calls on', async (t) => {
  for (const serviceOf of [service, simpleService])
    t.equal(serviceOf('api').environment?.['GRPC_PORT'], 9090)
})

void t.test('the numbers agree', async (t) => {
  const [api, worker] = [service('api'), service('worker')]
  const env = Object.entries(api.environment ?? {}).map(([key, value]) => [key, String(value)])
  const config = readConfig(
    Object.fromEntries(env.filter(([key]) => key !== 'JWT_SECRET')) as NodeJS.ProcessEnv,
    'worker',
  )
  const replicas = (one: Service) => one.deploy?.replicas ?? 1
  t.ok(replicas(api) > 1 && replicas(worker) > 1)
  t.ok(config.HTTP_PROCESSES <= Number(api.deploy?.resources?.limits?.['cpus']))
  t.ok((api.ulimits?.nofile.soft ?? 0) > config.HTTP_CONNECTIONS_MAX)
  t.ok(config.KAFKA_PARTITIONS >= replicas(worker) * config.WORKER_POOL_SIZE)
  // Twice as many of each, for who uses --scale.
  const connections =
    2 * replicas(api) * (config.HTTP_PROCESSES * connectionsOf(forkBudget(config), config) + 1) +
    2 * replicas(worker) * connectionsOf(workerBudget(config), config)
  const allowed = Number(
    /max_connections=(\d+)/.exec(service('postgres').command?.at(-1) ?? '')?.[1],
  )
  t.ok(connections < allowed, `${connections} connections of ${allowed}`)
  const graceMs = (one: Service) => 1000 * parseInt(one.stop_grace_period ?? '10s')
  const drainDelayMs = 5_000
  const marginMs = 5_000
  t.ok(
    graceMs(api) >=
      drainDelayMs + config.HTTP_DRAIN_TIMEOUT_MS + config.PUBLISH_TIMEOUT_MS + marginMs,
  )
  t.ok(graceMs(worker) >= 20_000 + marginMs, 'a batch may take 20 s')
})

void t.test('every service is bounded, watched, and started in order', async (t) => {
  for (const [name, one] of services) {
    const { limits } = one.deploy?.resources ?? {}
    t.match(limits, { cpus: /^\d+$/, memory: /^\d+[MG]$/ }, name)
    t.equal(one.profiles?.length ?? 0, 0, `${name} is started`)
    if (name !== 'migrate') {
      t.equal(one.healthcheck?.test[0], 'CMD', `${name} says how it is`)
      t.ok((one.ulimits?.nofile.soft ?? 0) >= 65536, `${name} may open many files`)
    }
    for (const [needed, { condition }] of Object.entries(one.depends_on ?? {})) {
      const isOneShot = needed === 'migrate'
      t.equal(
        condition,
        isOneShot ? 'service_completed_successfully' : 'service_healthy',
        `${name} waits for ${needed}`,
      )
      t.ok(service(needed))
    }
    for (const port of one.ports ?? []) t.match(port, /^127\.0\.0\.1:/, 'on loopback only')
    for (const volume of one.volumes ?? []) {
      const [source = ''] = volume.split(':')
      if (source.startsWith('./')) t.ok(text(source), source)
      else t.ok(scale.volumes && source in scale.volumes, source)
    }
  }
  const published = services.flatMap(([name, { ports }]) => (ports?.length ? [name] : []))
  t.strictSame(published, ['nginx-http', 'nginx-stream'], 'Nginx is the only way in')
  t.strictSame(Object.keys(service('api').depends_on ?? {}).sort(), [
    'kafka',
    'migrate',
    'postgres',
    'redis',
  ])
})

void t.test('Nginx finds every API, and fills in its templates', async (t) => {
  for (const [name, template] of [
    ['nginx-http', 'nginx/http.conf'],
    ['nginx-stream', 'nginx/stream.conf'],
  ] as const) {
    const { environment = {}, depends_on, ports = [] } = service(name)
    const filled = new RegExp(
      String(environment['NGINX_ENVSUBST_FILTER']).replaceAll('$$', () => '$'),
    )
    for (const [, placeholder = ''] of text(template).matchAll(/\$\{(\w+)\}/g)) {
      t.ok(filled.test(placeholder) && placeholder in environment, placeholder)
    }
    t.match(environment['UPSTREAMS'], /^zone \w+ \d+k; .*server api:8080 resolve .*;$/)
    t.match(environment['GRPC_UPSTREAMS'], /^zone \w+ \d+k; .*server api:9090 resolve .*;$/)
    for (const listens of ['LISTEN', 'GRPC_LISTEN']) {
      const [, port] = /^0\.0\.0\.0:(\d+)$/.exec(String(environment[listens])) ?? []
      t.ok(ports.includes(`127.0.0.1:${port}:${port}`), `${name}: ${listens} can be reached`)
    }
    t.strictSame(Object.keys(depends_on ?? {}), ['api'])
  }
})
