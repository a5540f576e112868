// A bundled package is the package: it exports the same names, and what two bundles share is there once.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import t from 'tap'
import { bundlePackages } from './bundled-packages.ts'
import { testDirectory } from './services.ts'

const hooks = fileURLToPath(new URL('quick-start.cjs', import.meta.url))

t.test('bundled packages', async (t) => {
  const directory = await testDirectory(t)
  await bundlePackages(directory)
  const text = readFileSync(join(directory, 'packages.json'), 'utf8')
  const urls = JSON.parse(text) as Readonly<Record<string, string>>
  for (const [name, url] of Object.entries(urls)) {
    const names = Object.keys((await import(name)) as object)
    t.same(
      Object.keys((await import(url)) as object),
      names.filter((one) => one !== 'module.exports'),
      name,
    )
  }
  const withErrors = readdirSync(directory).filter((file) =>
    /class _?ConnectError\b/.test(readFileSync(join(directory, file), 'utf8')),
  )
  t.equal(withErrors.length, 1, 'one class for whoever throws and whoever asks')
})

t.test('a process takes the bundle', async (t) => {
  const directory = t.testdir({
    'packages.json': '',
    'bundle.mjs': "export const parse = () => 'bundled'",
    'main.ts': "import { parse } from 'yaml'\nconsole.log(parse('plain'))",
  })
  const run = () =>
    execFileSync(process.execPath, ['--require', hooks, join(directory, 'main.ts')], {
      env: { QUICK_START_DIRECTORY: directory },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  t.equal(run(), 'plain\n', 'without one, the package')
  const yaml = pathToFileURL(join(directory, 'bundle.mjs')).href
  writeFileSync(join(directory, 'packages.json'), JSON.stringify({ yaml }))
  t.equal(run(), 'bundled\n')
})
