// Each option that a page gives to a command of ours is one that the command knows, by its own --help.
// Most of these commands need services or minutes, and cannot be run as they stand in the page.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path/posix'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { repository } from '../../scripts/paths.ts'
import { listMarkdown } from './markdown.ts'

type Use = { readonly script: string; readonly option: string; readonly at: string }

const root = fileURLToPath(repository)

/** Each option behind `npm run NAME --`, up to the end of the command. */
const usesIn = (file: string, text: string): readonly Use[] =>
  text
    .replaceAll('\\\n', '  ')
    .split('\n')
    .flatMap((line) => [...line.matchAll(/npm (?:run (?:-s )?)?([\w:-]+) -- ([^`|&;#>]*)/g)])
    .flatMap(([, script = '', rest = '']) =>
      [...` ${rest}`.matchAll(/(?<= )(?!--?h(?:elp)?\b)--?[a-z][\w-]*/g)].map(([option]) => ({
        script,
        option,
        at: `${file}: npm run ${script} -- ${rest.trim()}`,
      })),
    )

const helpOf = async (script: string): Promise<string> => {
  const args = ['run', '--silent', script, '--', '--help']
  return (await promisify(execFile)('npm', args, { cwd: root })).stdout
}

t.test('each option in a page is one that its command knows', async (t) => {
  const uses = listMarkdown(root).flatMap((file) =>
    usesIn(file, readFileSync(join(root, file), 'utf8')),
  )
  t.ok(uses.length > 20, 'the commands were found')
  for (const script of new Set(uses.map((one) => one.script))) {
    const help = await helpOf(script)
    const unknown = uses.filter(
      (one) =>
        one.script === script && !new RegExp(`(?<![\\w-])${one.option}(?![\\w-])`).test(help),
    )
    t.same(
      unknown.map(({ option, at }) => `${option} in ${at}`),
      [],
      script,
    )
  }
})

t.test('options are found, over the end of a line too', async (t) => {
  const text =
    'Use `npm run -s lag -- --json`.\nnpm run bench -- --url http://a:1/b-c \\\n  -c 64 # --not'
  t.same(
    usesIn('a.md', text).map(({ script, option }) => [script, option]),
    [
      ['lag', '--json'],
      ['bench', '--url'],
      ['bench', '-c'],
    ],
  )
})
