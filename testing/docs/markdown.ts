// What the checks of the documentation read of a Markdown file: its fences, headings, links and prose.
// Read line by line, as CommonMark would; no parser is installed for it.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path/posix'
import { slugOf } from '../../docs/.vitepress/slug.ts'
import { readPaths } from '../house-files.ts'

export type Fence = {
  /** What stands behind the backticks: `sh run=start`. */
  readonly info: string
  /** The line of its first backticks, from 1. */
  readonly line: number
  readonly text: string
}
export type Link = { readonly target: string; readonly line: number }
export type Page = {
  readonly fences: readonly Fence[]
  /** The lines outside of fences and comments; those inside are empty, so that numbers stay. */
  readonly lines: readonly string[]
  readonly anchors: ReadonlySet<string>
  readonly links: readonly Link[]
}

/** Every Markdown file of ours, from the repository's root. */
export const listMarkdown = (root: string): readonly string[] => [
  ...readPaths(root).filter((file) => file.endsWith('.md') && !isOfOthers(file)),
  ...readdirSync(join(root, '.github'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `.github/${file}`),
]
const isOfOthers = (file: string): boolean => file.startsWith('testing/containers/compose-spec/')

export const readPage = (root: string, file: string): Page =>
  parsePage(readFileSync(join(root, file), 'utf8'))

export const parsePage = (text: string): Page => {
  const { fences, lines } = splitFences(withoutComments(text).split('\n'))
  return { fences, lines, anchors: anchorsOf(lines), links: linksOf(lines) }
}

const withoutComments = (text: string): string =>
  text.replace(/^<!--[^]*?-->/gm, (comment) => comment.replaceAll(/[^\n]/g, ''))

const splitFences = (all: readonly string[]) => {
  const fences: Fence[] = []
  const lines: string[] = []
  let open:
    | { fence: string; indent: number; info: string; line: number; text: string[] }
    | undefined
  for (const [i, line] of all.entries()) {
    const [, indent = '', fence = '', info = ''] = /^([ >]*)(`{3,}|~{3,})(.*)$/.exec(line) ?? []
    if (open) {
      if (fence.startsWith(open.fence) && info.trim() === '') {
        fences.push({ info: open.info, line: open.line, text: open.text.join('\n') })
        open = undefined
      } else open.text.push(line.slice(Math.min(open.indent, line.search(/\S|$/))))
    } else if (fence !== '') {
      open = { fence, indent: indent.length, info: info.trim(), line: i + 1, text: [] }
    }
    lines.push(open || fence !== '' ? '' : line)
  }
  if (open) throw new Error(`the fence of line ${open.line} is never closed`)
  return { fences, lines }
}

const anchorsOf = (lines: readonly string[]): ReadonlySet<string> => {
  const anchors = new Set<string>()
  for (const line of lines) {
    for (const [, id = ''] of line.matchAll(/<\w+ (?:id|name)="([^"]+)"/g)) anchors.add(id)
    const heading = /^#{1,6} +(.*?)[ #]*$/.exec(line)?.[1]
    if (heading === undefined) continue
    const slug = slugOf(heading.replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1'))
    let unique = slug
    for (let i = 1; anchors.has(unique); i++) unique = `${slug}-${i}`
    anchors.add(unique)
  }
  return anchors
}

const linksOf = (lines: readonly string[]): readonly Link[] =>
  lines.flatMap((line, i) => {
    const text = line.replaceAll(/(`+)(?!`).*?[^`]\1(?!`)/g, '')
    const inline = text.matchAll(/\]\(\s*<?([^\s)>]+)>?(?:\s+"[^"]*")?\s*\)/g)
    const references = text.matchAll(/^ {0,3}\[[^\]]+\]: +<?([^\s>]+)/g)
    const tags = text.matchAll(/<\w+ [^>]*(?:href|src|srcset)="([^"]+)"/g)
    return [...inline, ...references, ...tags].map(([, target = '']) => ({ target, line: i + 1 }))
  })
