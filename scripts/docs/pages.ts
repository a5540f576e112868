// What `npm run docs:print` prints: one function a page, from the code alone.

import { apiPage } from './api-page.ts'
import { commandsPage } from './commands-page.ts'
import { envExample } from './env-example.ts'
import { grpcPage } from './grpc-page.ts'
import { limitsPage } from './limits-page.ts'
import { metricsPage } from './metrics-page.ts'
import { chartSchema } from './chart-schema.ts'
import { problemsPage } from './problems-page.ts'
import { chartAlerts, prometheusRules } from './prometheus-rules.ts'
import { resultsPage } from './results-page.ts'
import { settingsPage } from './settings-page.ts'
import { webClient } from './web-client.ts'

export type PrintedPage = { readonly path: string; readonly text: string }

export const commandsPath = 'docs/reference/commands.md'

/** `helps`: what each program says of itself, by its script's name. */
export const printPages = (helps: ReadonlyMap<string, string>): readonly PrintedPage[] => [
  { path: '.env.example', text: envExample() },
  { path: 'docs/reference/api.md', text: apiPage() },
  { path: 'docs/reference/grpc.md', text: grpcPage() },
  { path: 'docs/reference/settings.md', text: settingsPage() },
  { path: 'docs/reference/metrics.md', text: metricsPage() },
  { path: 'docs/reference/problems.md', text: problemsPage() },
  { path: 'docs/reference/limits.md', text: limitsPage() },
  { path: commandsPath, text: commandsPage(helps) },
  { path: 'docs/reference/results.md', text: resultsPage() },
  { path: 'k8s/components/prometheus-operator/rules.yaml', text: prometheusRules() },
  { path: 'k8s/chart/files/alerts.yaml', text: chartAlerts() },
  { path: 'k8s/chart/values.schema.json', text: chartSchema() },
  { path: 'web/src/api/operations.ts', text: webClient() },
]
