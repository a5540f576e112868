// What every npm script loads first: it reads .env, and refuses an old Node in one line that a newer
// option of Node must not forestall.

import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { repository } from './paths.ts'

const preload = new URL('scripts/preload.js', repository).href
const program = 'console.log(process.env.FROM_FILE, process.env.FROM_BOTH)'

const run = (cwd: string, options: readonly string[] = []) => {
  const { NODE_OPTIONS: _, ...env } = process.env
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...options, '--import', preload, '--eval', program],
    { cwd, env: { ...env, FROM_BOTH: 'environment' }, encoding: 'utf8' },
  )
  return { status, stdout, stderr }
}

t.test('.env fills in what the environment leaves out', async (t) => {
  const directory = t.testdir({ '.env': 'FROM_FILE=file\nFROM_BOTH=file\n' })
  t.same(run(directory), { status: 0, stdout: 'file environment\n', stderr: '' })
})

t.test('a .env that is no file is one line', async (t) => {
  const directory = t.testdir()
  mkdirSync(join(directory, '.env'))
  const { status, stderr } = run(directory)
  t.equal(status, 1)
  t.match(stderr, /^\.env can't be read \(.*\): make it .*\n$/)
})

t.test('an old Node is refused in one line, with .env and without', async (t) => {
  const older = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })`
  const directory = t.testdir()
  for (const withFile of [false, true]) {
    if (withFile) writeFileSync(join(directory, '.env'), 'FROM_FILE=file\n')
    const { status, stdout, stderr } = run(directory, ['--import', encodeURI(older)])
    t.same([status, stdout], [1, ''])
    t.match(stderr, /^this is Node 20\.20\.2, and 22\.22 or later is needed: .*\n$/)
  }
})
