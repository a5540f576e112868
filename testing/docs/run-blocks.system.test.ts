// Every block of the documentation that is marked `sh run…`, pasted by a reader whose `npm start` runs
// beside it. What a page says to save is saved.

import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import t, { type Test } from 'tap'
import { signToken } from '../../lib/accounts/access-token.ts'
import { repository } from '../../scripts/paths.ts'
import { buildContract } from '../../scripts/contract.ts'
import { freePort } from '../../scripts/stack/ports.ts'
import { passwordFileIn } from '../../scripts/stack/postgres-access.ts'
import { eventually, startTimeoutMs } from '../eventually.ts'
import { testDirectory } from '../services.ts'
import { testSecret } from '../settings.ts'
import { listMarkdown, readPage } from './markdown.ts'
import { isRun, runBlocks, savedFile } from './run-blocks.ts'
import { parseShell } from './shell.ts'
import { createWorkspace } from './workspace.ts'

const root = fileURLToPath(repository)
const tokenTtlSec = 3_600

/** `npm start` in `directory`, with what a block may use of it. */
const startProduct = async (t: Test, directory: string): Promise<NodeJS.ProcessEnv> => {
  const port = await freePort()
  const grpcPort = await freePort()
  buildContract()
  const env = {
    ...process.env,
    HTTP_PORT: String(port),
    GRPC_PORT: String(grpcPort),
    HTTP_PROCESSES: '2',
    JWT_SECRET: testSecret,
    METRICS_PORT: '0',
    WORKER_METRICS_PORT: '0',
  }
  const product = spawn(process.execPath, ['scripts/start.ts'], {
    cwd: directory,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const exited = new Promise((resolve) => product.once('exit', resolve))
  t.teardown(async () => {
    product.kill('SIGTERM')
    await exited
  })
  const url = `http://127.0.0.1:${port}`
  const status = await eventually(
    async () => {
      const ended = product.exitCode === null ? undefined : 'ended'
      return ended ?? (await fetch(`${url}/ready`).catch(() => undefined))?.status
    },
    (seen) => seen === 200 || seen === 'ended',
    startTimeoutMs,
  )
  if (status === 'ended') throw new Error(`npm start ended with ${product.exitCode}`)
  return {
    ...env,
    URL: url,
    GRPC: `127.0.0.1:${grpcPort}`,
    TOKEN: signToken(testSecret, 'reader', tokenTtlSec),
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    DATABASE_URL: await databaseUrlIn(join(directory, '.data/postgres/data')),
  }
}

/** As docs/how-to/dead-letters.md says to find it. */
const databaseUrlIn = async (data: string): Promise<string> => {
  const password = await readFile(passwordFileIn(data), 'utf8')
  const port = (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')[3]
  return `postgres://postgres:${password}@127.0.0.1:${port}/todos`
}

/** Three that a newer worker can apply. */
const writeDeadLetters = async (sql: postgres.Sql) => {
  for (const n of [1, 2, 3]) {
    const record = {
      schema: 1,
      kind: 'create',
      commandId: `command-${n}`,
      userId: 'reader',
      todoId: `todo-${n}`,
      atMs: Date.now(),
      title: 'Read by a newer worker',
      description: '',
    }
    await sql`
      INSERT INTO dead_letters (log, identity, partition, record_offset, reason, record)
      SELECT log, identity, 0, ${n}, 'schema must be 1', ${Buffer.from(JSON.stringify(record))}
      FROM command_logs`
  }
}

t.test('what a page says to paste works', async (t) => {
  const directory = await createWorkspace(root, join(await testDirectory(t), 'clone'))
  const env = await startProduct(t, directory)
  const sql = postgres(env['DATABASE_URL'] ?? '', { max: 1 })
  t.teardown(() => sql.end())
  await writeDeadLetters(sql)
  for (const file of listMarkdown(root)) {
    const { fences } = readPage(root, file)
    for (const fence of fences) {
      const saved = savedFile(fence)
      if (saved !== undefined) await writeFile(join(directory, saved), fence.text)
    }
    const blocks = fences.filter(isRun)
    if (blocks.length > 0)
      t.equal(await runBlocks(file, blocks, { cwd: directory, env }), undefined, file)
  }
  for (const statement of statementsIn(listMarkdown(root))) {
    await t.resolves(sql.unsafe(`EXPLAIN ${statement}`), statement)
  }
})

/** What pages give to psql, which is not on every machine. */
const statementsIn = (files: readonly string[]): readonly string[] =>
  files.flatMap((file) =>
    readPage(root, file)
      .fences.flatMap(({ info, text }) => (info.startsWith('sh ') ? parseShell(text).commands : []))
      .flatMap((command) => /^psql \S+ -c "([^"]*)"$/.exec(command)?.[1] ?? []),
  )
