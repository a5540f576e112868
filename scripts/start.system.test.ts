// `npm start` as a newcomer meets it. It runs, prints what to do, stops cleanly and keeps its data.
// When something is in the way, it prints one line.

import { execFileSync, spawn } from 'node:child_process'
import { chmod, readFile, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { repository } from './paths.ts'
import { becomesFree, freePort } from './stack/ports.ts'
import { eventually } from '../testing/eventually.ts'
import { testDirectory } from '../testing/services.ts'

type Started = {
  readonly output: () => string
  readonly exited: Promise<number>
  /** Resolves when it has greeted, rejects when it ended before that. */
  readonly greeted: Promise<{ url: string; token: string }>
  kill(signal: NodeJS.Signals): void
  /** The pid of a process that it has started. */
  pidOf(script: string): number
}

const start = (t: Test, env: NodeJS.ProcessEnv): Started => {
  const child = spawn(process.execPath, ['scripts/start.ts'], {
    cwd: fileURLToPath(repository),
    env: {
      METRICS_PORT: '0',
      WORKER_METRICS_PORT: '0',
      ...process.env,
      HTTP_PROCESSES: '2',
      ...env,
    },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => (output += data.toString()))
  }
  const exited = new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? -1)))
  t.teardown(async () => {
    child.kill('SIGTERM')
    await exited
  })
  const greeted = new Promise<{ url: string; token: string }>((resolve, reject) => {
    child.stdout.on('data', () => {
      if (!output.includes('Ctrl-C stops everything')) return
      resolve({
        url: /Todo API: (\S+)/.exec(output)?.[1] as string,
        token: /^eyJ\S+$/m.exec(output)?.[0] as string,
      })
    })
    void exited.then((code) => reject(new Error(`ended with ${code}: ${output}`)))
  })
  greeted.catch(() => {})
  const pidOf = (script: string): number => {
    const processes = execFileSync('ps', ['-axo', 'pid=,ppid=,args='], { encoding: 'utf8' })
    const line = processes
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .find(
        ([, parent, ...args]) => Number(parent) === child.pid && args.join(' ').includes(script),
      )
    return Number(line?.[0])
  }
  return { output: () => output, exited, greeted, kill: (signal) => child.kill(signal), pidOf }
}

type ListedTodo = { id: string; title: string; completed: boolean }

const first = async (url: string): Promise<ListedTodo | undefined> =>
  ((await (await fetch(`${url}/todos?limit=10`)).json()) as ListedTodo[])[0]

const write = (url: string, token: string, method: string, path: string, body?: unknown) =>
  fetch(url + path, {
    method,
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })

