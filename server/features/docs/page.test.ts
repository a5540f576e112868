// The page for people: whole, without scripts, and fetching nothing, so that it works offline and
// under its own policy.

import { createHash } from 'node:crypto'
import { parse, type DefaultTreeAdapterMap } from 'parse5'
import t from 'tap'
import { document } from '../../../testing/openapi/document.ts'
import { operationsOf } from '../../http/contract/openapi.ts'
import { renderPage } from './page.ts'

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

const page = renderPage(document)
const { errors, elements } = parsed(page.text)

t.test('it is HTML that runs nothing and fetches nothing', (t) => {
  t.same(errors, [])
  const tags = new Set(elements.map(({ tagName }) => tagName))
  for (const tag of ['script', 'link', 'img', 'iframe', 'object', 'form', 'base', 'svg']) {
    t.notOk(tags.has(tag), tag)
  }
  const names = new Set(elements.flatMap(({ attrs }) => attrs.map(({ name }) => name)))
  t.same(
    [...names].filter((name) => /^on|^style$|^src|action/.test(name)),
    [],
  )
  t.end()
})

t.test('its policy allows the one style that it has', (t) => {
  const styles = elements.filter(({ tagName }) => tagName === 'style')
  const hashes = styles.map(
    (one) => `sha256-${createHash('sha256').update(textOf(one)).digest('base64')}`,
  )
  t.same(hashes, [page.styleHash])
  t.notMatch(styles.map(textOf).join(), /url\(|@import/)
  t.end()
})

t.test('its links lead somewhere', (t) => {
  const ids = valuesOf(elements, 'id')
  t.equal(new Set(ids).size, ids.length, 'each id is there once')
  for (const href of valuesOf(elements, 'href')) {
    t.ok(href === '/openapi.json' || (href.startsWith('#') && ids.includes(href.slice(1))), href)
  }
  t.end()
})

t.test('all that is described is on it', (t) => {
  const byId = new Map(elements.map((one) => [valuesOf([one], 'id')[0], one]))
  for (const { path, method, operation } of operationsOf(document)) {
    const { operationId, parameters = [], requestBody, responses } = operation
    const section = byId.get(operationId)
    const text = section ? textOf(section).replace(/\s+/g, ' ') : ''
    for (const expected of [
      method.toUpperCase(),
      path,
      operation.summary,
      ...Object.keys(responses),
      ...parameters.map(({ name }) => name),
      ...Object.keys(requestBody?.content ?? {}),
    ]) {
      t.ok(text.includes(expected), `${operationId}: ${expected}`)
    }
  }
  for (const [name, { properties = {} }] of Object.entries(document.components.schemas)) {
    const section = byId.get(`schema-${name}`)
    const text = section ? textOf(section) : ''
    for (const member of Object.keys(properties)) t.ok(text.includes(member), `${name}.${member}`)
  }
  t.end()
})

t.test('text is text, whatever it holds', (t) => {
  const title = `</title><script>alert(1)</script> & "it's"`
  const { elements } = parsed(renderPage({ ...document, info: { ...document.info, title } }).text)
  t.notOk(elements.some(({ tagName }) => tagName === 'script'))
  const [heading] = elements.filter(({ tagName }) => tagName === 'h1')
  t.match(heading && textOf(heading), title)
  t.end()
})
