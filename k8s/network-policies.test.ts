// The network policies let through what the programs need, seen from both sides, and nothing else.

import t from 'tap'
import { namesOf, overlays, portsOf, readOverlay, type Labels } from '../testing/k8s/workloads.ts'

for (const overlay of overlays) {
  const { all, one, workloads, workload, selected } = readOverlay(overlay)
  void t.test(`${overlay}: who needs whom may speak to them, and nobody else`, async (t) => {
    const policies = all('NetworkPolicy')
    const listens = (name: string) => [...portsOf(workload(name)).values()]
    /** Ports of `to` that a policy lets `from` speak to, from the side of one of them. */
    const allowed = (from: string, to: string, direction: 'ingress' | 'egress') =>
      policies
        .filter(({ spec }) =>
          namesOf(selected(spec?.podSelector?.matchLabels)).includes(
            direction === 'ingress' ? to : from,
          ),
        )
        .flatMap(({ spec }): readonly Rule[] =>
          direction === 'ingress'
            ? (spec?.ingress ?? []).map((rule) => ({ peers: rule.from, ports: rule.ports }))
            : (spec?.egress ?? []).map((rule) => ({ peers: rule.to, ports: rule.ports })),
        )
        .filter(({ peers }) =>
          peers?.some(
            ({ podSelector, namespaceSelector }) =>
              !namespaceSelector &&
              podSelector &&
              namesOf(selected(podSelector.matchLabels)).includes(
                direction === 'ingress' ? from : to,
              ),
          ),
        )
        .flatMap(({ ports }) => ports?.map(({ port }) => port) ?? [])
        .sort()
    const needs: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>> = {
      api: { postgres: [5432], redis: [6379], kafka: [9092] },
      worker: { postgres: [5432], redis: [6379], kafka: [9092] },
      kafka: { kafka: [9092, 9093] },
    }
    for (const from of namesOf(workloads)) {
      for (const to of namesOf(workloads)) {
        const ports = needs[from]?.[to] ?? []
        t.strictSame(allowed(from, to, 'egress'), ports, `${from} may ask ${to}`)
        t.strictSame(allowed(from, to, 'ingress'), ports, `${to} may be asked by ${from}`)
        for (const port of ports) t.ok(listens(to).includes(port))
      }
    }
    t.match(one('NetworkPolicy', 'nobody').spec, {
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
    })
    const fromOutside = policies.flatMap(({ metadata, spec }) =>
      (spec?.ingress ?? [])
        .filter(({ from }) => from?.some(({ namespaceSelector }) => namespaceSelector))
        .flatMap(({ ports }) => ports?.map(({ port }) => `${metadata?.name}:${port}`)),
    )
    t.strictSame(fromOutside, ['api:8080', 'api:9090', 'api:9464', 'worker:9465'])
  })
}

type Rule = {
  readonly peers:
    | readonly {
        podSelector?: { matchLabels?: Labels }
        namespaceSelector?: object
      }[]
    | undefined
  readonly ports: readonly { port?: string | number }[] | undefined
}
