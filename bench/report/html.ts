// The report of a run as one page. It opens offline, runs no script and loads nothing. It reads the
// same in black and white, on a phone and on paper. What a result says is never trusted to be harmless.

import { createHash } from 'node:crypto'
import type { Cell, Result } from '../result.ts'
import { cpuCharts, latencyCharts, throughputCharts } from './charts.ts'
import * as figures from './figures.ts'
import { ladderSection, uslSection } from './ladder.ts'
import { jsonMarkup, markup, type Markup } from './markup.ts'
import { complaintsOf, hasTiers, headlineOf, labelOf, type Complaint } from './reading.ts'
import { style } from './style.ts'
import { checksTable, conditionsTable, cpuTable, ledgerTable, pairs } from './tables.ts'

export const htmlReport = (result: Result): string => {
  const { scenario, verdict, cells } = result
  const hash = createHash('sha256').update(style).digest('base64')
  const page = markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${hash}'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${verdict}: ${scenario.name}, ${figures.count(headlineOf(result)?.goodPerSecond ?? NaN)} good answers a second</title>
<style>${{ markup: style }}</style></head><body><main>
${verdictBlock(result)}
${headlineBlock(result)}
${charts('Throughput over time', throughputCharts(cells), 'No second of this run was recorded.')}
${latencySection(cells)}
${cpuSection(cells)}
${ladderSection(result)}
${uslSection(result.usl)}
<section><h2>Validity</h2><p class="soft">Every check of every load: what was seen, what it is held against, and what to do about it.</p>${cells.map(checksTable)}</section>
<section><h2>Ledger</h2>${ledgerTable(cells)}
<p class="soft">Counted in the window, but for what was closed, reset and lost: that is of the whole run.</p>
<h3>Conditions of measurement</h3>${conditionsTable(cells)}</section>
${disclosure(result)}
<section><h2>To run it again</h2><pre>${result.command}</pre></section>
</main><script type="application/json" id="result">${jsonMarkup(result)}</script></body></html>
`
  return page.markup
}

const verdictBlock = (result: Result): Markup => {
  const { scenario, verdict, machine, startedAt } = result
  const failed = complaintsOf(result, 'fail')
  const warned = complaintsOf(result, 'warn')
  const unknown = complaintsOf(result, 'unknown')
  const isValid = verdict === 'VALID'
  return markup`<header class="verdict ${verdict}"><p class="soft">Benchmark <b>${scenario.name}</b>, ${startedAt}, ${machine.cpu}, ${figures.plural(machine.cores, 'core')}</p>
<h1>${isValid ? '✓ VALID' : '✗ INVALID'}</h1>
<p>${isValid ? 'Every check that decides held: the numbers below may be quoted.' : 'Do not quote the numbers below: they are not what they seem.'}</p>
${complaintList('Why, and what to change', failed)}${complaintList('Worth knowing', warned)}
${unknown.length === 0 ? null : markup`<p class="soft">Could not be checked: ${unknown.map(({ name }) => name).join(', ')}.</p>`}
</header>`
}

const complaintList = (title: string, complaints: readonly Complaint[]): Markup | null =>
  complaints.length === 0
    ? null
    : markup`<h2>${title}</h2><ul>${complaints.map(({ name, meaning, seen }) => {
        const of = seen.length > 1 ? `; so in ${seen.length} loads` : ''
        const first = seen[0]
        const figure = first && `${first.value} (bound: ${first.bound})${of}`
        return markup`<li><b>${name}</b>: ${figure ?? ''}. ${meaning}</li>`
      })}</ul>`

const headlineBlock = (result: Result): Markup => {
  const cell = headlineOf(result)
  if (cell === null) return markup`<p>Nothing was measured.</p>`
  const { counts, load, latency, seconds } = cell
  const loads = result.cells.length
  return markup`<section class="headline"><div><p class="big">${figures.count(cell.goodPerSecond)}</p>
<p><b>good answers a second</b>${result.verdict === 'INVALID' ? ', of an INVALID run' : null}</p>
<p class="soft">${labelOf(load)} ${load.method} by ${load.generator}, ${figures.seconds(seconds)}${loads > 1 ? `, the best of ${loads} loads` : null}<br>
${figures.count(counts.completed / seconds)} answers a second of any kind</p></div>${headlineLatency(cell, latency)}</section>`
}

const headlineLatency = ({ load }: Cell, latency: Cell['latency']): Markup => {
  if (latency === null || latency.count === 0) {
    return markup`<div><p class="soft">No latency that could be trusted was measured.</p></div>`
  }
  const { p50, p90, p99, p999, max } = latency
  const row = Object.entries({ p50, p90, p99, 'p99.9': p999, max })
  return markup`<div><dl class="row">${row.map(
    ([name, us]) => markup`<div><dt>${name}</dt><dd>${figures.time(us)}</dd></div>`,
  )}</dl><p class="soft">latency from ${latency.from}; ${figures.count(latency.count)} timed, mean ${figures.time(latency.mean)}${load.ratePerSecond === null ? '.' : null}<br>
${load.ratePerSecond === null ? 'A closed loop waits for its answers, so its latency follows from its load.' : `Offered: ${figures.count(load.ratePerSecond)} a second.`}</p></div>`
}

const charts = (title: string, panels: readonly Markup[], otherwise: string): Markup =>
  markup`<section><h2>${title}</h2>${
    panels.length === 0
      ? markup`<p>${otherwise}</p>`
      : markup`<div class="panels ${panels.length > 1 ? 'many' : 'one'}">${panels}</div>`
  }</section>`

const latencySection = (cells: readonly Cell[]): Markup =>
  charts('Latency', latencyCharts(cells), 'No latency that could be trusted was measured.')

const cpuSection = (cells: readonly Cell[]): Markup => {
  const withTiers = cells.filter(hasTiers)
  const panels = charts('CPU by tier', cpuCharts(cells), 'CPU over time was not recorded.')
  const note =
    withTiers.length < cells.length
      ? markup`<p>The CPU of a server that was already running was not measured: what limited it is unknown.</p>`
      : null
  return markup`${panels}${note}${withTiers.map(cpuTable)}`
}

const disclosure = ({ machine, topology, scenario }: Result): Markup => {
  const { versions, ...rest } = machine
  const machinePairs = pairs([
    ['CPU', `${rest.cpu}, ${figures.plural(rest.cores, 'core')}`],
    ['memory', `${figures.plain(rest.memoryGiB)} GiB`],
    ['system', `${rest.platform}, kernel ${rest.kernel}`],
    ['Node', rest.node],
    ...Object.entries(versions),
  ])
  const settings = Object.entries(topology?.settings ?? {})
  const topologyPairs = pairs([
    ...(topology === null
      ? ([['server', 'was already running: its topology and settings are unknown']] as const)
      : ([
          [
            'server',
            `${figures.plural(topology.processes, 'process', 'processes')}, ${topology.engine} engine`,
          ],
          ['nginx', topology.nginx],
          ['services', topology.services],
          ...settings,
        ] as const)),
    ['request', `${scenario.method} ${scenario.path}`],
    ['todos', figures.count(scenario.todos)],
    ['writes meanwhile', `${figures.count(scenario.writesPerSecond)} a second`],
    ['warm-up', figures.seconds(scenario.warmUpSeconds)],
    ['scenario', `${scenario.name}: ${scenario.description}`],
  ])
  return markup`<section><h2>Machine and versions</h2>${machinePairs}</section>
<section><h2>Topology and settings</h2>${topologyPairs}</section>`
}
