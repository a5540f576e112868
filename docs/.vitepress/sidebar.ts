// The site's sidebar: a group for each folder of pages, an entry for each page, by the page's own title.
// A new page needs no line here: it is in the sidebar because its file is in the folder.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export type Entry = { readonly text: string; readonly link: string }
export type Group = {
  readonly text: string
  /** VitePress wants to be allowed to change it. */
  readonly items: Entry[]
  readonly collapsed: false
}

/** The four kinds of page, in the order in which a reader needs them. */
const kinds = [
  ['tutorials', 'Tutorials'],
  ['how-to', 'How-to guides'],
  ['reference', 'Reference'],
  ['explanation', 'Explanation'],
] as const

export const sidebarOf = (root: string): readonly Group[] =>
  [
    ...kinds.map(([folder, text]) => groupOf(root, folder, text)),
    groupOf(root, '.', 'When in doubt'),
  ].filter(({ items }) => items.length > 0)

const groupOf = (root: string, folder: string, text: string): Group => ({
  text,
  items: pagesIn(root, folder),
  collapsed: false,
})

const pagesIn = (root: string, folder: string): Entry[] => {
  const path = join(root, folder)
  const files = existsSync(path) ? readdirSync(path) : []
  return files
    .filter((file) => file.endsWith('.md') && file !== 'index.md')
    .sort()
    .map((file) => ({
      text: titleOf(readFileSync(join(path, file), 'utf8')) ?? file.replace(/\.md$/, ''),
      link: `/${join(folder, file.replace(/\.md$/, ''))}`,
    }))
}

const titleOf = (text: string): string | undefined =>
  /^# (.+)$/m.exec(text)?.[1]?.replaceAll('`', '')
