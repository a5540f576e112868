// The printed pages are what the code says today, and name all that there is.

import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { join } from 'node:path/posix'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { readConfig, settings } from '../../lib/runtime/config/config.ts'
import { readPaths } from '../../testing/house-files.ts'
import { isTest } from '../../testing/lanes.ts'
import { repository } from '../paths.ts'
import { helpsIn } from './commands-page.ts'
import { envExample } from './env-example.ts'
import { metricGroups } from './metric-groups.ts'
import { anchorOf, prose, table } from './markdown.ts'
import { commandsPath, printPages } from './pages.ts'

const root = fileURLToPath(repository)
const read = (path: string) => readFileSync(join(root, path), 'utf8')

const withoutCode = (markdown: string): string => markdown.replaceAll(/```[^]*?```/g, '')

const anchorsOf = (markdown: string): string[] =>
  [...withoutCode(markdown).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading))

/** What programs say is held to them by scripts/commands.integration.test.ts, which runs them. */
const printedPages = printPages(helpsIn(read(commandsPath)))

for (const { path, text } of printedPages) {
  t.test(`${path} is current`, async (t) => {
    t.ok(read(path) === text, 'run npm run docs:print')
  })
}

t.test('links between the printed pages lead to a heading that is there once', async (t) => {
  const pages = new Map(printedPages.map(({ path, text }) => [path.split('/').at(-1), text]))
  const link = /\]\(([\w-]*(?:\.md)?)#([^)]+)\)/g
  for (const [name = '', text] of pages) {
    if (!name.endsWith('.md')) continue
    const anchors = anchorsOf(text)
    t.same(
      anchors.filter((one, i) => anchors.indexOf(one) !== i),
      [],
      name,
    )
    const broken = [...withoutCode(text).matchAll(link)].filter(
      ([, page = '', anchor = '']) => !anchorsOf(pages.get(page || name) ?? '').includes(anchor),
    )
    t.same(
      broken.map(([found]) => found),
      [],
      name,
    )
  }
})

t.test(
  '.env.example sets every setting to its default, and is a comment to the last line',
  async (t) => {
    const text = envExample()
    t.same(
      text.split('\n').filter((line) => line !== '' && !line.startsWith('# ')),
      [],
    )
    const all = parseEnv(text.replaceAll(/^# (?=[A-Z_]+=)/gm, ''))
    t.same(Object.keys(all).sort(), Object.keys(settings).sort())
    const required = { JWT_SECRET: 'x'.repeat(32) }
    t.same(readConfig({ ...all, ...required }, 'server'), readConfig(required, 'server'))
  },
)

t.test('each metric that the code defines is on its page', async (t) => {
  const known = metricGroups.flatMap(({ metrics }) => metrics.map(({ name }) => name))
  const definition = /name: '((?:todos|http|process|nodejs)_\w+)'/g
  const files = readPaths(root).filter((path) => /^(lib|server|worker)\/.*\.ts$/.test(path))
  const defined = files
    .filter((path) => !isTest(path))
    .flatMap((path) => [...read(path).matchAll(definition)].map(([, name = '']) => name))
  t.ok(defined.length > 20)
  t.same(
    defined.filter((name) => !known.includes(name)),
    [],
    'if not: add where it is defined to scripts/docs/metric-groups.ts',
  )
})

t.test('text becomes Markdown that GitHub and the site show as it was', async (t) => {
  t.equal(prose('at <URL>, `<a>` and {{ x }}'), 'at &lt;URL>, `<a>` and &#123;{ x }}')
  t.equal(prose('[::1] and *'), '\\[::1\\] and \\*')
  t.equal(table(['a', 'b'], [['1|2', '3\n4']]), '| a | b |\n| --- | --- |\n| 1\\|2 | 3 4 |')
  t.equal(anchorOf('Kafka: TLS and login'), 'kafka-tls-and-login')
  t.equal(anchorOf('DB_POOL_SIZE'), 'db_pool_size')
})
