// The README names files, folders and npm scripts: each of them exists.
// A reader who follows a name that has moved is lost, and no compiler notices.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const repository = new URL('../', import.meta.url)
const readme = readFileSync(new URL('README.md', repository), 'utf8')
const folders = 'bench|k8s|lib|nginx|scripts|server|sql|testing|worker|\\.ci'

const missingPaths = (text: string): readonly string[] => {
  const paths = text.matchAll(new RegExp(`(?<![\\w./-])(?:${folders})/[\\w./-]*`, 'g'))
  return [...paths]
    .map(([path]) => path)
    .filter((path) => !existsSync(fileURLToPath(new URL(path, repository))))
}

const missingScripts = (text: string, scripts: object): readonly string[] =>
  [...text.matchAll(/npm run ([\w:-]+)/g)]
    .map(([, script = '']) => script)
    .filter((script) => !(script in scripts))

t.test('each file and folder that it names exists', async (t) => {
  t.same(missingPaths(readme), [])
  t.same(missingPaths('see `lib/nowhere.ts` and dist/server/main.js'), ['lib/nowhere.ts'])
})

t.test('each npm script that it names exists', async (t) => {
  const packageText = readFileSync(new URL('package.json', repository), 'utf8')
  const { scripts } = JSON.parse(packageText) as { scripts: object }
  t.same(missingScripts(readme, scripts), [])
  t.same(missingScripts('`npm run nothing`, `npm run lag`', scripts), ['nothing'])
})

t.test('each npm command but those of development reads .env, which git ignores', async (t) => {
  const packageText = readFileSync(new URL('package.json', repository), 'utf8')
  const { scripts } = JSON.parse(packageText) as { scripts: Readonly<Record<string, string>> }
  const development = /^(test|typecheck|lint|build|docs)(:|$)/
  for (const [name, command] of Object.entries(scripts)) {
    t.equal(command.includes('--import ./scripts/preload.js '), !development.test(name), name)
  }
  const ignored = readFileSync(new URL('.gitignore', repository), 'utf8').split('\n')
  t.ok(ignored.includes('.env'))
})
