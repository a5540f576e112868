// The alerts as the Prometheus Operator takes them: kustomize cannot put a file into an object.

import { readFileSync } from 'node:fs'
import { parse, stringify } from 'yaml'
import { repository } from '../paths.ts'

export const alertsPath = 'k8s/monitoring/alerts.yaml'

/** The same for the chart, which reads no file from outside its own folder. */
export const chartAlerts = (): string => readFileSync(new URL(alertsPath, repository), 'utf8')

export const prometheusRules = (): string => {
  const { groups } = parse(chartAlerts()) as { readonly groups: readonly unknown[] }
  const rule = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: {
      name: 'todos',
      namespace: 'todos',
      labels: { 'app.kubernetes.io/part-of': 'todos' },
    },
    spec: { groups },
  }
  return `# Printed by npm run docs:print, from ${alertsPath}.\n${stringify(rule, { lineWidth: 0, singleQuote: true })}`
}
