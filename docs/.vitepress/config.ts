// The documentation as a site: `npm run docs` serves it while it is written, `npm run docs:build` makes
// the files. It loads nothing from elsewhere, and its search is part of it, so it works offline.

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'
import { extendMarkdown } from './markdown.ts'
import { sidebarOf } from './sidebar.ts'
import { slugOf } from './slug.ts'

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  title: 'Million RPS Todo API',
  description:
    'A Todo API whose reads are as fast as the machine, and whose writes are never lost.',
  lang: 'en',
  outDir: pathOf('../../.data/site'),
  cacheDir: pathOf('../../.data/vitepress'),
  markdown: {
    anchor: { slugify: slugOf },
    headers: { slugify: slugOf },
    config: extendMarkdown,
  },
  // Pictures stand beside what they show, out of docs/.
  vite: { server: { fs: { allow: [pathOf('../..')] } } },
  themeConfig: {
    sidebar: [...sidebarOf(pathOf('..'))],
    outline: [2, 3],
    search: { provider: 'local' },
    docFooter: { prev: false, next: false },
  },
})
