// What one setting needs of another.

import { pairFaults } from './pem.ts'
import { redisTlsFaults } from './redis.ts'
import { shardsIn } from './shard-urls.ts'

type Values = Readonly<Record<string, string | number | undefined>>

/** One line for each that contradict each other. */
export const relationFaults = (values: Values): string[] => {
  const faults: string[] = []
  if (Number(values['HTTP_REQUEST_TIMEOUT_MS']) < Number(values['HTTP_HEADERS_TIMEOUT_MS'])) {
    faults.push(
      `HTTP_REQUEST_TIMEOUT_MS is ${values['HTTP_REQUEST_TIMEOUT_MS']}: set it to HTTP_HEADERS_TIMEOUT_MS (${values['HTTP_HEADERS_TIMEOUT_MS']}) or more`,
    )
  }
  if (values['SMTP_URL'] !== undefined && values['MAIL_FROM'] === '') {
    faults.push(
      'MAIL_FROM is not set, and SMTP_URL is: set it to the address that mail comes from, such as todos@example.com',
    )
  }
  if (
    values['AUTH_EMAIL_VERIFICATION'] === 'required' &&
    values['SMTP_URL'] === undefined &&
    values['COMMAND_LOG'] !== 'postgres'
  ) {
    faults.push(
      'AUTH_EMAIL_VERIFICATION is required, and no mail can be sent: set SMTP_URL, or AUTH_EMAIL_VERIFICATION to optional',
    )
  }
  if (Number(values['KAFKA_MIN_INSYNC_REPLICAS']) > Number(values['KAFKA_REPLICATION_FACTOR'])) {
    faults.push(
      `KAFKA_MIN_INSYNC_REPLICAS is ${values['KAFKA_MIN_INSYNC_REPLICAS']}: set it to KAFKA_REPLICATION_FACTOR (${values['KAFKA_REPLICATION_FACTOR']}) or less`,
    )
  }
  faults.push(...redisTlsFaults(values))
  faults.push(...shardFaults(values))
  const ports = ['HTTP_PORT', 'METRICS_PORT', 'GRPC_PORT'] as const
  for (const [i, name] of ports.entries()) {
    const port = values[name]
    const same = ports.slice(0, i).find((one) => values[one] === port)
    if (same && port !== 0 && port !== 'off')
      faults.push(`${name} is ${port}, which is ${same}: set one of them to another`)
  }
  if (values['HTTP_PORT_PER_PROCESS'] === 'true') {
    const first = Number(values['HTTP_PORT'])
    if (first === 0 || first + Number(values['HTTP_PROCESSES']) - 1 > 65_535) {
      faults.push(
        `HTTP_PORT is ${first}: with HTTP_PORT_PER_PROCESS set it to the first of ${values['HTTP_PROCESSES']} ports`,
      )
    }
  }
  for (const port of ['HTTP', 'GRPC'])
    faults.push(...pairFaults(values, `${port}_TLS_CERT_FILE`, `${port}_TLS_KEY_FILE`))
  return faults
}

const shardFaults = (values: Values): string[] => {
  const shards = shardsIn(String(values['DATABASE_SHARDS']))
  if (shards.length === 0) return []
  const same = shards.find(({ url }) => url === values['DATABASE_URL'])
  return [
    ...(same
      ? [
          `DATABASE_SHARDS has the URL of DATABASE_URL as ${same.name}: set it to a database of its own`,
        ]
      : []),
    ...(values['DATABASE_REPLICA_URLS'] === ''
      ? []
      : ['DATABASE_REPLICA_URLS is set, and so is DATABASE_SHARDS: shards have no replicas yet']),
  ]
}
