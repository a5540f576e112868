// The tables of the page: CPU by tier, the validity checks, the ledger, and plain pairs.

import type { Cell, Check } from '../result.ts'
import * as figures from './figures.ts'
import { markup, type Markup, type Part } from './markup.ts'
import { labelOf, ledgerOf, tierRows, verdictCounts, type TierRow } from './reading.ts'

/** The first `texts` columns are text, the others numbers. Wide tables scroll inside their box. */
export const table = (
  heads: readonly string[],
  rows: readonly (readonly Part[])[],
  texts = 1,
): Markup => {
  const kind = (i: number) => (i < texts ? 'text' : 'number')
  return markup`<div class="scroll" tabindex="0"><table><thead><tr>${heads.map(
    (head, i) => markup`<th scope="col" class="${kind(i)}">${head}</th>`,
  )}</tr></thead><tbody>${rows.map(
    (row) => markup`<tr>${row.map((part, i) => markup`<td class="${kind(i)}">${part}</td>`)}</tr>`,
  )}</tbody></table></div>`
}

export const pairs = (rows: readonly (readonly [name: string, value: Part])[]): Markup =>
  markup`<dl>${rows.map(([name, value]) => markup`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`

export const cpuTable = (cell: Cell): Markup => {
  const { limit, load } = cell
  const heads = [
    'tier',
    'cores used',
    'of at most',
    'utilisation',
    'CPU per answer',
    ...(limit?.coresFor ?? []).map(
      ({ perSecond }) => `cores for ${figures.shortCount(perSecond)}/s`,
    ),
  ]
  const row = (it: TierRow) => [
    it.isBottleneck ? markup`<b>${it.name} ◂ the limit</b>` : it.name,
    figures.cores(it.cores),
    it.coresMax === null ? '' : figures.plain(it.coresMax),
    it.utilization === null ? '' : figures.percent(it.utilization),
    `${figures.significant(it.demand)} µs`,
    ...it.coresFor.map(figures.cores),
  ]
  const ceiling =
    limit === null
      ? null
      : markup`<p>${limit.explanation} Ceiling of this topology on this machine: <b>${figures.count(
          limit.ceilingPerSecond,
        )}</b> answers a second.</p>`
  return markup`<h3>${labelOf(load)}</h3>${ceiling}${table(heads, tierRows(cell).map(row))}`
}

const marks: Readonly<Record<Check['verdict'], string>> = {
  ok: '✓ ok',
  warn: '! warn',
  fail: '✗ FAIL',
  unknown: '? unknown',
}

export const checksTable = ({ load, checks }: Cell): Markup => {
  const { ok, warn, fail, unknown } = verdictCounts(checks)
  const tally = [
    `${ok} ok`,
    warn > 0 ? figures.plural(warn, 'warning') : '',
    fail > 0 ? `${fail} failed` : '',
    unknown > 0 ? `${unknown} unknown` : '',
  ].filter(Boolean)
  const body = checks.map(
    ({ name, value, bound, verdict, meaning }) => markup`<tr class="${verdict}">
<td class="mark">${marks[verdict]}</td><th scope="row">${name}</th><td>${value}</td><td>${bound}</td></tr>
${meaning === '' ? null : markup`<tr class="${verdict} meaning"><td></td><td colspan="3">${meaning}</td></tr>`}`,
  )
  return markup`<h3>${labelOf(load)} <small>${tally.join(', ')}</small></h3>
<div class="scroll" tabindex="0"><table class="checks"><thead><tr><th scope="col">verdict</th><th scope="col">check</th
><th scope="col">value</th><th scope="col">bound</th></tr></thead><tbody>${body}</tbody></table></div>`
}

/** One row for each kind of event, one column for each load: loads differ in which statuses they saw. */
export const ledgerTable = (cells: readonly Cell[]): Markup => {
  const ledgers = cells.map((cell) => new Map(ledgerOf(cell)))
  return valuesTable(cells, namesIn(ledgers), (name, i) => {
    const value = ledgers[i]?.get(name)
    return value === undefined ? '0' : figures.count(value)
  })
}

/** What else was recorded of each load, that checks rest upon. */
export const conditionsTable = (cells: readonly Cell[]): Markup => {
  const conditions = cells.map((cell) => new Map(conditionsOf(cell)))
  return valuesTable(cells, namesIn(conditions), (name, i) => conditions[i]?.get(name) ?? '–')
}

const namesIn = (maps: readonly ReadonlyMap<string, unknown>[]): string[] => [
  ...new Set(maps.flatMap((map) => [...map.keys()])),
]

const valuesTable = (
  cells: readonly Cell[],
  names: readonly string[],
  valueOf: (name: string, cell: number) => string,
): Markup =>
  table(
    ['', ...cells.map(({ load }) => labelOf(load))],
    names.map((name) => [name, ...cells.map((_, i) => valueOf(name, i))]),
  )

const conditionsOf = (cell: Cell): [string, string][] => {
  const { load, generator, noise, samples, answerBytes, autocannon } = cell
  const [before, after] = noise.calibrationMs
  const matchesAtEnd = { true: 'yes', false: 'NO', null: 'unknown' }[`${samples.matchesAtEnd}`]
  return [
    ['generator', `${load.generator}, ${figures.plural(load.threads, 'thread')}`],
    [
      'window, planned',
      `${figures.seconds(cell.seconds)}, ${figures.seconds(cell.plannedSeconds)}`,
    ],
    ['generator: CPU of its threads', figures.percent(generator.cpuShare)],
    ['generator: busiest loop', figures.percent(generator.loopUtilization)],
    [
      'generator: loop lag, p99',
      figures.time(generator.loopLagP99Ms === null ? null : generator.loopLagP99Ms * 1e3),
    ],
    ['CPU taken by a hypervisor', figures.percent(noise.steal)],
    ['cores busy with anything else', figures.cores(noise.otherCores)],
    ['calibration before, after', `${figures.plain(before)} ms, ${figures.plain(after)} ms`],
    ['answers read, wrong', `${figures.count(samples.taken)}, ${figures.count(samples.wrong)}`],
    ['different bodies among them', figures.count(samples.bodies)],
    ['matches the database at the end', matchesAtEnd],
    ...(samples.complaint === null
      ? []
      : [['first wrong answer', samples.complaint] as [string, string]]),
    [
      'one answer: head, body',
      answerBytes === null
        ? 'unknown'
        : `${figures.count(answerBytes.head)} B, ${figures.count(answerBytes.body)} B`,
    ],
    ...(autocannon === null
      ? []
      : [
          [
            'autocannon’s own average, total',
            `${figures.count(autocannon.requestsAverage)}/s, ${figures.count(autocannon.requestsTotal)}`,
          ] as [string, string],
        ]),
  ]
}
