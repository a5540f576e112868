// The page as it is deployed: built, served by a server of ours with a worker behind it and a mail server beside
// it, and looked at with a browser. One for a test file.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Browser } from 'playwright-core'
import type { Test } from 'tap'
import { repository } from '../../scripts/paths.ts'
import { startWorker, type Running } from '../../scripts/stack/processes.ts'
import { startRedis } from '../../scripts/stack/redis.ts'
import { createAuthClient, startAuthServer, type AuthClient } from '../auth-client.ts'
import { eventually } from '../eventually.ts'
import { startMailServer, type MailServer } from '../mail-server.ts'
import { restartable, type RestartableService } from '../restartable.ts'
import { orSkip, testDirectory, testKafka } from '../services.ts'
import { startBrowser } from './browser.ts'

export type PageStack = {
  readonly url: string
  readonly browser: Browser
  readonly mail: MailServer
  readonly client: AuthClient
  readonly env: Readonly<Record<string, string>>
  readonly server: Running
  /** With STACK=real. */
  readonly redis: RestartableService | undefined
}

/** `npm run test:web`: what takes longer than a run of all tests has time for. */
export const isLong = process.env['WEB_FLOWS'] === 'long'
export const isReal = process.env['STACK'] === 'real'

const run = promisify(execFile)

/** Undefined, and the test skipped, without a browser or the services of `STACK`. */
export const startPageStack = async (
  t: Test,
  settings: Readonly<Record<string, string>> = {},
): Promise<PageStack | undefined> => {
  const redis = isReal ? await orSkip(t, () => restartable(t, startRedis)) : undefined
  const brokers = isReal ? await testKafka(t) : undefined
  if (isReal && !(redis && brokers)) return undefined
  const stack =
    redis && brokers !== undefined
      ? { REDIS_URL: redis.url, KAFKA_BROKERS: brokers }
      : { COMMAND_LOG: 'postgres', LIST_CACHE: 'postgres' }
  const browser = await orSkip(t, startBrowser)
  if (!browser) return undefined
  t.teardown(() => browser.close())
  const directory = await testDirectory(t)
  await buildInto(directory)
  const mail = await startMailServer(t)
  const { server, env } = await startAuthServer(t, {
    ...stack,
    HTTP_ENGINE: process.env['HTTP_ENGINE'] ?? 'node',
    PAGE_DIRECTORY: directory,
    SMTP_URL: mail.url,
    MAIL_FROM: 'todos@example.com',
    MAIL_LINK_URL: 'https://todos.example/app',
    LOG_LEVEL: 'warn',
    LIVE_RECONNECT_SPREAD_MS: '200',
    ...settings,
  })
  const worker = await startWorker(env)
  t.teardown(() => worker.stop())
  const url = `http://127.0.0.1:${server.port}`
  await eventually(
    () => fetch(`${url}/app`).then(({ status }) => status),
    (status) => status === 200,
  )
  return { url, browser, mail, client: createAuthClient(server.port), env, server, redis }
}

const buildInto = async (directory: string) => {
  const vite = fileURLToPath(new URL('node_modules/vite/bin/vite.js', repository))
  const args = ['build', '--config', 'web/vite.config.ts', '--outDir', directory, '--emptyOutDir']
  await run(process.execPath, [vite, ...args, '--logLevel', 'warn'], {
    cwd: fileURLToPath(repository),
  })
}
