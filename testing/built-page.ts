// A page as a build leaves it, in a directory of the test's own. For tests.

import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'

/** By their names. The script is long enough to be compressed, the style is not. */
export const pageFiles = {
  'index.html': '<!doctype html><script type="module" src="/app/assets/index-a1.js"></script>',
  'assets/index-a1.js': 'export const word = "todo"\n'.repeat(200),
  'assets/index-b2.css': 'p { margin: 0 }',
  'sw.js': 'self.onfetch = undefined',
  'manifest.webmanifest': '{"name":"Todos"}',
  'icon.png': '\u0089PNG',
} as const

/** Its directory. */
export const builtPage = async (t: Test): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'page-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  await buildPage(directory)
  return directory
}

/** Long ago: what was written just now is still being built. */
export const buildPage = async (directory: string, at = new Date(0)): Promise<void> => {
  for (const [name, text] of Object.entries(pageFiles)) {
    const path = join(directory, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
    await utimes(path, at, at)
  }
}
