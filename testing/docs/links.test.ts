// Links between the pages lead somewhere: the file is there, and so is the heading that an anchor names.
// Nothing is fetched; what other sites do with their pages is not known here.

import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path/posix'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { repository } from '../../scripts/paths.ts'
import { listMarkdown, parsePage, readPage, type Page } from './markdown.ts'

const root = fileURLToPath(repository)
const pages = new Map(listMarkdown(root).map((file) => [file, readPage(root, file)]))

const faultsOf = (
  file: string,
  { links }: Page,
  all: ReadonlyMap<string, Page>,
  exists: (path: string) => boolean,
): readonly string[] =>
  links.flatMap(({ target, line }) => {
    if (/^([a-z][\w+.-]*:|\/\/)/i.test(target)) return []
    const at = `${file}:${line}`
    const [path = '', anchor] = decodeURI(target).split('#')
    if (path.startsWith('/')) return [`${at}: ${target} is not relative`]
    const to = path === '' ? file : normalize(join(dirname(file), path))
    if (!exists(to)) return [`${at}: there is no ${to}`]
    if (anchor === undefined || !to.endsWith('.md')) return []
    return all.get(to)?.anchors.has(anchor) ? [] : [`${at}: ${to} has no heading #${anchor}`]
  })

t.test('each link to a file or a heading leads there', async (t) => {
  t.ok(pages.size > 5, 'the pages were found')
  for (const [file, page] of pages) {
    t.same(
      faultsOf(file, page, pages, (path) => existsSync(join(root, path))),
      [],
      file,
    )
  }
})

t.test('a link that leads nowhere is found', async (t) => {
  const page = parsePage(
    [
      '# Here',
      '## `DB_POOL_SIZE`, and *more*',
      '## Twice',
      '## Twice',
      '<a id="by-hand"></a>',
      '[a](b.md#there) [b](b.md#not-there) [c](none.md) [d](/b.md) ![e](../lib "title")',
      '[f](#db_pool_size-and-more) [g](#twice-1) [h](#by-hand) [i](https://example.com/x) `[j](k)`',
      '```sh',
      '[l](m)',
      '```',
      '[n]: o.md',
    ].join('\n'),
  )
  const all = new Map([
    ['docs/a.md', page],
    ['docs/b.md', parsePage('# There')],
  ])
  t.same(
    faultsOf('docs/a.md', page, all, (path) => all.has(path) || path === 'lib'),
    [
      'docs/a.md:6: docs/b.md has no heading #not-there',
      'docs/a.md:6: there is no docs/none.md',
      'docs/a.md:6: /b.md is not relative',
      'docs/a.md:11: there is no docs/o.md',
    ],
  )
})

t.test('fences keep their text, and only their own end closes them', async (t) => {
  const { fences } = parsePage(
    '1. x\n\n   ````sh run\n   a\n     ```\n   b\n   ````\n\n```\nc\n```',
  )
  t.same(fences, [
    { info: 'sh run', line: 3, text: 'a\n  ```\nb' },
    { info: '', line: 9, text: 'c' },
  ])
  t.throws(() => parsePage('```sh\na'), { message: 'the fence of line 1 is never closed' })
})
