// Every block of the documentation that is marked `sh run` or `sh run=start`, pasted by a reader whose
// `npm start` runs beside it.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { signToken } from '../../lib/accounts/access-token.ts'
import { repository } from '../../scripts/paths.ts'
import { freePort } from '../../scripts/stack/ports.ts'
import { eventually, startTimeoutMs } from '../eventually.ts'
import { testDirectory } from '../services.ts'
import { testSecret } from '../settings.ts'
import { listMarkdown, readPage } from './markdown.ts'
import { isRun, runBlocks } from './run-blocks.ts'

const root = fileURLToPath(repository)
const tokenTtlSec = 3_600

/** `npm start`, with what a block may use of it. */
const startProduct = async (t: Test): Promise<NodeJS.ProcessEnv> => {
  const port = await freePort()
  const env = {
    ...process.env,
    DATA_DIR: join(await testDirectory(t), 'data'),
    HTTP_PORT: String(port),
    HTTP_PROCESSES: '2',
    JWT_SECRET: testSecret,
    METRICS_PORT: '0',
    WORKER_METRICS_PORT: '0',
  }
  const product = spawn(process.execPath, ['scripts/start.ts'], {
    cwd: root,
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
  return { ...env, URL: url, TOKEN: signToken(testSecret, 'reader', tokenTtlSec) }
}

t.test('what a page says to paste works', async (t) => {
  const env = await startProduct(t)
  for (const file of listMarkdown(root)) {
    const blocks = readPage(root, file).fences.filter(isRun)
    if (blocks.length === 0) continue
    t.equal(await runBlocks(file, blocks, { cwd: root, env }), undefined, file)
  }
})
