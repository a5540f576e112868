// The dashboard and the alert rules: each query is PromQL. A running server or worker really exports
// each metric, label and label value that a query names.

import { readFileSync } from 'node:fs'
import { parser } from '@prometheus-io/lezer-promql'
import t, { type Test } from 'tap'
import { parse as parseYaml, stringify } from 'yaml'
import { signToken } from '../../lib/accounts/access-token.ts'
import { version } from '../../lib/runtime/version.ts'
import { startServer, startWorker } from '../../scripts/stack/processes.ts'
import { scrape, type Sample } from '../../scripts/stack/scrape.ts'
import { eventually } from '../../testing/eventually.ts'
import { generousTimeouts, testSecret } from '../../testing/settings.ts'
import { endpoints } from '../../testing/openapi/document.ts'
import { promtoolCheck, promtoolTest } from '../../testing/promtool.ts'
import { orSkip, testDatabase, testTopic } from '../../testing/services.ts'

type Panel = {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly targets?: readonly { readonly expr: string }[]
}
type Variable = {
  readonly name: string
  readonly type: string
  readonly query: string | { readonly query: string }
}
type Rule = {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly runbook_url: string }
}

const read = (file: string) => readFileSync(new URL(file, import.meta.url), 'utf8')
const { panels, templating } = JSON.parse(read('dashboard.json')) as {
  panels: Panel[]
  templating: { list: Variable[] }
}
const { groups } = parseYaml(read('alerts.yaml')) as { groups: { rules: Rule[] }[] }
const rules = groups.flatMap((group) => group.rules)
const expressions = [
  ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...rules.map(({ expr }) => expr),
]

type Selector = {
  metric: string
  readonly matchers: { label: string; op: string; value: string }[]
}

/** Throws when it is no PromQL. */
const parsePromql = (expression: string): { selectors: Selector[]; labels: string[] } => {
  const text = expression.replaceAll('$__rate_interval', '5m') // Grafana's to fill in
  const selectors: Selector[] = []
  const labels: string[] = []
  parser.parse(text).iterate({
    enter({ name, from, to, node, type }) {
      const source = text.slice(from, to)
      if (type.isError) throw new Error(`not PromQL at ${from}: ${text}`)
      if (name === 'VectorSelector') selectors.push({ metric: '', matchers: [] })
      const selector = selectors.at(-1)
      if (name === 'Identifier' && selector) selector.metric = source
      if (name === 'UnquotedLabelMatcher' && selector) {
        const [, label = '', op = '', value = ''] = /^(\w+)\s*(\W\W?)\s*"(.*)"$/.exec(source) ?? []
        selector.matchers.push({ label, op, value })
      }
      if (name === 'LabelName' && node.parent?.name === 'GroupingLabels') labels.push(source)
    },
  })
  return { selectors, labels }
}

/** Its lag is not there while it is unknown; all else of it is. */
const unreachableReplica = 'postgres://127.0.0.1:1/todos'
/** Nor is what a server without shards has none of. */
const unknownHere: ReadonlyMap<string, string> = new Map([
  ['todos_replica_lag_seconds', 'replica'],
  ['todos_shard_unavailable_processes', 'shard'],
])

