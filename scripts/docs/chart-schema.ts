// k8s/chart/values.schema.json: what the chart's values may be. Its settings are the table of settings,
// so that Helm refuses before an install what the programs would refuse at their start.

import { settings, valuesOf } from '../../lib/runtime/config/config.ts'
import type { AnySetting } from './setting-groups.ts'

type Schema = Readonly<Record<string, unknown>>

export const chartSchema = (): string =>
  `${JSON.stringify(
    {
      $schema: 'http://json-schema.org/draft-07/schema#',
      $comment: 'Printed by npm run docs:print, from the table of settings.',
      title: 'Values of the chart todos',
      ...closed({
        image: closed({ repository: text, tag: { type: 'string' } }),
        settings: closed(
          Object.fromEntries(
            entries
              .filter(([, { isSecret }]) => !isSecret)
              .map(([name, one]) => [name, schemaOf(one)]),
          ),
        ),
        secret: closed({ name: text, certificates: text, values: closed(secrets) }),
        api: program,
        worker: program,
        postgres: closed({ ...store, args: { type: 'array', items: text }, storage: text }),
        redis: closed(store),
        kafka: closed({
          ...store,
          replicas: { enum: [1, 3] },
          clusterId: text,
          heap: text,
          storage: text,
        }),
        entry: {
          ...closed({
            kind: { enum: ['ingress', 'gateway', 'istio', 'load-balancer'] },
            host: text,
            grpcHost: text,
            tlsSecret: { type: 'string' },
            className: text,
            namespace: text,
          }),
          // Without a certificate there is nothing that they could listen with.
          if: { properties: { kind: { enum: ['gateway', 'istio'] } } },
          then: { properties: { tlsSecret: text } },
        },
        monitoring: closed({ namespace: text, operator: { type: 'boolean' } }),
        keda: closed({ enabled: { type: 'boolean' }, prometheusUrl: text }),
        networkPolicy: closed({ egress: { type: 'array', items: { type: 'object' } } }),
        // Helm's own, for a chart that has this one among its dependencies.
        global: { type: 'object' },
      }),
    },
    undefined,
    2,
  )}\n`

const text: Schema = { type: 'string', minLength: 1 }
const closed = (properties: Schema): Schema => ({
  type: 'object',
  properties,
  additionalProperties: false,
})

const amounts = closed({ cpu: { type: ['string', 'number'] }, memory: text })
const resources = closed({ requests: amounts, limits: amounts })
const podsMin: Schema = { type: 'integer', minimum: 1 }
const program = closed({
  autoscaling: closed({ minReplicas: podsMin, maxReplicas: podsMin }),
  heapMegabytes: { type: 'integer', minimum: 64 },
  resources,
})
const store = { enabled: { type: 'boolean' }, resources }

const entries = Object.entries<AnySetting>(settings)

/** Those that the pods read from the Secret, and the password that Postgres is made with. */
const secrets: Schema = Object.fromEntries(
  [
    ...entries.filter(([, { isSecret }]) => isSecret).map(([name]) => name),
    'POSTGRES_PASSWORD',
  ].map((name) => [name, { type: 'string' }]),
)

const portMax = 65_535

const schemaOf = (setting: AnySetting): Schema => {
  const { meaning, unit, min, max } = setting
  const isNumber = min !== undefined || unit.startsWith('port')
  const words = choicesOf(setting)
  const choices: readonly Schema[] = [
    ...(isNumber ? [{ type: 'integer', minimum: min ?? 0, maximum: max ?? portMax }] : []),
    // YAML reads true and false as booleans; the ConfigMap has them as text again.
    ...(words.length > 0
      ? [{ enum: words.flatMap((word) => (isBoolean(word) ? [word, word === 'true'] : [word])) }]
      : []),
  ]
  const [only = { type: 'string' }, ...others] = choices
  return {
    description: `${meaning} (${valuesOf(setting)})`,
    ...(others.length > 0 ? { anyOf: choices } : only),
  }
}

/** Its words, where it takes nothing else. */
const choicesOf = (setting: AnySetting): readonly string[] => {
  const words = setting.unit.split(' or ').filter((word) => word !== 'port')
  const isClosed = !accepts(setting, 'anything-else')
  return isClosed && words.every((word) => accepts(setting, word)) ? words : []
}

const isBoolean = (word: string): boolean => word === 'true' || word === 'false'

const accepts = ({ parse }: AnySetting, word: string): boolean => {
  try {
    return parse(word) === word
  } catch {
    return false
  }
}
