// npm test [files]: types, lint, then every test against real services, the shared ones started here
// once. What is not on this machine is skipped and named; with CI=true nothing is skipped.

import { spawnSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { repository } from './paths.ts'
import { startKafka } from './services/kafka.ts'
import { startNginx } from './services/nginx.ts'
import { startPostgres } from './services/postgres.ts'
import { startRedis } from './services/redis.ts'
import { ServiceMissing, type Service } from './services/service.ts'
import { makeTemporaryDirectory, sharedVariables } from './testing.ts'

const run = (command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): boolean => {
  console.log(`\n> ${command} ${args.join(' ')}`)
  const { status } = spawnSync(
    fileURLToPath(new URL(`node_modules/.bin/${command}`, repository)),
    args,
    {
      stdio: 'inherit',
      env: { ...process.env, ...env },
    },
  )
  return status === 0
}

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
    const passed = run('tap', ['run', ...files], {
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

process.exitCode = await main(process.argv.slice(2))