void t.test('a first and a second start', async (t) => {
  const directory = await testDirectory(t)
  const port = await freePort()
  const env = { DATA_DIR: directory, HTTP_PORT: String(port) }
  const run = start(t, env)
  const { url, token } = await run.greeted

  t.match(run.output(), /seeding \[#+\] 10000\/10000/, 'seeds with a progress bar')
  t.match(run.output(), new RegExp(`curl '${url}/todos\\?limit=10'`), 'a read to paste')
  t.match(run.output(), new RegExp(`curl -X POST ${url}/todos .*${token}`), 'a write to paste')
  t.match(run.output(), `npm run bench -- --url '${url}/todos?limit=10'`, 'the benchmark to paste')
  t.match(run.output(), `${url}/docs`)
  for (const step of ['Postgres, with .*', 'its tables', 'todos to read', 'worker and server .*']) {
    t.match(
      run.output(),
      new RegExp(`^${step} \\.\\.\\. \\d+\\.\\d s$`, 'm'),
      'a step, with its time',
    )
  }
  const metricsPorts = [...run.output().matchAll(/:(\d+)\/metrics$/gm)].map(([, one]) =>
    Number(one),
  )
  t.equal(metricsPorts.length, 2, 'the metrics of the server and of the worker')
  const all = (await (await fetch(`${url}/todos`)).json()) as unknown[]
  t.equal(all.length, 10_000)

  const created = await write(url, token, 'POST', '/todos', { title: 'My first todo' })
  t.equal(created.status, 202)
  const { id } = (await created.json()) as { id: string }
  await eventually(
    () => first(url),
    (todo) => todo?.id === id,
  )
  t.equal((await write(url, token, 'PUT', `/todos/${id}`, { completed: true })).status, 202)
  await eventually(
    () => first(url),
    (todo) => todo?.id === id && todo.completed,
  )

  await t.test('a second one on the same data is refused in one line', async (t) => {
    const second = start(t, { ...env, HTTP_PORT: String(await freePort()) })
    t.equal(await second.exited, 1)
    const [step, line, ...rest] = second.output().split('\n')
    t.match(step, /^Postgres, .* failed$/)
    t.match(line, /^\S*postgres is in use by another Postgres \(pid \d+\): stop .*$/)
    t.same(rest, [''])
  })
  await t.test('nothing listens beyond loopback', async (t) => {
    if (process.platform !== 'linux') return t.plan(0, 'only Linux tells what listens')
    const postgresPort = await postgresPortOf(directory)
    const ports = [port, postgresPort, ...metricsPorts]
    const sockets = (await listening()).filter((one) => ports.includes(one.port))
    t.same(new Set(sockets.map((one) => one.port)), new Set(ports))
    for (const socket of sockets) t.equal(socket.address, loopbackInProc)
  })

  const secretFile = join(directory, 'jwt-secret')
  await t.test('nobody else comes in', async (t) => {
    t.equal(await modeOf(secretFile), 0o600)
    t.equal(await modeOf(join(directory, 'postgres')), 0o700)
    const port = await postgresPortOf(directory)
    const at = `127.0.0.1:${port}/todos`
    const stranger = postgres(`postgres://postgres:postgres@${at}`, { max: 1 })
    await t.rejects(stranger`SELECT 1`, { code: '28P01' })
    await stranger.end()
    const [, file = ''] = /PGPASSWORD=\$\(cat '(.*)'\) psql/.exec(run.output()) ?? []
    const password = (await readFile(file, 'utf8')).trim()
    t.match(run.output(), ` psql -h 127.0.0.1 -p ${port} -U postgres todos\n`, 'a line to paste')
    t.notMatch(run.output(), password)
    const owner = postgres(`postgres://postgres:${password}@${at}`, { max: 1 })
    t.equal((await owner`SELECT 1`).length, 1)
    await owner.end()
    await chmod(secretFile, 0o644)
  })

  run.kill('SIGINT')
  t.equal(await run.exited, 0, 'Ctrl-C is a clean end')
  t.ok(await becomesFree(port, 1_000), 'the port is free again')

  const again = start(t, env)
  const { token: anotherToken } = await again.greeted
  t.notMatch(again.output(), /seeding/)
  t.equal(await modeOf(secretFile), 0o600, 'what was loosened is tightened')
  t.match(await first(url), { id, completed: true }, 'the data was kept')
  t.equal((await write(url, token, 'DELETE', `/todos/${id}`)).status, 202, 'and so was the secret')
  await eventually(
    () => first(url),
    (todo) => todo?.id !== id,
  )
  t.ok(anotherToken)

  await t.test('killed outright, it leaves no server behind and says what it left', async (t) => {
    again.kill('SIGKILL')
    await again.exited
    t.ok(await becomesFree(port, 10_000), 'the server went with it')
    const refused = start(t, env)
    t.equal(await refused.exited, 1)
    const pid = Number(/kill (\d+) if its starter was killed/.exec(refused.output())?.[1])
    process.kill(pid, 'SIGINT')
    await eventually(
      () => postgresPortOf(directory).catch(() => undefined),
      (gone) => gone === undefined,
    )
    const recovered = start(t, env)
    await recovered.greeted
    t.pass('and starts again once that is done')
    process.kill(recovered.pidOf('worker/main.ts'), 'SIGKILL')
    t.equal(await recovered.exited, 1, 'without its worker it stops, and says which it has lost')
    t.match(recovered.output(), /^worker\/main\.ts ended \(SIGKILL\): stopping$/m)
  })
  await t.test('without its Postgres it stops, too', async (t) => {
    const run = start(t, env)
    await run.greeted
    process.kill(run.pidOf('bin/postgres -D'), 'SIGKILL')
    t.equal(await run.exited, 1)
    t.match(run.output(), /^postgres ended \(SIGKILL\): stopping$/m)
  })
})

void t.test('what stands in the way is one line, and exit code 1', async (t) => {
  const directory = await testDirectory(t)
  const port = await freePort()
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', () => resolve()))
  t.teardown(() => taken.close())
  for (const [env, line] of [
    [{ HTTP_PORT: String(port) }, /^port \d+ is in use: .*set HTTP_PORT to another\n$/],
    [{ METRICS_PORT: String(port) }, /^port \d+ is in use: .*set METRICS_PORT to another\n$/],
    [{ WORKER_METRICS_PORT: String(port) }, /^port \d+ .*set WORKER_METRICS_PORT to another\n$/],
    [{ METRICS_PORT: 'no' }, /^METRICS_PORT is "no": set it to off, or a port from 0 to 65535\n$/],
    [{ HTTP_ENGINE: 'fast' }, /^HTTP_ENGINE is "fast": set it to node or uws\n$/],
    [{ DB_POOLSIZE: '5' }, /^DB_POOLSIZE is not a setting: did you mean DB_POOL_SIZE\?\n$/],
    [{ JWT_SECRET: 'short' }, /^JWT_SECRET is 5 bytes long: set it to .*32 bytes.*\n$/],
    [{ JWT_SECRET: 'change me'.repeat(4) }, /^JWT_SECRET is 36 bytes long: set it to .*\n$/],
    [
      { DATA_DIR: import.meta.filename },
      /^DATA_DIR is no directory to write to \(.*\): set it .*\n$/,
    ],
    [
      { JWT_SECRET: `-----BEGIN ${'x'.repeat(32)}` },
      /^JWT_SECRET is 43 bytes long: set it to .*\n$/,
    ],
  ] as const) {
    const settings: Readonly<Record<string, string>> = env
    const run = start(t, { DATA_DIR: directory, HTTP_PORT: '0', ...settings })
    t.equal(await run.exited, 1)
    t.match(run.output(), line)
  }
})

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777

/** The port that the embedded Postgres wrote into its lock file. */
const postgresPortOf = async (directory: string): Promise<number> => {
  const file = join(directory, 'postgres', 'data', 'postmaster.pid')
  return Number((await readFile(file, 'utf8')).split('\n')[3])
}

const loopbackInProc = '0100007F' // 127.0.0.1, as /proc/net/tcp writes it on a little-endian machine

type Socket = { readonly address: string; readonly port: number }

/** Every listening TCP socket of a Linux machine. */
const listening = async (): Promise<Socket[]> => {
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  )
  return tables
    .flatMap((table) => table.split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === '0A')
    .map((fields) => {
      const [address = '', port = ''] = fields[1]?.split(':') ?? []
      return { address, port: parseInt(port, 16) }
    })
}
