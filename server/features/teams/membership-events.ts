// Tells who listens to a team that its members have changed, once that is committed. No outbox: what can't
// be appended at once is a gap later, so that clients read the members anew.

import type { AuditAction, AuditDetails } from '../../../lib/domain/audit.ts'
import { membershipBody, teamChannel, type ChannelName } from '../../../lib/domain/event.ts'
import type { TeamRole } from '../../../lib/domain/team.ts'
import type { EventAppender } from '../../../lib/events/events.ts'

export type MembershipEvents = {
  tell(action: AuditAction, teamId: string, by: string, details?: AuditDetails): void
  close(): Promise<void>
}

const roleAfter: Partial<Record<AuditAction, TeamRole | null>> = {
  'member.joined': 'member',
  'member.promoted': 'admin',
  'member.demoted': 'member',
  'member.left': null,
  'member.removed': null,
}

const retryMsDefault = 1_000
/** Changes that wait for the one before; of more, a gap is told. */
const waitingMax = 100
/** Teams whose clients are still to get a gap. Past it, those that changed first get none. */
const gapsMax = 10_000

export const createMembershipEvents = (
  appender: Pick<EventAppender, 'append'>,
  retryMs = retryMsDefault,
): MembershipEvents => {
  const gaps = new Set<ChannelName>()
  let last: Promise<void> = Promise.resolve()
  let waiting = 0

  const oweGap = (channel: ChannelName) => {
    gaps.add(channel)
    const [first] = gaps
    if (gaps.size > gapsMax && first !== undefined) gaps.delete(first)
  }
  /** One behind the other. Rejects never. */
  const inTurn = (work: () => Promise<void>, onFailed: () => void) => {
    waiting++
    last = last
      .then(work)
      .catch(onFailed)
      .finally(() => waiting--)
  }

  /** Nobody appends the same again: so it has no number. */
  const append = (channels: readonly ChannelName[], body: string | undefined) =>
    appender.append([
      { source: undefined, number: 0, events: channels.map((channel) => ({ channel, body })) },
    ])

  const retry = setInterval(() => {
    if (gaps.size === 0 || waiting > 0) return
    const channels = [...gaps]
    inTurn(
      async () => {
        await append(channels, undefined)
        for (const channel of channels) gaps.delete(channel)
      },
      () => {}, // tried again
    )
  }, retryMs).unref()

  return {
    tell(action, teamId, by, details) {
      const role = roleAfter[action]
      const userId = details?.['userId']
      if (role === undefined || typeof userId !== 'string') return
      const channel = teamChannel(teamId)
      if (waiting >= waitingMax) oweGap(channel)
      else {
        const body = membershipBody(by, userId, role)
        inTurn(
          () => append([channel], body),
          () => oweGap(channel),
        )
      }
    },
    async close() {
      clearInterval(retry)
      await last
    },
  }
}
