// docs/reference/metrics.md: every metric of the server and the worker.

import { answerTimeoutMs } from '../../server/process/metrics-page.ts'
import { metricGroups, type Metric, type MetricGroup } from './metric-groups.ts'
import { bullets, code, linkTo, printedPage, prose, table } from './markdown.ts'
import { withLinks } from './references.ts'

export const metricsPage = (): string =>
  printedPage(
    'Metrics',
    'For whoever watches the system with Prometheus: each metric, its labels and what it means.',
    [
      'The server has one page for all of its processes at `:9464/metrics` ([METRICS_PORT](settings.md#metrics_port)). Each worker has its own at `:9465/metrics` ([WORKER_METRICS_PORT](settings.md#worker_metrics_port)). These ports are not for the public.',
      'What several processes count is summed, unless a metric says otherwise.',
      bullets(metricGroups.map(({ title, about }) => `${linkTo(title)}: ${prose(about)}`)),
      ...metricGroups.map(chapter),
      scrapes,
      renamed,
    ],
  )

const chapter = ({ title, about, metrics }: MetricGroup): string =>
  [`## ${title}`, prose(about), ...metrics.map(section)].join('\n\n')

const section = ({ name, help, type, labelNames, aggregator }: Metric): string =>
  [
    `### ${name}`,
    withLinks(help, { page: 'metrics.md', except: name }),
    bullets([
      `Type: ${type}`,
      labelNames.length === 0 ? undefined : `Labels: ${labelNames.map(code).join(', ')}`,
      aggregator === 'max' ? 'Several processes: the highest is shown' : undefined,
    ]),
  ].join('\n\n')

const scrapes = `## Scrapes

Each scrape collects from every server process. One that does not answer within ${answerTimeoutMs / 1_000} s is shown with its last
counters, without gauges. ${linkTo('todos_metrics_unanswered_total')} counts it.
Totals never go back. A process that exits reports a last time. A killed one keeps the totals of the last scrape.

Requests are in OpenTelemetry's names. Those that handlers answer are timed; lists that are answered with ready
bytes are counted. A client that is refused before its bytes are a request (400, 408 or 431 from the parser) is in
neither.`

/** Once released, a name that changes stands here, for dashboards and alerts of others. */
const renamed = `## Renamed

Update dashboards and alerts of your own:

${table(
  ['Old name', 'New name'],
  [
    ['todos_limit_store_given_up_total', 'todos_limit_store_circuit_opened_total'],
    ['todos_limit_store_away_processes', 'todos_limit_store_unavailable'],
    ['todos_publish_refused_total{cause="log-away"}', 'cause="log-unavailable"'],
    ['todos_publish_refused_total{cause="log-silent"}', 'cause="log-unresponsive"'],
    ['nodejs_eventloop_delay_seconds{quantile="0.99"}', 'percentile="99"'],
    [
      'http_server_request_duration_seconds_count{http_response_status_code}',
      'http_server_requests_total',
    ],
    ['alert TodosLimitStoreAway', 'alert TodosLimitStoreUnavailable'],
  ].map((row) => row.map(code)),
)}`
