// What the site does with a page beside showing it: diagrams become pictures while the site is built, and
// links to files that are no page become plain text, since the site is read without the repository.

import type { MarkdownOptions } from 'vitepress'
import { drawDiagram } from '../mermaid.ts'

type Markdown = Parameters<NonNullable<MarkdownOptions['config']>>[0]

/** The site's own colours, so that a diagram follows its light and dark theme. */
const colours = {
  bg: 'var(--vp-c-bg)',
  fg: 'var(--vp-c-text-1)',
  muted: 'var(--vp-c-text-2)',
  line: 'var(--vp-c-text-3)',
  border: 'var(--vp-c-text-3)',
  transparent: true,
}

export const extendMarkdown = (markdown: Markdown): void => {
  keepBraces(markdown)
  showDiagrams(markdown)
  unlinkFiles(markdown)
}

/** `{{ }}` in text is text: Vue would run it, and show nothing. */
const keepBraces = (markdown: Markdown): void => {
  markdown.renderer.rules.text = (tokens, index) =>
    markdown.utils.escapeHtml(tokens[index]?.content ?? '').replaceAll('{{', '&#123;&#123;')
}

const showDiagrams = (markdown: Markdown): void => {
  const fence = markdown.renderer.rules.fence
  markdown.renderer.rules.fence = (tokens, index, ...rest) => {
    const token = tokens[index]
    if (token?.info.trim() !== 'mermaid') return fence?.(tokens, index, ...rest) ?? ''
    const svg = drawDiagram(token.content, colours)
      .replaceAll('{{', '&#123;&#123;')
      // Vue drops a style in a page; it keeps a component that happens to be one.
      .replaceAll('<style>', '<component is="style">')
      .replaceAll('</style>', '</component>')
    return `<div class="diagram">${svg}</div>\n`
  }
}

/** Links out of docs/, to source files and folders. On GitHub they lead there. */
const unlinkFiles = (markdown: Markdown): void => {
  markdown.core.ruler.push('unlink-files', ({ tokens, env }) => {
    const depth = ((env as { relativePath?: string }).relativePath ?? '').split('/').length
    const outside = new RegExp(`^(\\.\\./){${depth},}`)
    for (const { children } of tokens) {
      let isOpen = false
      for (const token of children ?? []) {
        if (token.type === 'link_open') isOpen = outside.test(token.attrGet('href') ?? '')
        if (!isOpen || !token.type.startsWith('link_')) continue
        if (token.nesting === 1) {
          token.attrs = [
            ['title', `in the repository: ${token.attrGet('href')?.replace(/^(\.\.\/)+/, '')}`],
          ]
        } else isOpen = false
        token.tag = 'span'
        token.type = token.nesting === 1 ? 'file_open' : 'file_close'
      }
    }
  })
}
