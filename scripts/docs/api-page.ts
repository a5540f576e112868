// docs/reference/api.md: every endpoint, as its definition and the OpenAPI document have it.

import { curlOf } from '../../server/features/docs/curl.ts'
import type { Endpoint, LimitName } from '../../server/http/contract/endpoint.ts'
import {
  takesToken,
  type Content,
  type DescribedOperation,
  type Parameter,
  type Response,
} from '../../server/http/contract/openapi.ts'
import { problemCatalogue } from '../../server/http/contract/problem-catalogue.ts'
import type { ProblemType } from '../../server/http/problem.ts'
import { document, endpointOf, endpoints, operations } from './endpoints.ts'
import { limitTexts } from './limit-settings.ts'
import { bullets, code, fence, linkTo, printedPage } from './markdown.ts'
import { settingLink, withLinks } from './references.ts'
import { schemaSection, typeText } from './schema-text.ts'

const prose = (text: string): string => withLinks(text, { page: 'api.md' })

export const apiPage = (): string =>
  printedPage(
    'HTTP API',
    'For whoever calls the API: each endpoint, what it takes, what it answers, and a command to paste.',
    [
      'The commands need two variables: `URL`, where the server is, and `TOKEN`. `npm start` prints both. Programs read the same as an OpenAPI document at `/openapi.json`, and `/docs` is its page.',
      ...document.info.description.split('\n\n').map(prose),
      ...document.tags.map(
        ({ name }) =>
          `**${linkTo(name)}**\n\n${bullets(
            operationsIn(name).map((one) => `${linkTo(titleOf(one))}: ${code(requestOf(one))}`),
          )}`,
      ),
      everyRequest(),
      ...document.tags.map(({ name, description }) =>
        [`## ${name}`, prose(description), ...operationsIn(name).map(section)].join('\n\n'),
      ),
      '## Schemas',
      ...Object.entries(document.components.schemas).map((entry) => schemaSection(...entry)),
      '## Tokens',
      ...Object.values(document.components.securitySchemes).map((one) =>
        prose(one['description'] ?? ''),
      ),
    ],
  )

const operationsIn = (tag: string): DescribedOperation[] =>
  operations.filter(({ operation }) => operation.tags.includes(tag))

const titleOf = ({ operation }: DescribedOperation): string => operation.summary
const requestOf = ({ method, path }: DescribedOperation): string =>
  `${method.toUpperCase()} ${path}`

const needsOf = ({ operation }: DescribedOperation): string => {
  if (takesToken(operation)) return `Needs a ${linkTo('Tokens', '', 'token')}`
  return operation.security.length > 0 ? `Needs the ${linkTo('Tokens', '', 'cookie')}` : 'No token'
}

const section = (one: DescribedOperation): string => {
  const { description, parameters = [], requestBody, responses } = one.operation
  const answers = Object.entries(responses).filter((entry) => !isRefusal(entry))
  return [
    `### ${titleOf(one)}`,
    fence('http', requestOf(one)),
    ...(description ? [prose(description)] : []),
    bullets([
      one.operation.deprecated ? '**Deprecated**: its answers say until when' : undefined,
      needsOf(one),
      limitOf(endpointOf(one)),
    ]),
    fence('sh check=run-by-curl-test', curlOf(one)),
    ...titled('Parameters', parameters.map(parameter)),
    ...(requestBody
      ? [
          '**Body**',
          `${prose(requestBody.description)}${requestBody.required ? '' : ' It may be left out.'}`,
          contents(requestBody.content),
        ]
      : []),
    ...titled('Answers', answers.map(answer)),
    ...titled('Problems', problemsOf(endpointOf(one)).map(problem)),
  ].join('\n\n')
}

const titled = (title: string, lines: readonly string[]): string[] =>
  lines.length > 0 ? [`**${title}**`, bullets(lines)] : []

const limitOf = ({ limit, limitedWith, limitWithout }: Endpoint): string | undefined => {
  if (limit === undefined) return undefined
  const main = limitText(limit)
  if (limitedWith === undefined) return main
  const others = limitWithout ? `. Without it: ${limitText(limitWithout)}` : ''
  return `With ${code(limitedWith)}: ${main}${others}`
}

const limitText = (name: LimitName): string =>
  `Limit ${code(name)}, ${limitTexts[name].counts}: ${settingLink(limitTexts[name].requests)}`

const parameter = ({ name, in: place, required, schema, description, example }: Parameter) =>
  `${code(name)} (${place}${required ? ', required' : ''}): ${typeText(schema)}. ${prose(description)} Example: ${code(String(example))}`

const answer = ([status, { description, headers = {}, content = {} }]: [string, Response]) => {
  const names = Object.keys(headers).filter((name) => !saidAbove.includes(name))
  const media = Object.entries(content).map(
    ([mediaType, { schema }]) => `${code(mediaType)}: ${typeText(schema)}`,
  )
  return [
    `**${status}** ${prose(description)}`,
    ...media.map((one) => `  - ${one}`),
    ...(names.length > 0 ? [`  - Headers: ${names.map(code).join(', ')}`] : []),
  ].join('\n')
}

const problem = ({ slug, status, when }: ProblemType) =>
  `**${status}** ${linkTo(slug, 'problems.md')}: ${prose(when)}`

const contents = (content: Content): string =>
  Object.entries(content)
    .map(([mediaType, { schema, examples = {} }]) =>
      [
        bullets([`${code(mediaType)}: ${typeText(schema)}`]),
        ...Object.values(examples).map(({ value }) => fence('json', JSON.stringify(value))),
      ].join('\n\n'),
    )
    .join('\n\n')

/** Headers of nearly every answer: `X-Request-Id`, and where there is a limit, what remains of it. */
const saidAbove = ['X-Request-Id', 'RateLimit-Policy', 'RateLimit']

/** A 503 of `/ready` is an answer. */
const isRefusal = ([, { content = {} }]: [string, Response]): boolean =>
  'application/problem+json' in content

const problems = problemCatalogue(endpoints)

const isOfEveryRequest = (from: readonly Endpoint[]): boolean =>
  from.length === 0 || from.length === endpoints.length

/** Those that not every request may get. */
const problemsOf = (endpoint: Endpoint): ProblemType[] =>
  problems
    .filter(({ endpoints: from }) => from.includes(endpoint) && !isOfEveryRequest(from))
    .map(({ type }) => type)

const everyRequest = (): string => {
  const all = problems.filter(({ endpoints: from }) => isOfEveryRequest(from))
  return `## Every request

Any request may get one of these, which are not repeated below:

${bullets(all.map(({ type }) => problem(type)))}

Every answer names the request in \`X-Request-Id\`, and an endpoint with a limit says what remains of it in
\`RateLimit-Policy\` and \`RateLimit\`. They are not repeated below either.`
}
