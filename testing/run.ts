// npm test [files]: types, lint, then every test against real services, the shared ones started here
// once. What is not on this machine is skipped and named; with CI=true nothing is skipped.

import '../lib/runtime/node-version.ts' // first: it refuses a Node that is too old
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { repository } from '../scripts/paths.ts'
import { startKafka } from '../scripts/stack/kafka.ts'
import { startNginx } from '../scripts/stack/nginx.ts'
import { startPostgres } from '../scripts/stack/postgres.ts'
import { startRedis } from '../scripts/stack/redis.ts'
import { ServiceMissing, type Service } from '../scripts/stack/service.ts'
import { createTestReport, type FailedFile } from './report.ts'
import { makeTemporaryDirectory } from '../scripts/stack/temporary-directory.ts'
import { sharedVariables } from './services.ts'

/**
 * Tests that hunt for what must never happen: failing once is the finding. Any other file that fails
 * is run again, alone, since it may have failed only because of what ran beside it; then it counts as
 * passed, and is named.
 */
const hunts = [
  'lib/command-log/',
  'lib/drivers/kafka/',
  'lib/rate-limit/',
  'server/http/engines/',
  'server/features/public-lists/fill-races.test.ts',
  'server/features/public-lists/freshness.test.ts',
  'testing/system/',
  'worker/',
]

const main = async (files: readonly string[]): Promise<number> => {
  const directory = await makeTemporaryDirectory()
  const running: Service[] = []
  const missing: string[] = []
  const start = async (launch: () => Promise<Service>): Promise<Service | undefined> => {
    try {
      const service = await launch()
      running.push(service)
      return service
    } catch (error) {
      if (!(error instanceof ServiceMissing)) throw error
      missing.push(error.message)
      return undefined
    }
  }
  const at = (name: string) => ({ directory: join(directory, name) })

  try {
    if (
      files.length === 0 &&
      !(run('tsc', []) && run('eslint', ['.']) && run('prettier', ['--check', '.']))
    ) {
      return 1
    }
    const postgres = await start(() => startPostgres({ ...at('postgres'), durable: false }))
    const kafka = await start(() => startKafka(at('kafka')))
    // Tests start their own Redis and Nginx: here it is only seen whether they can.
    await start(() => startRedis(at('redis')))
    await start(() => startNginx({ ...at('nginx'), mode: 'stream', upstreams: ['127.0.0.1:9'] }))
    if (missing.length > 0 && process.env['CI']) {
      console.error(`CI must skip nothing:\n${missing.join('\n')}`)
      return 1
    }
    const passed = await runTests(files, {
      ...process.env,
      ...(postgres && { [sharedVariables.postgres]: postgres.url }),
      ...(kafka && { [sharedVariables.kafka]: kafka.url }),
    })
    for (const message of missing) console.log(`skipped what needs it: ${message}`)
    return passed ? 0 : 1
  } finally {
    for (const service of running.toReversed()) await service.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

const runTests = async (files: readonly string[], env: NodeJS.ProcessEnv): Promise<boolean> => {
  const first = await tap(files, env)
  if (first.passed) return true
  print(first.failures)
  const suspects = first.failures.map(({ file }) => file)
  // Many failures have one cause, and nothing that ran beside a file is the cause of a find.
  if (suspects.length === 0 || suspects.length > 3 || suspects.some(isHunt)) return false

  console.log(`\nonce more, alone: ${suspects.join(', ')}`)
  const second = await tap(['--jobs=1', ...suspects], env)
  print(second.failures)
  if (second.passed) console.log(`\nUNSTEADY, passed only when alone: ${suspects.join(', ')}`)
  return second.passed
}

const isHunt = (file: string): boolean => hunts.some((start) => file.startsWith(start))

const tap = async (args: readonly string[], env: NodeJS.ProcessEnv) => {
  const line = ['run', '--reporter=tap', ...args]
  console.log(`\n> tap ${line.join(' ')}`)
  const child = spawn(process.execPath, [binary('tap'), ...line], {
    stdio: ['inherit', 'pipe', 'inherit'],
    env,
  })
  const closed = once(child, 'close')
  const report = createTestReport(console.log)
  for await (const text of createInterface({ input: child.stdout })) report.line(text)
  await closed
  return { passed: child.exitCode === 0, failures: report.failures() }
}

const print = (failures: readonly FailedFile[]): void => {
  for (const { file, text } of failures) console.log(`\nFAILED ${file}\n${text}`)
}

const run = (command: string, args: readonly string[]): boolean => {
  console.log(`\n> ${command} ${args.join(' ')}`)
  return spawnSync(process.execPath, [binary(command), ...args], { stdio: 'inherit' }).status === 0
}

/** Started by this Node: what its first line would find first may be another one. */
const binary = (name: string): string =>
  fileURLToPath(new URL(`node_modules/.bin/${name}`, repository))

process.exitCode = await main(process.argv.slice(2))
