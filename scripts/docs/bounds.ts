// Bounds that no setting moves, as a client or an operator meets them. The numbers are the constants
// that the code runs on; the words are for people.

import { sessionsShownMax } from '../../lib/accounts/administration.ts'
import { pendingBytesMax } from '../../lib/command-log/command-log.ts'
import { revisionsMax } from '../../lib/domain/command.ts'
import { emailLengthMax, passwordBytesMax, passwordBytesMin } from '../../lib/domain/credentials.ts'
import { newestCount } from '../../lib/domain/list.ts'
import { keptSec, queuedMax } from '../../lib/mail/outbox.ts'
import { pagedMax } from '../../lib/domain/page.ts'
import { descriptionLengthMax, titleLengthMax, userIdLengthMax } from '../../lib/domain/todo.ts'
import { batchBytesDefault } from '../../lib/drivers/kafka/batch-limit.ts'
import { retentionMs } from '../../lib/drivers/kafka/topic.ts'
import { waitingPerUseMax } from '../../lib/drivers/postgres/pool.ts'
import { pageTtlSecMax } from '../../lib/page-cache/open.ts'
import { secretBytesMax } from '../../lib/runtime/config/secret-file.ts'
import { linesPerSecondMax } from '../../lib/runtime/log.ts'
import { compressBytesMin } from '../../server/features/public-lists/ready-replies.ts'
import { waitingMax } from '../../server/features/todos/applied-commands.ts'
import { limitMax as ownPageMax } from '../../server/features/todos/pages.ts'
import { personalWaitSec } from '../../server/features/todos/parts.ts'
import { bodyBytesMax } from '../../server/http/json-body.ts'
import { preferLengthMax, waitSecMax } from '../../server/http/write-headers.ts'
import { usersMax } from '../../server/identity/active-users.ts'
import { bucketsMax } from '../../server/limits/in-process.ts'
import { pingIntervalMs, unansweredMax } from '../../server/process/hung-fork.ts'
import { answerTimeoutMs } from '../../server/process/metrics-page.ts'
import { crashDelayLastMs, startTimeoutMs } from '../../server/process/supervisor.ts'
import { namedMax } from '../../server/realtime/presence-states.ts'
import { typingIntervalMs, typingOfChannelPerSec } from '../../server/realtime/presence.ts'
import { silentMsMax } from '../../worker/observe/health.ts'
import { stalledMsMax } from '../../worker/observe/stall.ts'
import { writesKnownSec } from '../../worker/prune.ts'

export type Bound = {
  readonly name: string
  readonly value: string
  /** What happens at it. */
  readonly beyond: string
}

export type BoundGroup = { readonly title: string; readonly bounds: readonly Bound[] }

const count = (value: number, unit: string): string => `${value.toLocaleString('en')} ${unit}`
const bytes = (value: number): string => {
  if (value % 1024 ** 2 === 0) return `${value / 1024 ** 2} MiB`
  return value % 1024 === 0 ? `${value / 1024} KiB` : count(value, 'bytes')
}
const seconds = (value: number): string => {
  if (value % 86_400 === 0) return `${value / 86_400} days`
  return `${value} s`
}
const ms = (value: number): string => seconds(value / 1_000)

