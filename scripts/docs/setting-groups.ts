// The settings as chapters: a chapter for each table in lib/runtime/config/.

import { accountSettings } from '../../lib/runtime/config/accounts.ts'
import { settings } from '../../lib/runtime/config/config.ts'
import { grpcSettings } from '../../lib/runtime/config/grpc.ts'
import { httpSettings } from '../../lib/runtime/config/http.ts'
import { kafkaSecuritySettings } from '../../lib/runtime/config/kafka-security.ts'
import { kafkaSettings } from '../../lib/runtime/config/kafka.ts'
import { limitSettings } from '../../lib/runtime/config/limits.ts'
import { listSettings } from '../../lib/runtime/config/lists.ts'
import { liveSettings } from '../../lib/runtime/config/live.ts'
import { mailSettings } from '../../lib/runtime/config/mail.ts'
import { postgresSettings } from '../../lib/runtime/config/postgres.ts'
import { processSettings } from '../../lib/runtime/config/process.ts'
import { redisSettings } from '../../lib/runtime/config/redis.ts'
import { shareSettings } from '../../lib/runtime/config/shares.ts'
import type { Setting } from '../../lib/runtime/config/table.ts'
import { teamSettings } from '../../lib/runtime/config/teams.ts'
import { traceSettings } from '../../lib/runtime/config/traces.ts'
import { workerSettings } from '../../lib/runtime/config/worker.ts'
import { writeSettings } from '../../lib/runtime/config/writes.ts'
import { postgresNotes, redisNotes } from './setting-notes.ts'

export type AnySetting = Setting<string | number | undefined>

export type SettingGroup = {
  readonly title: string
  readonly about: string
  /** What holds for several of them, in Markdown. */
  readonly notes?: string
  readonly settings: Readonly<Record<string, AnySetting>>
}

export const settingGroups: readonly SettingGroup[] = [
  {
    title: 'HTTP',
    about: 'How the server listens, and what it allows to clients.',
    settings: httpSettings,
  },
  {
    title: 'gRPC',
    about: 'The port of gRPC, gRPC-Web and Connect, and what it allows to clients.',
    settings: grpcSettings,
  },
  {
    title: 'Rate limits',
    about: 'How much one client or user may ask for.',
    settings: limitSettings,
  },
  {
    title: 'Postgres',
    about: 'Where Postgres is, and how many connections are opened.',
    notes: postgresNotes,
    settings: postgresSettings,
  },
  {
    title: 'Redis',
    about: 'Where Redis is, and how many connections are opened.',
    notes: redisNotes,
    settings: redisSettings,
  },
  {
    title: 'Lists',
    about: 'How fresh the public lists are, and how much memory they take.',
    settings: listSettings,
  },
  {
    title: 'Kafka',
    about: 'Where commands are published.',
    settings: kafkaSettings,
  },
  {
    title: 'Kafka: TLS and login',
    about: 'What a managed Kafka asks for.',
    settings: kafkaSecuritySettings,
  },
  {
    title: 'Writes',
    about: 'How long a write may wait for the command log.',
    settings: writeSettings,
  },
  {
    title: 'Worker',
    about: 'How much one worker does at once.',
    settings: workerSettings,
  },
  {
    title: 'Accounts',
    about: 'Tokens, sessions and passwords.',
    settings: accountSettings,
  },
  {
    title: 'Mail',
    about: 'How mail is sent, by the worker.',
    settings: mailSettings,
  },
  {
    title: 'Teams',
    about: 'How large teams may be, and how long the audit log is kept.',
    settings: teamSettings,
  },
  {
    title: 'Shares',
    about: 'With how many one personal todo may be shared.',
    settings: shareSettings,
  },
  {
    title: 'Live updates',
    about: 'WebSockets and event streams, and what one client of them may cost.',
    settings: liveSettings,
  },
  {
    title: 'Processes',
    about: 'What each process shows of itself, and where it keeps files.',
    settings: processSettings,
  },
  {
    title: 'Traces',
    about:
      'Where traces go, and of which requests. OpenTelemetry itself reads others, such as `OTEL_SERVICE_NAME`.',
    settings: traceSettings,
  },
]

const listed = settingGroups.flatMap((group) => Object.keys(group.settings))
const unlisted = Object.keys(settings).filter((name) => !listed.includes(name))
if (unlisted.length > 0) {
  throw new Error(`${unlisted.join(', ')}: give them a chapter in scripts/docs/setting-groups.ts`)
}

/** Their defaults depend on the machine, and a page must not. */
const perCore = new Set(['HTTP_PROCESSES', 'REDIS_POOL_SIZE'])

/** Empty: there is none. */
export const defaultOf = (name: string, setting: AnySetting): string =>
  perCore.has(name) ? 'one per core' : String(setting.default ?? '')

export const isPerCore = (name: string): boolean => perCore.has(name)
