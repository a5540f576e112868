// Nine in ten sentences of the README and of docs/ are short enough to be read once.

import { readFileSync } from 'node:fs'
import { join } from 'node:path/posix'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { repository } from '../../scripts/paths.ts'
import { docFiles, p90Max, percentile, sentencesOf } from '../../scripts/sentences.ts'

const root = fileURLToPath(repository)

t.test('the sentences of the README and docs/ are short', async (t) => {
  const sentences = docFiles(root).flatMap((file) =>
    sentencesOf(readFileSync(join(root, file), 'utf8')),
  )
  t.ok(sentences.length > 100, 'they were read')
  const p90 = percentile(sentences, 0.9)
  t.ok(
    p90 <= p90Max,
    `nine in ten have up to ${p90} words: npm run docs:sentences shows the longest`,
  )
})

t.test('sentences are found in paragraphs, items and cells', async (t) => {
  const found = sentencesOf(
    [
      '# A heading has no sentence. Not one.',
      'One two `three of code` four. Five six [seven',
      'eight](x.md#y) nine.',
      '',
      '- An item: it goes on, e.g. here.',
      '  And ends here.',
      '- label',
      '',
      '| head | A cell that says something. |',
      '| --- | --- |',
      '```sh',
      'no sentence at all, however long it may be, is in here.',
      '```',
      '<!-- nor in a comment, which nobody reads. -->',
    ].join('\n'),
  )
  t.same(
    found.map(({ line, words }) => [line, words]),
    [
      [2, 4],
      [2, 5],
      [5, 7],
      [5, 3],
      [9, 5],
    ],
  )
})

t.test('nine in ten', async (t) => {
  const sentences = Array.from({ length: 10 }, (_, i) => ({ line: 1, text: '', words: i + 1 }))
  t.equal(percentile(sentences, 0.9), 9)
  t.equal(percentile([], 0.9), 0)
})
