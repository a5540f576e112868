// A page is in the site's sidebar because its file is there, under its own title.

import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t from 'tap'
import { sidebarOf } from '../../docs/.vitepress/sidebar.ts'

t.test('the sidebar is made of the folders and the titles', async (t) => {
  const root = t.testdir()
  for (const [file, text] of [
    ['index.md', '# Start'],
    ['glossary.md', '# Glossary'],
    ['how-to/keys.md', '# Change `JWT_SECRET`\n\n# Not this'],
    ['how-to/backups.md', 'no title'],
    ['how-to/picture.svg', ''],
    ['tutorials/first.md', '# First'],
  ] as const) {
    await mkdir(dirname(join(root, file)), { recursive: true })
    await writeFile(join(root, file), text)
  }
  t.same(
    sidebarOf(root).map(({ text, items }) => [text, ...items.map((one) => [one.text, one.link])]),
    [
      ['Tutorials', ['First', '/tutorials/first']],
      ['How-to guides', ['backups', '/how-to/backups'], ['Change JWT_SECRET', '/how-to/keys']],
      ['When in doubt', ['Glossary', '/glossary']],
    ],
  )
})
