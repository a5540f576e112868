// What the Dockerfile builds runs: the migration, the server with both engines, and the worker. It has
// production dependencies only, and its user can write nothing there.

import { spawn, type ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { overlays, readOverlay } from '../k8s/workloads.ts'
import { signToken } from '../../lib/accounts/access-token.ts'
import { repository } from '../../scripts/paths.ts'
import { freePort, loopback } from '../../scripts/stack/ports.ts'
import { eventually, startTimeoutMs } from '../eventually.ts'
import { ownPostgres, testDirectory } from '../services.ts'
import { testSecret } from '../settings.ts'
import { assignments, buildImage, type Image } from './dockerfile.ts'

const context = fileURLToPath(repository)
/** This Node, and the one beside npm, which may be another. */
const nodes = [process.execPath, process.env['npm_node_execpath'] ?? process.execPath].map(dirname)
const programs = [...nodes, '/usr/local/bin', '/usr/bin', '/bin'].join(':')
/** Besides Node itself; 32 today, of which OpenTelemetry is 19. */
const sizeMbMax = 40

void t.test('the image', async (t) => {
  const image = await buildImage({
    context,
    directory: await testDirectory(t),
    without: ['init', 'bench'],
    env: {
      PATH: programs,
      HOME: process.env['HOME'] ?? '/',
      // From npm's cache, which an installed repository has filled.
      npm_config_prefer_offline: 'true',
      npm_config_update_notifier: 'false',
    },
    instead: {
      // This repository has them, from the same lock file: 17 s of CPU.
      'npm ci --ignore-scripts --no-audit --no-fund': (workdir) =>
        symlinkSync(join(context, 'node_modules'), join(workdir, 'node_modules')),
    },
  })
  const app = join(image.root, image.workdir)
  const files = readdirSync(app, { recursive: true, encoding: 'utf8' })

  await t.test('holds what production needs and nothing else', async (t) => {
    const { packages } = JSON.parse(readFileSync(join(context, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { dev?: true }>
    }
    const installed = files
      .filter((file) => /(^|\/)node_modules\/(@[^/]+\/)?[^/@.]+\/package\.json$/.test(file))
      .map((file) => dirname(file))
      .filter((name) => name in packages)
    t.ok(installed.includes('node_modules/kafkajs'))
    t.strictSame(
      installed.filter((name) => packages[name]?.dev),
      [],
      'no development dependency',
    )
    const ours = files.filter((file) => !file.startsWith('node_modules'))
    t.strictSame(
      readdirSync(app).sort(),
      ['commit', 'dist', 'node_modules', 'package.json', 'web'],
      'no sources, no lockfile',
    )
    t.strictSame(
      ours.filter((file) => /\.ts$|\.test\.|testing|bench|services/.test(file)),
      [],
      'no tests',
    )
    t.equal(
      files.filter((file) => file.endsWith('.node')).length,
      2,
      'one binary of uWebSockets.js, one of bcrypt',
    )
    const bytes = files.reduce((sum, file) => sum + statSync(join(app, file)).size, 0)
    t.comment(`${(bytes / 1e6).toFixed(1)} MB besides Node`)
    t.ok(bytes / 1e6 < sizeMbMax)
  })

  await t.test('starts as the user that Kubernetes starts it as, under an init', async (t) => {
    t.strictSame(image.entrypoint, ['tini', '--'])
    t.strictSame(image.cmd, ['node', 'dist/server/main.js'])
    for (const overlay of overlays) {
      for (const name of ['api', 'worker']) {
        const { securityContext, initContainers, containers } =
          readOverlay(overlay).workload(name).pod
        const { runAsUser, runAsGroup } = securityContext ?? {}
        t.equal(`${runAsUser}:${runAsGroup}`, image.user)
        for (const { command, args } of [...(initContainers ?? []), ...containers]) {
          t.equal(command, undefined, 'keeps the entry point')
          const [node, script = ''] = args ?? image.cmd
          t.equal(node, 'node')
          t.ok(files.includes(script), script)
        }
      }
    }
  })

  const postgres = await ownPostgres(t)
  const env = {
    DATABASE_URL: postgres.url,
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    JWT_SECRET: testSecret,
    HTTP_HOST: loopback,
    HTTP_PROCESSES: '2',
    METRICS_PORT: '0',
    WORKER_METRICS_PORT: '0',
  }

  const migrated = start(t, image, env, ['node', 'dist/scripts/migrate.js'])
  t.equal(await migrated.exited, 0, migrated.output())
  t.match(migrated.output(), /^applied 001-.*, 002-.*, 003-/m, 'it finds its SQL')

  for (const engine of ['node', 'uws']) {
    await t.test(`serves and applies writes with HTTP_ENGINE=${engine}`, async (t) => {
      const port = await freePort()
      const url = `http://${loopback}:${port}`
      const grpcPort = await freePort()
      const server = start(t, image, {
        ...env,
        HTTP_PORT: String(port),
        GRPC_PORT: String(grpcPort),
        HTTP_ENGINE: engine,
      })
      const worker = start(t, image, env, ['node', 'dist/worker/main.js'])
      await eventually(
        () => fetch(`${url}/ready`).catch(() => ({ status: server.output() })),
        ({ status }) => status === 200,
        startTimeoutMs,
      )
      for (const path of probedPaths()) {
        t.equal((await fetch(url + path)).status, 200, `${path}, which Kubernetes asks`)
      }
      const health = await fetch(`http://${loopback}:${grpcPort}/grpc.health.v1.Health/Check`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: '{}',
      })
      t.match(await health.json(), { status: 'SERVING' }, 'gRPC has its descriptors')
      const registered = await fetch(`${url}/auth/register`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ email: `ann@${engine}`, password: 'correct horse' }),
      })
      t.equal(registered.status, 201, 'passwords are hashed')
      const title = `written with ${engine}`
      const created = await fetch(`${url}/todos`, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          Authorization: `Bearer ${signToken(testSecret, 'ann', 60)}`,
        },
        body: JSON.stringify({ title }),
      })
      t.equal(created.status, 202, await created.text())
      await eventually(
        async () => (await (await fetch(`${url}/todos`)).json()) as { title: string }[],
        (todos) => todos[0]?.title === title,
      )
      for (const program of [server, worker]) {
        program.process.kill('SIGTERM')
        t.equal(await program.exited, 0, 'SIGTERM is a clean end')
      }
    })
  }

  for (const args of [['lag'], ['dead-letters', 'list'], ['command-log', 'show']]) {
    const [script, ...rest] = args
    const program = start(t, image, env, ['node', `dist/scripts/${script}.js`, ...rest])
    t.equal(await program.exited, 0, program.output())
  }
})

/** What Kubernetes asks the API, in every overlay. */
const probedPaths = (): Set<string> =>
  new Set(
    overlays
      .flatMap((overlay) => readOverlay(overlay).workload('api').pod.containers)
      .flatMap(({ startupProbe, livenessProbe, readinessProbe }) =>
        [startupProbe, livenessProbe, readinessProbe].map((probe) => probe?.httpGet?.path ?? ''),
      ),
  )

type Program = {
  readonly process: ChildProcess
  readonly output: () => string
  readonly exited: Promise<number | null>
}

/** With the variables that the image and the caller give, and no others. */
const start = (
  t: Test,
  image: Image,
  env: Readonly<Record<string, string>>,
  command: readonly string[] = image.cmd,
): Program => {
  const [uid, gid] = (image.user ?? '').split(':').map(Number)
  const child = spawn(
    'env',
    ['-i', ...assignments({ PATH: programs, ...image.env, ...env }), ...command],
    {
      cwd: join(image.root, image.workdir),
      // Only root can become somebody else; anybody else is not root.
      ...(process.getuid?.() === 0 && uid !== undefined && gid !== undefined && { uid, gid }),
    },
  )
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => (output += data.toString()))
  }
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
  })
  return { process: child, output: () => output, exited }
}
