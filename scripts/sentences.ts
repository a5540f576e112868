// npm run docs:sentences: how long the sentences of the README and docs/ are, and the longest of them.
// testing/docs/sentences.test.ts holds nine in ten of them to `p90Max` words.

import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path/posix'
import { fileURLToPath } from 'node:url'
import { takeNoArguments } from './command-line.ts'
import { repository } from './paths.ts'

/** Words that nine in ten sentences may have: past it a reader loses the subject before the verb comes. */
export const p90Max = 28
/** Anything shorter that no full stop ends is a label, and would hide long sentences among many. */
const labelWordsMax = 4
const shown = 10

export type Sentence = { readonly line: number; readonly text: string; readonly words: number }

/** The sentences of a Markdown text: of its paragraphs, list items and cells, not of headings and code. */
export const sentencesOf = (markdown: string): readonly Sentence[] =>
  blocksOf(markdown).flatMap(({ line, text }) =>
    plain(text)
      .split(/(?<=[.!?]["”)]?)\s+(?=["“(]?[\p{Lu}\p{N}`\u0001])/u)
      .map((sentence) => ({ line, text: sentence.trim(), words: countWords(sentence) }))
      .filter(({ text, words }) => words > labelWordsMax || /[.!?]$/.test(text))
      .filter(({ words }) => words > 0),
  )

export const percentile = (sentences: readonly Sentence[], share: number): number => {
  const sorted = sentences.map(({ words }) => words).sort((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * share) - 1] ?? 0
}

export const docFiles = (root: string): readonly string[] => [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md') && !file.includes('node_modules'))
    .map((file) => `docs/${file}`)
    .sort(),
]

type Block = { readonly line: number; readonly text: string }

const blocksOf = (markdown: string): readonly Block[] => {
  const blocks: { line: number; text: string }[] = []
  let fence = ''
  let open: { line: number; text: string } | undefined
  for (const [i, line] of markdown
    .replace(/<!--[^]*?-->/g, keepLines)
    .split('\n')
    .entries()) {
    const [, mark = ''] = /^[ >]*(`{3,}|~{3,})/.exec(line) ?? []
    if (fence !== '' || mark !== '') {
      if (fence === '') fence = mark
      else if (mark.startsWith(fence)) fence = ''
      open = undefined
    } else if (/^\s*(\||#|$|!\[|\[[^\]]+\]: )/.test(line)) {
      open = undefined
      if (line.trimStart().startsWith('|') && !/^[\s|:-]+$/.test(line))
        blocks.push(...line.split(/(?<!\\)\|/).map((text) => ({ line: i + 1, text })))
    } else if (open && !/^\s*([-*+]|\d+\.) /.test(line)) {
      open.text += ` ${line.trim()}`
    } else {
      open = { line: i + 1, text: line.replace(/^\s*([-*+]|\d+\.|>) /, '').trim() }
      blocks.push(open)
    }
  }
  return blocks
}

const keepLines = (text: string): string => text.replaceAll(/[^\n]/g, '')

/** Code is one word, however long; of a link only its text is read. */
const plain = (text: string): string =>
  text
    .replaceAll(/(`+)(?!`).*?[^`]\1(?!`)/g, '\u0001')
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/<[^>]+>|\*\*/g, '')

const countWords = (text: string): number =>
  text.split(/\s+/).filter((word) => /[\p{L}\p{N}\u0001]/u.test(word)).length

const print = (root: string): void => {
  const found = docFiles(root).flatMap((file) =>
    sentencesOf(readFileSync(join(root, file), 'utf8')).map((one) => ({ file, ...one })),
  )
  const p90 = percentile(found, 0.9)
  const longest = found.toSorted((a, b) => b.words - a.words).slice(0, shown)
  // Written at once: `| head` may close the pipe after its first line.
  console.log(
    [
      `${found.length} sentences: half have up to ${percentile(found, 0.5)} words, ` +
        `nine in ten up to ${p90} (at most ${p90Max} are allowed). The longest:`,
      ...longest.map(
        ({ file, line, words, text }) =>
          `${words} words, ${file}:${line}\n  ${text.replaceAll('\u0001', '…')}`,
      ),
    ].join('\n\n'),
  )
  process.exitCode = p90 > p90Max ? 1 : 0
}

if (process.argv[1] === import.meta.filename) {
  takeNoArguments(`usage: npm run docs:sentences
Says how long the sentences of the README and docs/ are, and prints the longest. It takes no arguments.
Exit codes: 0 they are short enough, 1 they are not, 2 wrong usage.`)
  print(fileURLToPath(repository))
}
