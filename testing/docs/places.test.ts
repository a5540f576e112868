// Everything that a reader may look up has its place in docs/: each endpoint, setting, metric, command,
// alert and problem. The names are read from the code, so what is added later is missed here at once.

import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path/posix'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { settings } from '../../lib/runtime/config/config.ts'
import { repository } from '../../scripts/paths.ts'
import { problemTitles } from '../../server/http/problem.ts'
import { isSource, readPaths } from '../house-files.ts'
import { endpoints } from '../openapi/document.ts'
import { listMarkdown } from './markdown.ts'

type Kind = {
  readonly name: string
  readonly page: string
  /** What the page has to say, as it stands there. */
  readonly texts: () => readonly string[]
}

const root = fileURLToPath(repository)
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** All that `pattern` captures in the code that is deployed. */
const namesIn = (pattern: RegExp): readonly string[] => {
  const files = readPaths(root).filter(
    (file) => /^(lib|server|worker)\//.test(file) && isSource(file) && !file.endsWith('.test.ts'),
  )
  const found = files.flatMap((file) =>
    [...read(file).matchAll(pattern)].map(([, name = '']) => name),
  )
  return [...new Set(found)].sort()
}

const commands = (): readonly string[] => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: object }
  return Object.keys(scripts).map((name) =>
    ['start', 'test'].includes(name) ? `npm ${name}` : `npm run ${name}`,
  )
}

const kinds: readonly Kind[] = [
  {
    name: 'endpoint',
    page: 'docs/reference/api.md',
    // A path that may go on is shown as one with a parameter.
    texts: () => endpoints.map(({ method, path }) => `${method} ${path.replace('*', '')}`),
  },
  { name: 'setting', page: 'docs/reference/settings.md', texts: () => Object.keys(settings) },
  {
    name: 'metric',
    page: 'docs/reference/metrics.md',
    texts: () => namesIn(/name: '((?:todos|http_server)_\w+)'/g),
  },
  { name: 'command', page: 'docs/reference/commands.md', texts: commands },
  {
    name: 'alert',
    page: 'docs/runbook.md',
    texts: () =>
      [...read('k8s/monitoring/alerts.yaml').matchAll(/- alert: (\w+)/g)].map(
        ([, name = '']) => `## ${name}`,
      ),
  },
  {
    name: 'problem',
    page: 'docs/reference/problems.md',
    texts: () => [...Object.keys(problemTitles), ...namesIn(/\bslug: '([a-z0-9-]+)'/g)],
  },
]

const escaped = (text: string): string => text.replaceAll(/[^\w ]/g, '\\$&')

/** A name counts where it stands as a whole: `LIMIT_READ` is not found in `LIMIT_READ_BURST`. */
const missingIn = (page: string, texts: readonly string[]): readonly string[] => {
  const plain = page.replaceAll(/\{(\w+)\}/g, ':$1').replaceAll('`', '')
  return texts.filter(
    (text) => !new RegExp(`(?<![\\w/:-])${escaped(text)}(?![\\w/:-])`).test(plain),
  )
}

for (const { name, page, texts } of kinds) {
  t.test(`each ${name} has its place in ${page}`, async (t) => {
    t.ok(texts().length > 10, `${texts().length} were found in the code`)
    const text = existsSync(join(root, page)) ? read(page) : ''
    t.same(missingIn(text, texts()), [], `npm run docs:print, or write it there`)
  })
}

t.test('what is missing is found', async (t) => {
  const page = '## `GET /todos/{id}`\nLIMIT_READ_BURST, npm run bench:tune\n## TodosLagging'
  t.same(missingIn(page, ['GET /todos/:id', 'LIMIT_READ_BURST', 'npm run bench:tune']), [])
  const absent = ['GET /todos', 'LIMIT_READ', 'npm run bench', '## TodosLag']
  t.same(missingIn(page, absent), absent)
})

t.test('each page is of one of the four kinds, and begins with whom it is for', async (t) => {
  const topPages = ['index', 'runbook', 'troubleshooting', 'glossary']
  const folders = ['tutorials', 'how-to', 'reference', 'explanation']
  for (const file of listMarkdown(root).filter((one) => one.startsWith('docs/'))) {
    const [, folder = '', rest] = file.split('/')
    const isKnown =
      rest === undefined ? topPages.includes(basename(file, '.md')) : folders.includes(folder)
    t.ok(isKnown, `${file} stands in ${folders.join(', ')}, or is listed here`)
    t.match(read(file), /^# .+\n\n(<!-- .* -->\n\n)?[A-Z`][^]*?\.(\n|$| )/, file)
  }
})
