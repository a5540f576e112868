// docs/reference/results.md: the JSON that a benchmark run leaves behind.

import { resultFormat } from '../../bench/result.ts'
import { bullets, code, fence, linkTo, printedPage, prose } from './markdown.ts'
import { readDeclarations, type Declaration, type Member } from './type-declarations.ts'

export const resultsPage = (): string => {
  const declarations = [
    ...readDeclarations('bench/result.ts'),
    ...readDeclarations('bench/scenario.ts').filter(({ name }) => name.startsWith('Scenario')),
  ]
  const names = declarations.map(({ name }) => name)
  const [result, ...others] = declarations
  if (result?.name !== 'Result') throw new Error('bench/result.ts begins with the type Result')
  return printedPage(
    'Benchmark results',
    'For whoever reads the JSON of `npm run bench`: each member, its type and what it means.',
    [
      fence(
        'sh check=minutes',
        'npm run bench -- --json result.json\nnpm run bench:analyze -- result.json',
      ),
      'The first command writes the file. The second judges it again, and names the first member that is missing or of another type. Its exit code is 0 for a valid run and 3 for an invalid one.',
      'Times are microseconds unless a name says otherwise. Names that end in `Seconds`, `Ms`, `PerSecond` or `GiB` say their unit. A `null` stands where something was not or cannot be measured.',
      section(result, names),
      ...others.map((one) => section(one, names)),
    ],
  )
}

const section = ({ name, comment, members, type }: Declaration, names: readonly string[]): string =>
  [
    `## ${name}`,
    ...(comment === '' ? [] : [prose(comment)]),
    members.length > 0
      ? bullets(members.map((member) => memberText(member, names)))
      : `One of: ${linked(type, names)}`,
  ].join('\n\n')

const memberText = (
  { name, type, isOptional, comment }: Member,
  names: readonly string[],
): string => {
  const about = comment === '' ? '' : `. ${prose(comment)}`
  return `${code(name)}: ${linked(type, names)}${isOptional ? ', may be missing' : ''}${about}`
}

/** Names of other types lead to them; words that a value may be are code. */
const linked = (type: string, names: readonly string[]): string =>
  type.replaceAll(/'([^']*)'|typeof (\w+)|[A-Z]\w+/g, (found, word?: string, constant?: string) => {
    if (word !== undefined) return code(word)
    if (constant === 'resultFormat') return code(String(resultFormat))
    return names.includes(found) ? linkTo(found) : found
  })
