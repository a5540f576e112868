// The alerts as the Prometheus Operator takes them: kustomize cannot put a file into an object.

import { readFileSync } from 'node:fs'
import { parse, stringify } from 'yaml'
import { repository } from '../paths.ts'

export const alertsPath = 'k8s/monitoring/alerts.yaml'

export const prometheusRules = (): string => {
  const { groups } = parse(readFileSync(new URL(alertsPath, repository), 'utf8')) as {
    readonly groups: readonly unknown[]
  }
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
