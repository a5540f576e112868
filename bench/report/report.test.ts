// Both reports of fixture results: sound, invalid, of a server elsewhere, of nothing at all, and of one
// whose texts are hostile.

import { parse } from 'parse5'
import t, { type Test } from 'tap'
import type { Result } from '../result.ts'
import { count } from './figures.ts'
import { htmlReport } from './html.ts'
import { headlineOf } from './reading.ts'
import {
  check,
  headlineCell,
  fixtureLadder,
  fixtureOfNothing,
  fixtureOfUrl,
  fixtureResult,
} from '../../testing/bench/fixture-result.ts'
import { progressLine, terminalReport } from './terminal.ts'

const hostile = '</script><img src=x onerror=alert(1)> "quoted" & \u0000'

const results: Readonly<Record<string, Result>> = {
  sound: fixtureResult(),
  ladder: fixtureLadder(),
  'of a URL': fixtureOfUrl(),
  'of nothing': fixtureOfNothing(),
  'with no load': fixtureResult({ cells: [] }),
  'with hostile texts': fixtureResult({
    command: hostile,
    cells: [
      {
        ...headlineCell(),
        checks: [check(hostile, 'fail', hostile, hostile, hostile)],
        samples: { taken: 1, wrong: 1, complaint: hostile, bodies: 1, matchesAtEnd: false },
      },
    ],
  }),
}

const errorsIn = (page: string): string[] => {
  const errors: string[] = []
  parse(page, {
    onParseError: ({ code, startLine }) => errors.push(`${code} in line ${startLine}`),
  })
  return errors
}

/** What a reader sees: the raw result at the end, the style and the tags are left out. */
const textOf = (page: string): string =>
  page
    .replace(/<(script|style)[^>]*>.*?<\/\1>/gs, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')

const isSound = (t: Test, result: Result) => {
  const page = htmlReport(result)
  const text = textOf(page)
  t.same(errorsIn(page), [], 'HTML without an error')
  t.notMatch(text, /\bNaN\b|undefined|Infinity|\[object/)
  t.notMatch(page, /<img/, 'no tag of others')
  t.notMatch(page, /<[^>]*\s(?:src|href)=/, 'nothing is loaded')
  t.equal((page.match(/<script/g) ?? []).length, 1, 'its data, and no script')
  t.notMatch(page.replace(/ xmlns="[^"]*"/g, ''), /@import|url\(/)
  return text
}

for (const [name, result] of Object.entries(results)) {
  void t.test(`a result ${name}, as a page`, (t) => {
    const text = isSound(t, result)
    t.match(text, result.verdict)
    const headline = headlineOf(result)
    if (headline) t.ok(text.includes(count(headline.goodPerSecond)), 'the headline is goodput')
    t.end()
  })
  void t.test(`a result ${name}, on the terminal`, (t) => {
    for (const width of [80, 200]) {
      const text = terminalReport(result, width)
      t.ok(text.startsWith(`${result.verdict}: `))
      t.notMatch(text, /\bNaN\b|undefined|Infinity|\[object/)
      for (const cell of result.cells) t.ok(text.includes(`${count(cell.goodPerSecond)} good`))
    }
    t.end()
  })
}

void t.test('every failed check says on both what to change', (t) => {
  const result = fixtureLadder()
  const page = htmlReport(result)
  const shown = terminalReport(result, 1_000)
  const failed = result.cells.flatMap(({ checks }) => checks.filter((it) => it.verdict === 'fail'))
  t.ok(failed.length > 0)
  for (const { name, meaning } of failed) {
    t.ok(page.includes(meaning), name)
    t.ok(shown.includes(meaning), name)
  }
  t.end()
})

void t.test('the verdict is not told by colour alone', (t) => {
  t.match(textOf(htmlReport(fixtureResult())), /✓ VALID/)
  t.match(textOf(htmlReport(fixtureLadder())), /✗ INVALID/)
  t.end()
})

void t.test('the raw result is in the page, whole', (t) => {
  const result = results['with hostile texts'] ?? fixtureResult()
  const [, raw = ''] = /<script[^>]*>(.*)<\/script>/s.exec(htmlReport(result)) ?? []
  t.same(JSON.parse(raw), JSON.parse(JSON.stringify(result)))
  t.end()
})

void t.test('of many loads the terminal tells all in a line each, and the best in full', (t) => {
  const rates = [10, 20, 40, 30]
  const text = terminalReport(
    fixtureResult({ cells: rates.map((rate) => headlineCell({}, rate)) }),
    200,
  )
  t.equal((text.match(/good answers a second/g) ?? []).length, 1)
  t.match(text, /^40 good answers a second/m)
  for (const rate of rates) t.match(text, new RegExp(`80 +${rate} `))
  t.end()
})

void t.test('one line of progress', (t) => {
  const second = {
    atSeconds: 12.02,
    goodPerSecond: 500_023.4,
    p50: 300,
    p99: 6_400,
    cores: { generator: 1, server: 0.976 },
  }
  const line = progressLine(second, 60)
  t.equal(line, ' 12 s of 60 s    500,023/s  p99  6.40 ms  cores: generator 1.00, server 0.98')
  t.notMatch(progressLine({ ...second, p99: null }, 60), /null|NaN/)
  t.end()
})
