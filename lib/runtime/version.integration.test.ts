// One version: package.json's. What else names it agrees.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { about } from '../../server/features/docs/about.ts'
import { commit, version, versionText } from './version.ts'

const repository = new URL('../../', import.meta.url)
const read = (file: string) => readFileSync(new URL(file, repository), 'utf8')
const { version: expected } = JSON.parse(read('package.json')) as { version: string }

t.test('the version is that of package.json', async (t) => {
  t.equal(version, expected)
  t.ok(versionText.startsWith(expected))
})

t.test('what names a version names this one', async (t) => {
  const named = {
    'CHANGELOG.md': /^## \[(\d\S*)\]/m,
    'package-lock.json': /"version": "([^"]+)"/,
    Dockerfile: /image\.version="([^"]+)"/,
    'docker-compose.yml': /image: todos:(\S+)/,
    'docker-compose.scale.yml': /image: todos:(\S+)/,
    'docs/how-to/compose.md': /--tag todos:(\S+)/,
    'k8s/base/api.yaml': /image: todos:(\S+)/,
    'k8s/base/worker.yaml': /image: todos:(\S+)/,
    'k8s/overlays/production/kustomization.yaml': /newTag: (\S+)/,
  }
  for (const [file, pattern] of Object.entries(named)) {
    t.equal(pattern.exec(read(file))?.[1], expected, file)
  }
  t.equal(about.version, expected, 'info.version of the OpenAPI document')
})

t.test('the commit is what git has checked out', async (t) => {
  if (!existsSync(new URL('.git', repository))) {
    t.equal(commit, undefined)
    return
  }
  const head = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: repository, encoding: 'utf8' })
  t.equal(commit, head.trim())
})
