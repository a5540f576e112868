// Every npm script that is a command of ours: --help, -h and --version answer and do nothing else, and
// what is not understood ends with 2. A user's first contact with a command is one of these.

import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { versionText } from '../lib/runtime/version.ts'
import { repository } from './paths.ts'

type Package = { readonly scripts: Readonly<Record<string, string>> }

/** File and name of each; not those that run a tool (tsc, eslint) or another script of npm. */
const commands = (): ReadonlyMap<string, string> => {
  const text = readFileSync(new URL('package.json', repository), 'utf8')
  const { scripts } = JSON.parse(text) as Package
  return new Map(
    Object.entries(scripts).flatMap(([name, command]) => {
      const file = /^(?:exec )?node .*?(\S+\.ts)$/.exec(command)?.[1]
      return file === undefined ? [] : [[name, file] as const]
    }),
  )
}

/** Where all services seem to be: it counts who comes. */
const startCounting = async (t: Test) => {
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  return { port, connections: () => connections }
}

const run = async (file: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv) => {
  const child = spawn(process.execPath, [fileURLToPath(new URL(file, repository)), ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (data: Buffer) => (output.stdout += data.toString()))
  child.stderr.on('data', (data: Buffer) => (output.stderr += data.toString()))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, ...output }
}

t.test('each command answers --help and -h, and refuses what it does not know', async (t) => {
  const all = commands()
  t.ok(all.size > 15, 'package.json was read')
  const page = readFileSync(new URL('docs/reference/commands.md', repository), 'utf8')
  const counting = await startCounting(t)
  const cwd = t.testdir()
  const at = `127.0.0.1:${counting.port}`
  const env = {
    DATABASE_URL: `postgres://nobody@${at}/none`,
    REDIS_URL: `redis://${at}/0`,
    KAFKA_BROKERS: at,
    DATA_DIR: cwd,
  }
  for (const [index, [name, file]] of [...all].entries()) {
    const [help, wrong] = await Promise.all([
      // One function answers both: each command is asked with one of them.
      run(file, [index % 2 === 0 ? '--help' : '-h'], cwd, env),
      run(file, ['--no-such-option'], cwd, env),
    ])
    t.match(help, { code: 0, stderr: '' }, name)
    const called = name === 'start' || name === 'test' ? `npm ${name}` : `npm run ${name}`
    t.ok(help.stdout.startsWith(`usage: ${called}`), help.stdout)
    t.ok(page.includes(`\n${help.stdout}`), `${name}: run npm run docs:print`)
    t.match(wrong, { code: 2, stdout: '' }, name)
    t.match(wrong.stderr, /^[^\n]*--no-such-option[^\n]*; usage: npm [^\n]*\n$/, name)
  }
  t.equal(counting.connections(), 0, 'no connection was opened')
  t.same(readdirSync(cwd), [], 'no file was written')
})

t.test('--version is that of package.json', async (t) => {
  const cwd = t.testdir()
  for (const file of ['server/main.ts', 'worker/main.ts', 'scripts/lag.ts', 'bench/run.ts']) {
    const { code, stdout } = await run(file, ['--version'], cwd, {})
    t.same([code, stdout], [0, `${versionText}\n`], file)
  }
})

t.test(
  'what writes is refused where no setting says where, and names it where one does',
  async (t) => {
    const cwd = t.testdir()
    const none = {
      DATABASE_URL: '',
      DATABASE_DIRECT_URL: '',
      KAFKA_BROKERS: '',
      COMMAND_LOG: 'kafka',
    }
    const writes = {
      'scripts/seed.ts': ['10'],
      'scripts/migrate.ts': [],
      'scripts/dead-letters.ts': ['discard', '--all'],
      'scripts/command-log.ts': ['adopt', '--from', 'end'],
    }
    for (const [file, args] of Object.entries(writes)) {
      const { code, stdout, stderr } = await run(file, args, cwd, none)
      t.same([code, stdout], [2, ''], file)
      t.match(
        stderr,
        /^writes to postgres:\/\/postgres@localhost:5432\/todos \(DATABASE_URL is not/,
      )
      t.match(stderr, /nothing was written: set DATABASE_URL.*--yes/)
    }
    const { port } = await startCounting(t)
    const { code, stderr } = await run('scripts/seed.ts', ['10'], cwd, {
      ...none,
      DATABASE_URL: `postgres://ann:hunter2@127.0.0.1:${port}/todos`,
    })
    t.equal(code, 1)
    t.match(stderr, `writes to postgres://ann@127.0.0.1:${port}/todos (DATABASE_URL)\n`)
    t.notMatch(stderr, 'hunter2')
  },
)