export const boundGroups: readonly BoundGroup[] = [
  {
    title: 'Todos',
    bounds: [
      {
        name: 'Title',
        value: `1 to ${count(titleLengthMax, 'characters')}`,
        beyond: 'A 400. Unicode code points are counted, of which one can be seen.',
      },
      {
        name: 'Description',
        value: `up to ${count(descriptionLengthMax, 'characters')}`,
        beyond: 'A 400.',
      },
      {
        name: 'Body of a request',
        value: bytes(bodyBytesMax),
        beyond: 'A 413, and the connection is closed.',
      },
      {
        name: 'Name of a user (`sub` of a token)',
        value: `1 to ${count(userIdLengthMax, 'characters')}`,
        beyond: 'A 401.',
      },
      {
        name: 'List from memory (`limit` of `GET /todos`)',
        value: `1 to ${count(newestCount, 'todos')}`,
        beyond: 'A 400. Further todos follow with `after`; without `limit` the list is whole.',
      },
      {
        name: 'Page of your own todos (`limit` of `GET /api/todos`)',
        value: `1 to ${count(ownPageMax, 'todos')}`,
        beyond: 'A 400.',
      },
      {
        name: 'Todos that numbered pages reach (`page` of `GET /api/todos`)',
        value: `the newest ${count(pagedMax, 'todos')}`,
        beyond: 'A 400. Older ones follow with `after`.',
      },
      {
        name: 'List that is compressed for clients that take it',
        value: `${bytes(compressBytesMin)} or more`,
        beyond: 'Smaller lists are sent as they are.',
      },
    ],
  },
  {
    title: 'Writes that wait',
    bounds: [
      {
        name: '`Prefer: wait=N`',
        value: `up to ${seconds(waitSecMax)}`,
        beyond: 'A longer wait counts as this one. Then the answer is a 202.',
      },
      {
        name: 'Write to a personal todo',
        value: seconds(personalWaitSec),
        beyond: 'The answer is a 202. `Prefer: wait=N` sets another time.',
      },
      {
        name: 'Writes of one process that wait for their effect',
        value: count(waitingMax, 'writes'),
        beyond: 'One more gets its 202 without a wait.',
      },
      {
        name: 'Length of `Prefer`',
        value: count(preferLengthMax, 'characters'),
        beyond: 'A longer header is ignored.',
      },
      {
        name: 'Versions in one `If-Match`',
        value: count(revisionsMax, 'versions'),
        beyond: 'A 400.',
      },
      {
        name: '`Idempotency-Key` is remembered',
        value: seconds(writesKnownSec),
        beyond: 'Later the key counts as new: a 409 while its todo is there, else another todo.',
      },
      {
        name: 'Commands of one process without acknowledgement',
        value: bytes(pendingBytesMax),
        beyond: 'A 503 with `publish: not-attempted`.',
      },
    ],
  },
  {
    title: 'Accounts',
    bounds: [
      {
        name: 'Password',
        value: `${passwordBytesMin} to ${count(passwordBytesMax, 'bytes')} in UTF-8`,
        beyond: 'A 400. bcrypt reads no more. `AUTH_PASSWORD_BYTES_MIN` may ask for more.',
      },
      {
        name: 'Sessions of an account that a system admin is shown',
        value: count(sessionsShownMax, 'sessions'),
        beyond: 'The newest are shown. All can be ended.',
      },
      {
        name: 'Mails that wait to be sent',
        value: count(queuedMax, 'mails'),
        beyond: 'A 503 for whoever asks for one.',
      },
      {
        name: 'Mail that can not be sent',
        value: `is tried for ${seconds(keptSec)}`,
        beyond: 'It is dropped. The worker logs it.',
      },
      {
        name: 'Email address',
        value: `up to ${count(emailLengthMax, 'characters')}`,
        beyond: 'A 400.',
      },
    ],
  },
  {
    title: 'Server',
    bounds: [
      {
        name: 'Statements that wait for each connection to Postgres',
        value: count(waitingPerUseMax, 'statements'),
        beyond: 'A 503.',
      },
      {
        name: 'Age of a cached page of todos or of a profile, when its change was never announced',
        value: `up to ${seconds(pageTtlSecMax)}`,
        beyond: 'It is read from Postgres again.',
      },
      {
        name: 'Clients whose buckets one process keeps (limits `list` and `probe`)',
        value: count(bucketsMax, 'clients'),
        beyond: 'The oldest is forgotten, and begins with a full bucket.',
      },
      {
        name: 'Users that one process counts as active',
        value: count(usersMax, 'users'),
        beyond: 'The longest unseen is not counted.',
      },
      {
        name: 'Start of a server process',
        value: ms(startTimeoutMs),
        beyond: 'It is killed and started again.',
      },
      {
        name: 'Pause before a process that crashes is started again',
        value: `up to ${ms(crashDelayLastMs)}`,
        beyond: 'It grows with each crash in a row.',
      },
      {
        name: 'Server process that does not answer its first process',
        value: ms(unansweredMax * pingIntervalMs),
        beyond: 'It is killed and replaced.',
      },
      {
        name: 'Answer of a process to a scrape of metrics',
        value: ms(answerTimeoutMs),
        beyond: 'Its last counters are shown, without gauges.',
      },
      {
        name: 'Log lines of one kind in one process',
        value: count(linesPerSecondMax, 'a second'),
        beyond: 'Further ones are counted, and the count is logged.',
      },
      {
        name: 'File of a secret',
        value: bytes(secretBytesMax),
        beyond: 'The start ends with one line.',
      },
    ],
  },
  {
    title: 'Presence',
    bounds: [
      {
        name: 'Users of a channel who are named',
        value: count(namedMax, 'users'),
        beyond: 'The smallest ids are named, and all are counted.',
      },
      {
        name: 'Typing of one user in one channel of one process',
        value: `one in ${ms(typingIntervalMs)}`,
        beyond: 'Nobody is told. `todos_live_typing_dropped_total` counts it.',
      },
      {
        name: 'Typing in one channel that one process passes on',
        value: count(typingOfChannelPerSec, 'a second, five seconds of them at once'),
        beyond: 'As above.',
      },
    ],
  },
  {
    title: 'Worker and log',
    bounds: [
      {
        name: 'Commands wait and none is applied',
        value: ms(stalledMsMax),
        beyond: '`/health` is a 503.',
      },
      {
        name: 'Consumer that does nothing',
        value: ms(silentMsMax),
        beyond: '`/health` is a 503 for a liveness probe, which restarts the worker.',
      },
      {
        name: 'Messages in a topic that the server makes',
        value: ms(retentionMs),
        beyond: 'Kafka deletes them. A worker that was away for longer has lost commands.',
      },
      {
        name: 'Largest batch where the topic does not say its own',
        value: count(batchBytesDefault, 'bytes'),
        beyond: 'A larger command is a 413.',
      },
    ],
  },
]
