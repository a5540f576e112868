// A block that fails is named, with what it printed.

import t from 'tap'
import { fileURLToPath } from 'node:url'
import { repository } from '../../scripts/paths.ts'
import { listMarkdown, parsePage, readPage } from './markdown.ts'
import { isMisspelled, isRun, runBlocks } from './run-blocks.ts'

const root = fileURLToPath(repository)

t.test('the first block that fails is named, and none after it runs', async (t) => {
  const run = (...lines: string[]) =>
    runBlocks('docs/a.md', parsePage(lines.join('\n')).fences.filter(isRun), {
      cwd: root,
      env: { ...process.env, URL: 'http://x' },
    })
  t.equal(
    await run('```sh run', 'id=7', '```', '```sh run=start', 'test "$URL$id" = http://x7', '```'),
    undefined,
  )
  t.equal(
    await run(
      '# A',
      '```sh run',
      'echo one',
      '```',
      '```sh run',
      'echo two',
      'false',
      'echo three',
      '```',
    ),
    'docs/a.md:5 ended with 1:\ntwo\n',
  )
  t.match(await run('```sh run', 'echo $nothing', '```'), 'docs/a.md:1 ended with 1')
  t.match(await run('```sh run', 'false | cat', '```'), 'docs/a.md:1 ended with 1')
})

t.test('no fence is meant to be run and is not', async (t) => {
  for (const file of listMarkdown(root)) {
    const lost = readPage(root, file).fences.filter(isMisspelled)
    t.same(
      lost.map(({ info, line }) => `${file}:${line}: ${info}`),
      [],
      file,
    )
  }
  t.ok(isMisspelled({ info: 'bash run', line: 1, text: '' }))
  t.ok(isMisspelled({ info: 'sh run=Start', line: 1, text: '' }))
  t.notOk(isMisspelled({ info: 'sh', line: 1, text: '' }))
})
