// The pages for people: whole, without scripts, and fetching nothing, so that they work offline and
// under their own policy.

import { createHash } from 'node:crypto'
import { parse, parseFragment, type DefaultTreeAdapterMap } from 'parse5'
import t from 'tap'
import { document, endpoints, problems } from '../../../testing/openapi/document.ts'
import { operationsOf } from '../../http/contract/openapi.ts'
import { problemsPath } from '../../http/problem.ts'
import { styleHash } from './layout.ts'
import { problemLink, problemTypesOf } from './operation.ts'
import { renderPage } from './page.ts'
import { renderProblem } from './problem-page.ts'

type Node = DefaultTreeAdapterMap['node']
type Element = DefaultTreeAdapterMap['element']

const elementsIn = (node: Node): Element[] => [
  ...('tagName' in node ? [node] : []),
  ...('childNodes' in node ? node.childNodes.flatMap(elementsIn) : []),
]
const textOf = (node: Node): string =>
  'value' in node ? node.value : 'childNodes' in node ? node.childNodes.map(textOf).join('') : ''

const parsed = (text: string) => {
  const errors: string[] = []
  const root = parse(text, { onParseError: ({ code }) => errors.push(code) })
  return { errors, elements: elementsIn(root) }
}
const valuesOf = (elements: readonly Element[], name: string) =>
  elements.flatMap(({ attrs }) => attrs.filter((one) => one.name === name)).map((one) => one.value)

const page = renderPage(document, problems)
const docs = parsed(page)
const pages = [
  { path: '/docs', text: page },
  ...problems.map((one) => ({
    path: `${problemsPath}/${one.type.slug}`,
    text: renderProblem(one),
  })),
].map(({ path, text }) => ({ path, ...parsed(text) }))

t.test('each page is HTML that runs nothing and fetches nothing', (t) => {
  for (const { path, errors, elements } of pages) {
    t.same(errors, [], path)
    const tags = new Set(elements.map(({ tagName }) => tagName))
    for (const tag of ['script', 'link', 'img', 'iframe', 'object', 'form', 'base', 'svg']) {
      t.notOk(tags.has(tag), `${path}: ${tag}`)
    }
    const names = new Set(elements.flatMap(({ attrs }) => attrs.map(({ name }) => name)))
    t.same(
      [...names].filter((name) => /^on|^style$|^src|action/.test(name)),
      [],
      path,
    )
  }
  t.end()
})

t.test('its policy allows the one style that each page has', (t) => {
  for (const { path, elements } of pages) {
    const styles = elements.filter(({ tagName }) => tagName === 'style')
    const hashes = styles.map(
      (one) => `sha256-${createHash('sha256').update(textOf(one)).digest('base64')}`,
    )
    t.same(hashes, [styleHash], path)
    t.notMatch(styles.map(textOf).join(), /url\(|@import/)
  }
  t.end()
})

t.test('links lead somewhere, below any path that a proxy serves the API at', (t) => {
  const idsByPath = new Map(pages.map(({ path, elements }) => [path, valuesOf(elements, 'id')]))
  const served = endpoints.filter(({ method }) => method === 'GET').map(({ path }) => path)
  for (const [path, ids] of idsByPath) t.equal(new Set(ids).size, ids.length, `${path}: ids`)
  for (const prefix of ['', '/some/prefix']) {
    for (const { path, elements } of pages) {
      for (const href of valuesOf(elements, 'href')) {
        const { pathname, hash } = new URL(href, `http://a${prefix}${path}`)
        t.ok(pathname.startsWith(prefix), href)
        const target = pathname.slice(prefix.length)
        const ids = idsByPath.get(target)
        t.ok(ids ?? served.includes(target), `${path}: ${href}`)
        if (hash !== '') t.ok(ids?.includes(hash.slice(1)), `${path}: ${href}`)
      }
    }
  }
  t.end()
})

t.test('all that is described is on it', (t) => {
  const byId = new Map(docs.elements.map((one) => [valuesOf([one], 'id')[0], one]))
  const textAt = (id: string) => {
    const section = byId.get(id)
    return section ? textOf(section).replace(/\s+/g, ' ') : ''
  }
  for (const one of operationsOf(document)) {
    const { operationId, summary, parameters = [], requestBody, responses } = one.operation
    const text = textAt(operationId)
    for (const expected of [
      one.method.toUpperCase(),
      one.path,
      summary,
      'curl ',
      ...parameters.map(({ name }) => name),
      ...Object.keys(requestBody?.content ?? {}),
    ]) {
      t.ok(text.includes(expected), `${operationId}: ${expected}`)
    }
    const all = text + textAt('problems-of-all')
    for (const status of Object.keys(responses)) t.ok(all.includes(status), operationId)
    for (const type of problemTypesOf(one)) {
      const link = textOf(parseFragment(problemLink(type).html)).trim()
      t.ok(all.includes(link), `${operationId}: ${link}`)
    }
  }
  for (const [name, { properties = {} }] of Object.entries(document.components.schemas)) {
    for (const member of Object.keys(properties)) {
      t.ok(textAt(`schema-${name}`).includes(member), `${name}.${member}`)
    }
  }
  t.end()
})

t.test('text is text, whatever it holds', (t) => {
  const title = `</title><script>alert(1)</script> & "it's"`
  const info = { ...document.info, title }
  const { elements } = parsed(renderPage({ ...document, info }, problems))
  t.notOk(elements.some(({ tagName }) => tagName === 'script'))
  const [heading] = elements.filter(({ tagName }) => tagName === 'h1')
  t.match(heading && textOf(heading), title)
  t.end()
})
