// What npm's scripts load before a command: .env, TypeScript, and the check of Node's version. Not
// `--env-file-if-exists`: a Node before 22.9 refuses that option before our line can say what to do.

import { existsSync } from 'node:fs'

// What the environment has is kept. A Node that lacks the function is refused below.
if (existsSync('.env') && typeof process.loadEnvFile === 'function') {
  try {
    process.loadEnvFile('.env')
  } catch (error) {
    process.stderr.write(
      `.env can't be read (${/** @type {Error} */ (error).message}): make it a file of NAME=value lines that you may read\n`,
    )
    process.exit(1)
  }
}

// @ts-expect-error: it has no types, and nothing is taken from it.
await import('tsx')
await import('../lib/runtime/node-version.ts')

// What the gRPC port serves is built from proto/, and no part of a clone.
if ((process.env.GRPC_PORT ?? 'off') !== 'off') (await import('./contract.ts')).buildContract()
