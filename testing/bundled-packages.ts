// Each package that servers and workers load, as one file, for the processes of a test run: most of the
// CPU of a start is Node's, which looks for some two hundred files of packages and reads what they export.
// quick-start.cjs takes them. What is ours is loaded as it is, and so are packages with binaries.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { repository } from '../scripts/paths.ts'

/** As they are imported. */
const bundled = [
  '@bufbuild/protobuf',
  '@bufbuild/protobuf/wkt',
  '@connectrpc/connect',
  '@connectrpc/connect-node',
  '@connectrpc/connect/protocol-grpc',
  '@opentelemetry/api',
  '@prometheus-io/client',
  'fast-jwt',
  'hyperid',
  'ioredis',
  'nodemailer',
  'pino',
  'postgres',
  'ws',
] as const

/** What CommonJS has in each file, for those among them. */
const commonJs = `import { createRequire as makeRequire } from 'node:module'
const require = makeRequire(import.meta.url)
const __filename = import.meta.filename
const __dirname = import.meta.dirname`

/** Writes them to `directory`, and which is where to packages.json. */
export const bundlePackages = async (directory: string): Promise<void> => {
  const entries = await Promise.all(
    bundled.map(async (name) => ({ name, text: await reExport(name) })),
  )
  const root = fileURLToPath(repository)
  await build({
    entryPoints: entries.map(({ name }) => ({ in: name, out: outOf(name) })),
    plugins: [
      {
        name: 'entries',
        setup(build) {
          build.onResolve({ filter: /./ }, ({ kind, path }) =>
            kind === 'entry-point' ? { path, namespace: 'entries' } : undefined,
          )
          build.onLoad({ filter: /./, namespace: 'entries' }, ({ path }) => ({
            contents: entries.find(({ name }) => name === path)?.text ?? '',
            resolveDir: root,
          }))
        },
      },
    ],
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    // What two of them use stays one.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    banner: { js: commonJs },
    logLevel: 'error',
  })
  const urls = entries.map(
    ({ name }) => [name, pathToFileURL(join(directory, `${outOf(name)}.mjs`)).href] as const,
  )
  await writeFile(join(directory, 'packages.json'), JSON.stringify(Object.fromEntries(urls)))
}

const outOf = (name: string) => name.replaceAll('/', '%')

/** Each name by itself: of a CommonJS module no bundler knows them all. */
const reExport = async (name: string): Promise<string> => {
  const names = Object.keys((await import(name)) as object).filter((one) => /^\w+$/.test(one))
  return `export { ${names.join(', ')} } from '${name}'`
}
