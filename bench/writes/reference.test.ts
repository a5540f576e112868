// Without Go, or with one that cannot build it, the peer is left out with the reason in one line.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { testDirectory } from '../../testing/services.ts'
import { buildReference } from './reference.ts'

t.test('a machine without Go', async (t) => {
  const context = { directory: 'never used', signal: new AbortController().signal }
  await t.rejects(buildReference(undefined, context), {
    message: 'there is no Go on this machine (go.dev/dl)',
  })
})

t.test('a Go that fails says why in its last line', async (t) => {
  const directory = await testDirectory(t)
  const go = join(directory, 'go')
  await writeFile(go, '#!/bin/sh\necho downloading >&2\necho "no network" >&2\nexit 1\n', {
    mode: 0o755,
  })
  const context = { directory, signal: new AbortController().signal }
  await t.rejects(buildReference(go, context), {
    message: 'go build in bench/peers/reference failed: no network',
  })
})
