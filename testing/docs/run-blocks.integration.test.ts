// A block that fails is named, with what it printed.

import { spawnSync } from 'node:child_process'
import t from 'tap'
import { fileURLToPath } from 'node:url'
import { repository } from '../../scripts/paths.ts'
import { listMarkdown, parsePage, readPage } from './markdown.ts'
import { isRun, runBlocks } from './run-blocks.ts'

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
  t.equal(await run('```sh run=exit-3', 'sh -c "exit 3"', '```'), undefined)
  t.match(await run('```sh run=exit-3', 'true', '```'), 'docs/a.md:1 ended with 1')
  t.match(await run('```sh run', 'false | cat', '```'), 'docs/a.md:1 ended with 1')
})

t.test('bash can read every block', async (t) => {
  const shell = listMarkdown(root).flatMap((file) =>
    readPage(root, file)
      .fences.filter(({ info }) => /^sh\b/.test(info))
      .map((fence) => ({ at: `${file}:${fence.line}`, text: fence.text })),
  )
  t.ok(shell.length > 50, `${shell.length} blocks`)
  for (const { at, text } of shell) {
    const { status, stderr } = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' })
    t.equal(status, 0, `${at} ${stderr}`)
  }
})
