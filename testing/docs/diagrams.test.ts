// Each picture of a diagram was drawn from the source beside it.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { repository } from '../../scripts/paths.ts'

const folder = new URL('docs/diagrams/', repository)

t.test('each diagram has its picture, which is current', async (t) => {
  const sources = readdirSync(folder).filter((file) => file.endsWith('.mmd'))
  t.ok(sources.length > 0, 'the diagrams were found')
  for (const file of sources) {
    const digest = createHash('sha256')
      .update(readFileSync(new URL(file, folder)))
      .digest('hex')
    const picture = readFileSync(new URL(file.replace('.mmd', '.svg'), folder), 'utf8')
    t.ok(picture.includes(digest), `${file}: npm run docs:diagrams draws it again`)
    t.notMatch(picture, /@import|href|<image/, 'it loads nothing')
  }
})
