// The API as a collection of the HTTP client Bruno, made from the document: each operation with its
// example, in a folder for each group. What is optional is there and switched off.

import {
  operationsOf,
  takesToken,
  type DescribedOperation,
  type OpenApi,
  type Parameter,
} from '../../server/http/contract/openapi.ts'

export type PrintedFile = { readonly path: string; readonly text: string }

/** `folder`: where the collection is, in the repository. */
export const brunoCollection = (document: OpenApi, folder: string): PrintedFile[] => {
  const operations = operationsOf(document)
  return [
    {
      path: `${folder}/bruno.json`,
      text: `${JSON.stringify({ version: '1', name: document.info.title, type: 'collection' }, undefined, 2)}\n`,
    },
    {
      path: `${folder}/environments/local.bru`,
      text: file([block('vars', ['url: http://localhost:8080']), 'vars:secret [\n  token\n]']),
    },
    ...document.tags.flatMap(({ name, description }, group) => [
      {
        path: `${folder}/${name}/folder.bru`,
        text: file([
          block('meta', [`name: ${name}`, `seq: ${group + 1}`]),
          block('docs', [description]),
        ]),
      },
      ...operations
        .filter(({ operation }) => operation.tags.includes(name))
        .map((one, i) => ({
          path: `${folder}/${name}/${one.operation.operationId}.bru`,
          text: request(one, i + 1),
        })),
    ]),
  ]
}

const request = (one: DescribedOperation, sequence: number): string => {
  const { summary, description, parameters = [], requestBody } = one.operation
  const [media] = Object.entries(requestBody?.content ?? {})
  const [example] = Object.values(media?.[1].examples ?? {})
  const needsToken = takesToken(one.operation)
  const inPlace = (place: Parameter['in']) => parameters.filter((one) => one.in === place)
  const [first, ...others] = inPlace('query')
  const path = one.path.replaceAll(/\{(\w+)\}/g, ':$1')
  return file([
    block('meta', [`name: ${summary}`, 'type: http', `seq: ${sequence}`]),
    block(one.method, [
      `url: {{url}}${path}${first ? `?${pair(first).replace(': ', '=')}` : ''}`,
      `body: ${media ? 'json' : 'none'}`,
      `auth: ${needsToken ? 'bearer' : 'none'}`,
    ]),
    // The first alone: others are for some requests only, or exclude each other.
    block('params:query', [...(first ? [pair(first)] : []), ...others.map(switchedOff)]),
    block('params:path', inPlace('path').map(pair)),
    block('headers', [
      ...(media ? [`Content-Type: ${media[0]}`] : []),
      ...inPlace('header').map(switchedOff),
    ]),
    needsToken ? block('auth:bearer', ['token: {{token}}']) : '',
    example ? block('body:json', [JSON.stringify(example.value, undefined, 2)]) : '',
    givesToken(one) ? block('vars:post-response', ['token: res.body.access_token']) : '',
    block('docs', [`${summary}.`, ...(description ? ['', description] : [])]),
  ])
}

const pair = ({ name, example }: Parameter): string => `${name}: ${example}`
const switchedOff = (one: Parameter): string => `~${pair(one)}`

/** A login: requests after it are sent with its token. */
const givesToken = ({ operation }: DescribedOperation): boolean =>
  Object.values(operation.responses['200']?.content ?? {}).some(({ examples = {} }) =>
    Object.values(examples).some(
      ({ value }) => typeof value === 'object' && value !== null && 'access_token' in value,
    ),
  )

const file = (blocks: readonly string[]): string =>
  `${blocks.filter((one) => one !== '').join('\n\n')}\n`

/** Nothing, when there is nothing to say. */
const block = (name: string, lines: readonly string[]): string =>
  lines.length === 0 ? '' : `${name} {\n${lines.join('\n').replaceAll(/^(?=.)/gm, '  ')}\n}`
