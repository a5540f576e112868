// docs/reference/problems.md: every way to be refused, at the anchor that its `type` names.

import {
  problemCatalogue,
  type DescribedProblem,
} from '../../server/http/contract/problem-catalogue.ts'
import { problemBody, problemTitles, typeUrl, type ProblemKind } from '../../server/http/problem.ts'
import { endpoints } from './endpoints.ts'
import { bullets, code, fence, linkTo, printedPage } from './markdown.ts'
import { withLinks } from './references.ts'

const prose = (text: string): string => withLinks(text, { page: 'problems.md' })

export const problemsPage = (): string => {
  const problems = problemCatalogue(endpoints)
  const statuses = [...new Set(problems.map(({ type }) => type.status))]
  const of = (status: number) => problems.filter(({ type }) => type.status === status)
  return printedPage(
    'Problems',
    'For whoever gets an error from the API: what it means, what to do, and whether a retry helps.',
    [
      'An error is `application/problem+json` (RFC 9457). Its `type` ends with one of the names below, which never change. `detail` is for people, and may change.',
      '- `field` names the input at fault. Where several are, `errors` names each with its message, `field` first.\n- `publish` comes with a write that failed. `not-attempted`: nothing happened. `unknown`: it may yet happen.',
      'By status:',
      bullets(
        statuses.map(
          (status) =>
            `${status}: ${of(status)
              .map(({ type }) => linkTo(type.slug))
              .join(', ')}`,
        ),
      ),
      ...statuses.flatMap((status) => [
        `## ${status} ${problemTitles[status]}`,
        ...of(status).map(section),
      ]),
    ],
  )
}

const section = ({ type, kinds, endpoints: from }: DescribedProblem): string => {
  const { slug, when, remedy } = type
  const [first] = kinds
  const headers = new Set(kinds.flatMap((kind) => kind.headers ?? []).map(({ name }) => name))
  return [
    `### ${slug}`,
    prose(when),
    bullets([
      `What to do: ${prose(remedy)}`,
      `Does a retry help? ${retryText(slug, kinds)}`,
      `Type: ${code(typeUrl(type))}`,
      headers.size > 0 ? `Headers: ${[...headers].map(code).join(', ')}` : undefined,
      kinds.length > 1 ? `Details:\n${detailsOf(kinds)}` : undefined,
      `Answered by: ${answeredBy(from)}`,
    ]),
    first ? fence('json', JSON.stringify(problemBody(first), undefined, 2)) : '',
  ].join('\n\n')
}

const detailsOf = (kinds: readonly ProblemKind[]): string =>
  kinds.map(({ detail }) => `  - ${prose(detail)}`).join('\n')

/** The request did not arrive whole. */
const brokenOff = ['body-cut-short', 'request-timeout']

const retryText = (slug: string, kinds: readonly ProblemKind[]): string => {
  if (kinds.some(({ publish }) => publish === 'unknown')) return 'Read first: it may have happened.'
  const names = kinds.flatMap(({ headers = [] }) => headers.map(({ name }) => name))
  if (names.includes('Retry-After')) return 'Yes, after `Retry-After`.'
  if (brokenOff.includes(slug)) return 'Yes, on another connection.'
  if (slug === 'internal-error') return 'Perhaps, once its cause is mended.'
  return 'No, the same request is refused again.'
}

const answeredBy = (from: DescribedProblem['endpoints']): string => {
  if (from.length === 0 || from.length === endpoints.length) return 'any request'
  return from
    .map(({ method, path, summary }) => linkTo(summary, 'api.md', code(`${method} ${path}`)))
    .join(', ')
}
