// One line of Node everywhere: what npm installs, what the image holds, what types say, what is refused.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { repository } from '../../scripts/paths.ts'
import { nodeVersionFault, nodeVersionMin } from './node-version.ts'

const text = (path: string): string => readFileSync(new URL(path, repository), 'utf8')

void t.test('a Node that is too old is refused in one line', async (t) => {
  for (const version of ['18.20.8', '20.20.2', '22.9.0', '22.21.1']) {
    const fault = nodeVersionFault(version) ?? ''
    t.match(fault, `this is Node ${version}, and 22.22 or later is needed`)
    t.notMatch(fault, '\n')
  }
  for (const version of ['22.22.0', '22.23.2', '23.0.0', '24.0.0', '100.1.0']) {
    t.equal(nodeVersionFault(version), undefined, version)
  }
})

void t.test('it is the first import of what is started', async (t) => {
  for (const program of [
    'scripts/start.ts',
    'testing/run.ts',
    'server/main.ts',
    'worker/main.ts',
  ]) {
    const [first = ''] = /^import .*$/m.exec(text(program)) ?? []
    t.match(first, /^import '\.\.\/lib\/runtime\/node-version\.ts'/, program)
  }
})

void t.test('the same Node for npm, the image and the types', async (t) => {
  const { engines, optionalDependencies, devDependencies } = JSON.parse(text('package.json')) as {
    engines: Readonly<Record<string, string>>
    optionalDependencies: Readonly<Record<string, string>>
    devDependencies: Readonly<Record<string, string>>
  }
  t.equal(engines['node'], `>=${nodeVersionMin}`)
  const runtimes = Object.entries(optionalDependencies).filter(([name]) => name.startsWith('node-'))
  t.ok(runtimes.length > 0)
  const [version = ''] = runtimes.map(([, pinned]) => pinned)
  t.match(version, /^\d+\.\d+\.\d+$/, 'pinned')
  for (const [name, pinned] of runtimes) t.equal(pinned, version, name)
  t.equal(nodeVersionFault(version), undefined)
  t.match(text('Dockerfile'), `FROM node:${version}-`)
  const [major = ''] = version.split('.')
  t.match(devDependencies['@types/node'], new RegExp(`^${major}\\.`))
})