/** What a server and a worker export once they have been used. */
const exported = async (t: Test): Promise<{ samples: Sample[]; texts: string[] }> => {
  const environment = {
    COMMAND_LOG: 'postgres',
    LIST_CACHE: 'postgres',
    DATABASE_URL: await testDatabase(t),
    DATABASE_REPLICA_URLS: unreachableReplica,
    KAFKA_TODO_TOPIC: testTopic(),
    JWT_SECRET: testSecret,
    LOG_LEVEL: 'warn',
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: '0',
    HTTP_PROCESSES: '1',
    ...generousTimeouts,
  }
  const [server, worker] = await Promise.all([startServer(environment), startWorker(environment)])
  t.teardown(() => server.stop())
  t.teardown(() => worker.stop())
  const response = await fetch(`http://127.0.0.1:${server.port}/todos`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${signToken(testSecret, 'ann', 60)}`,
      'content-type': 'application/json',
    },
    body: '{"title":"x"}',
  })
  t.equal(response.status, 202)
  t.equal((await fetch(`http://127.0.0.1:${server.port}/ping`)).status, 200)
  const byWorker = await eventually(
    () => scrape(worker.metricsPort),
    (seen) => seen.total('todos_worker_commands_total') === 1,
  )
  const samples = [...(await scrape(server.metricsPort)).samples, ...byWorker.samples]
  const texts = [server, worker].map(async ({ metricsPort }) =>
    (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(),
  )
  return { samples, texts: await Promise.all(texts) }
}

t.test('what the queries name is exported', async (t) => {
  const { samples, texts } = await exported(t)
  t.match(
    samples.filter(({ name }) => name === 'todos_build_info').map(({ labels }) => labels),
    [{ version }, { version }],
    'server and worker say their version',
  )
  const used = new Set<string>()
  for (const expression of expressions) {
    const { selectors, labels } = parsePromql(expression)
    t.ok(selectors.length > 0, expression)
    const known = new Set(['le', 'job', 'instance'])
    for (const { metric, matchers } of selectors) {
      used.add(metric)
      const series = samples.filter(({ name }) => name === metric)
      const label = unknownHere.get(metric)
      if (label !== undefined) {
        t.same(series, [])
        known.add(label)
        continue
      }
      t.ok(series.length > 0, `${metric} is exported`)
      for (const one of series) for (const label of Object.keys(one.labels)) known.add(label)
      for (const { label, op, value } of matchers) {
        t.ok(known.has(label), `${metric} has the label ${label}`)
        // Statuses come as they come.
        if (op !== '=' || label === 'http_response_status_code') continue
        t.ok(
          series.some(({ labels }) => labels[label] === value),
          `${metric} has ${label}="${value}"`,
        )
      }
    }
    for (const label of labels) t.ok(known.has(label), `by ${label}: ${expression}`)
  }
  const families = samples.map(({ name }) => name.replace(/_(bucket|sum|count)$/, ''))
  const shown = new Set([...used].map((name) => name.replace(/_(bucket|sum|count)$/, '')))
  t.same(
    [...new Set(families)].filter((name) => !shown.has(name)),
    [],
    'and what is exported is shown, or alarmed of',
  )
  await t.test('promtool has nothing against it', async (t) => {
    const said = await orSkip(t, () =>
      Promise.all(texts.map((text) => promtoolCheck('metrics', text))),
    )
    if (said) t.same(said, ['', ''])
  })
})

t.test('promtool has nothing against the rules', async (t) => {
  const text = stringify({ groups })
  const said = await orSkip(t, () => promtoolCheck('rules', text))
  if (said === undefined) return
  t.equal(said, '')
  t.match(await promtoolCheck('rules', text.replace(' > 0', ' > ')), /FAILED/)
  t.match(await promtoolCheck('metrics', '# TYPE a_ms counter\na_ms 1\n'), /no help text/)
})

t.test('an alert leads to the runbook where Prometheus says that it is', async (t) => {
  const [gone] = rules
  const url = 'https://docs.example/runbook.html'
  for (const [labels, page] of [
    [{ todos_runbook: url }, url],
    [{}, 'docs/runbook.md'],
  ] as const) {
    const firing = {
      exp_labels: gone?.labels,
      exp_annotations: {
        summary: gone?.annotations.summary,
        runbook_url: `${page}#todosservergone`,
      },
    }
    const test = {
      rule_files: ['rules.yaml'],
      tests: [
        {
          external_labels: labels,
          alert_rule_test: [
            { eval_time: '5m', alertname: 'TodosServerGone', exp_alerts: [firing] },
          ],
        },
      ],
    }
    const said = await orSkip(t, () => promtoolTest(stringify({ groups }), stringify(test)))
    if (said !== undefined) t.equal(said, '', page)
  }
})

t.test(
  'a replica that is left out, or far behind, fires, and one that is near does not',
  async (t) => {
    const test = {
      rule_files: ['rules.yaml'],
      evaluation_interval: '1m',
      tests: [
        {
          interval: '1m',
          input_series: [
            {
              series: 'todos_replica_left_out_processes{replica="a",instance="1"}',
              values: '0x20',
            },
            {
              series: 'todos_replica_left_out_processes{replica="b",instance="1"}',
              values: '1x20',
            },
            { series: 'todos_replica_lag_seconds{replica="a",instance="1"}', values: '0.2x20' },
            { series: 'todos_replica_lag_seconds{replica="c",instance="1"}', values: '3x20' },
          ],
          alert_rule_test: ['TodosReplicaLeftOut b', 'TodosReplicaBehind c'].map((one) => {
            const [alertname, replica = ''] = one.split(' ')
            const rule = rules.find(({ alert }) => alert === alertname)
            return {
              eval_time: '15m',
              alertname,
              exp_alerts: [
                {
                  exp_labels: { ...rule?.labels, replica },
                  exp_annotations: {
                    summary: rule?.annotations.summary.replace('{{ $labels.replica }}', replica),
                    runbook_url: `docs/runbook.md#${alertname?.toLowerCase()}`,
                  },
                },
              ],
            }
          }),
        },
      ],
    }
    const said = await orSkip(t, () => promtoolTest(stringify({ groups }), stringify(test)))
    if (said !== undefined) t.equal(said, '')
  },
)

t.test('what is no PromQL, or names what is not there, would be found', async (t) => {
  t.throws(() => parsePromql('sum(rate(a[5m])'), /not PromQL/)
  t.throws(() => parsePromql('sum by le (a)'), /not PromQL/)
  t.same(parsePromql('max by (b) (rate(a{c=~"d"}[$__rate_interval]))'), {
    selectors: [{ metric: 'a', matchers: [{ label: 'c', op: '=~', value: 'd' }] }],
    labels: ['b'],
  })
})

t.test('a query of the writes names each method that the API writes with', (t) => {
  const writes = new Set(endpoints.map(({ method }) => method))
  writes.delete('GET')
  const named = expressions.flatMap((expression) =>
    parsePromql(expression).selectors.flatMap(({ matchers }) =>
      matchers.flatMap(({ label, value }) => (label === 'http_request_method' ? [value] : [])),
    ),
  )
  t.ok(named.length > 0)
  for (const value of named) t.same(new Set(value.split('|')), writes, value)
  t.end()
})

t.test('each rule says what is wrong, and how much it matters', async (t) => {
  t.ok(rules.length > 10)
  t.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length)
  for (const rule of rules) {
    t.match(rule, {
      alert: /^Todos[A-Za-z]+$/,
      labels: { severity: /^(page|ticket)$/ },
      annotations: { summary: /\w.*\.$/ },
      expr: /\w/,
    })
    if (rule.for !== undefined) t.match(rule.for, /^\d+[sm]$/)
    const named = [...rule.annotations.summary.matchAll(/\$labels\.(\w+)/g)].map(
      ([, label]) => label,
    )
    const { labels } = parsePromql(rule.expr)
    t.same(
      named.filter((label) => !labels.includes(label as string)),
      [],
      'names labels that the query keeps',
    )
  }
})

t.test('each rule has its place in the runbook, and the runbook no other', (t) => {
  const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8')
  const [, ...chapters] = runbook.split(/^## /m)
  t.same(
    chapters.map((chapter) => chapter.slice(0, chapter.indexOf('\n'))),
    rules.map(({ alert }) => alert),
    'in the same order',
  )
  for (const [i, { alert, annotations, labels }] of rules.entries()) {
    t.equal(
      annotations.runbook_url,
      `{{ or $externalLabels.todos_runbook "docs/runbook.md" }}#${alert.toLowerCase()}`,
    )
    const chapter = chapters[i] ?? ''
    t.match(chapter, labels.severity === 'page' ? '**Page.**' : '**Ticket.**', alert)
    for (const part of ['Users notice', 'First look', 'Do', 'Wake somebody'])
      t.match(chapter, `- **${part}:**`, `${alert}: ${part}`)
  }
  t.end()
})

t.test('each panel is of the jobs and the instances that are chosen', (t) => {
  t.match(templating.list, [
    { name: 'datasource', type: 'datasource', query: 'prometheus' },
    { name: 'job', type: 'query', query: { query: 'label_values(todos_build_info, job)' } },
    {
      name: 'instance',
      type: 'query',
      query: { query: 'label_values(todos_build_info{job=~"$job"}, instance)' },
    },
  ])
  for (const { expr } of panels.flatMap(({ targets = [] }) => targets)) {
    for (const { matchers } of parsePromql(expr).selectors) {
      t.match(
        matchers,
        [
          { label: 'job', op: '=~', value: '$job' },
          { label: 'instance', op: '=~', value: '$instance' },
        ],
        expr,
      )
    }
  }
  t.end()
})

t.test('panels have their own id, title and place', async (t) => {
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  for (const [i, panel] of panels.entries()) {
    t.ok(panel.type === 'row' || (panel.targets ?? []).length > 0, panel.title)
    t.ok(panel.gridPos.x + panel.gridPos.w <= 24, panel.title)
    for (const other of panels.slice(i + 1)) {
      const [a, b] = [panel.gridPos, other.gridPos]
      const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y
      t.ok(apart, `${panel.title} and ${other.title}`)
    }
  }
})
