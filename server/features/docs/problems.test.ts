// Every type of problem has a page, at the address that `type` is.

import { readdir, readFile } from 'node:fs/promises'
import t from 'tap'
import { repository } from '../../../scripts/paths.ts'
import { nobody } from '../../../testing/endpoint.ts'
import { document, endpoints, problems } from '../../../testing/openapi/document.ts'
import { silentLog } from '../../../testing/settings.ts'
import { operationsOf } from '../../http/contract/openapi.ts'
import { problemCatalogue } from '../../http/contract/problem-catalogue.ts'
import type { Request } from '../../http/engines/engine.ts'
import { problemBody, typeUrl } from '../../http/problem.ts'
import { createRouter } from '../../http/router.ts'
import { problemTypesOf } from './operation.ts'

const handle = createRouter({ ...nobody, endpoints, log: silentLog })
const ask = async (path: string, ifNoneMatch?: string) => {
  const { status, headers, body } = await handle({
    method: 'GET',
    path,
    query: '',
    header: (name) => (name === 'if-none-match' ? ifNoneMatch : undefined),
    remoteAddress: () => '10.0.0.1',
    body: () => Promise.reject(new Error('nobody reads it')),
  } satisfies Request)
  return { status, text: body.toString(), etag: headers[headers.indexOf('ETag') + 1] }
}

t.test('its address answers with what it means and what to do', async (t) => {
  for (const { type, kinds } of problems) {
    const { status, text, etag } = await ask(typeUrl(type))
    t.equal(status, 200, type.slug)
    const shown = text.replaceAll(/<[^>]*>/g, '').replaceAll('&#39;', "'")
    for (const part of [type.slug, type.when, type.remedy, ...kinds.map(({ detail }) => detail)]) {
      const expected = part.replaceAll('`', '').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
      t.ok(shown.includes(expected), `${type.slug}: ${part}`)
    }
    t.match(await ask(typeUrl(type), etag), { status: 304, text: '' })
  }
})

t.test('no other name has a page', async (t) => {
  for (const name of ['none', 'No-Such-Todo', '..', 'constructor', '%3Cb%3E', '%zz']) {
    const { status, text } = await ask(`/docs/problems/${name}`)
    t.match(
      { status, body: JSON.parse(text) as object },
      {
        status: 404,
        body: { type: '/docs/problems/no-such-resource' },
      },
    )
  }
})

t.test('names are in kebab-case, and each is of one type', (t) => {
  const slugs = problems.map(({ type }) => type.slug)
  t.equal(new Set(slugs).size, slugs.length)
  for (const slug of slugs) t.match(slug, /^[a-z]+(-[a-z]+)*$/)
  const [first, ...others] = endpoints
  if (!first) throw new Error('there are no endpoints')
  const type = { slug: 'malformed-request', status: 409, when: 'x', remedy: 'x' } as const
  const other = { ...first, problems: [{ type, detail: 'x' }] }
  t.throws(() => problemCatalogue([other, ...others]), /called malformed-request/)
  t.end()
})

t.test('each that the document shows is among them', (t) => {
  const known = new Set(problems.map(({ type }) => `${type.status} ${typeUrl(type)}`))
  for (const one of operationsOf(document)) {
    for (const type of problemTypesOf(one)) t.ok(known.has(type), type)
  }
  for (const { kinds } of problems) {
    for (const kind of kinds) t.match(problemBody(kind), { type: typeUrl(kind.type) })
  }
  t.end()
})

t.test('each that is defined is among them', async (t) => {
  const server = new URL('server/', repository)
  const files = (await readdir(server, { recursive: true })).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  )
  const texts = await Promise.all(files.map((name) => readFile(new URL(name, server), 'utf8')))
  const defined = texts.flatMap((text) =>
    [...text.matchAll(/\bslug: '([^']*)'/g)].map(([, slug]) => slug),
  )
  t.same([...new Set(defined)].sort(), problems.map(({ type }) => type.slug).sort())
  t.equal(new Set(defined).size, defined.length, 'once')
})
