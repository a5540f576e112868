// The pages name files, folders and npm scripts: each of them exists.
// A reader who follows a name that has moved is lost, and no compiler notices.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path/posix'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { repository } from '../../scripts/paths.ts'
import { listMarkdown } from './markdown.ts'

const root = fileURLToPath(repository)
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const { scripts } = JSON.parse(read('package.json')) as {
  scripts: Readonly<Record<string, string>>
}
const folders = 'bench|k8s|lib|nginx|scripts|server|sql|testing|worker|\\.ci'
/** It is the door: what takes longer to say has its page in docs/. */
const readmeLinesMax = 150

const missingPaths = (text: string): readonly string[] => {
  const paths = text.matchAll(new RegExp(`(?<![\\w./-])(?:${folders})/[\\w./-]*(?![\\w*…])`, 'g'))
  return [...paths]
    .map(([path]) => path.replace(/\.$/, ''))
    .filter((path) => !existsSync(join(root, path)))
}

const missingScripts = (text: string): readonly string[] =>
  [...text.matchAll(/npm run (?:-s )?([a-z][\w:-]*)/g)]
    .map(([, script = '']) => script)
    .filter((script) => !(script in scripts))

t.test('each file, folder and npm script that a page names exists', async (t) => {
  for (const file of listMarkdown(root)) {
    t.same(missingPaths(read(file)), [], file)
    t.same(missingScripts(read(file)), [], file)
  }
  t.same(missingPaths('see `lib/nowhere.ts` and dist/server/main.js'), ['lib/nowhere.ts'])
  t.same(missingScripts('`npm run nothing`, `npm run -s lag`'), ['nothing'])
})

t.test('the README is short', async (t) => {
  const lines = read('README.md').trimEnd().split('\n').length
  t.ok(lines <= readmeLinesMax, `${lines} lines, of ${readmeLinesMax}`)
})

t.test('each npm command but those of development reads .env, which git ignores', async (t) => {
  const development = /^(test|typecheck|lint|build|dev|docs|k8s)(:|$)/
  for (const [name, command] of Object.entries(scripts)) {
    t.equal(command.includes('--import ./scripts/preload.js '), !development.test(name), name)
  }
  // npm hands a signal to the shell that it started: it must be the program, or the program goes on.
  for (const name of ['start', 'server', 'worker', 'services'])
    t.match(scripts[name], /^exec node /, name)
  t.ok(read('.gitignore').split('\n').includes('.env'))
})
