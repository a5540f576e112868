// Every feature on one screen: its import and its line gone, a feature is gone.

import type { Endpoint } from '../http/contract/endpoint.ts'
import type { ChannelKind } from '../realtime/channels.ts'
import { accountEndpoints } from './accounts/endpoints.ts'
import { exportProfile } from './accounts/export-profile.ts'
import type { AccountParts } from './accounts/parts.ts'
import { readAuditLog, type AuditParts } from './audit/read-audit-log.ts'
import { docsEndpoints } from './docs/endpoints.ts'
import { healthEndpoints } from './health/endpoints.ts'
import type { ReadinessParts } from './health/get-ready.ts'
import { liveEndpoints, type LiveEndpointParts } from './live/endpoints.ts'
import { operationEndpoints, type OperationParts } from './operations/endpoints.ts'
import { pageEndpoints } from './page/endpoints.ts'
import type { PageParts } from './page/vocabulary.ts'
import { publicChannel, type PublicChannelParts } from './public-lists/channel.ts'
import { listTodos, type ListParts } from './public-lists/list-todos.ts'
import { sharedTodoChannel, type SharedTodoChannelParts } from './shares/channel.ts'
import { shareEndpoints } from './shares/endpoints.ts'
import type { ShareParts } from './shares/parts.ts'
import { teamChannel, type TeamChannelParts } from './teams/channel.ts'
import { teamEndpoints } from './teams/endpoints.ts'
import type { TeamParts } from './teams/parts.ts'
import { ownChannel, type OwnChannelParts } from './todos/channel.ts'
import { todoEndpoints } from './todos/endpoints.ts'
import type { TodoParts } from './todos/parts.ts'

export type Parts = TodoParts &
  PublicChannelParts &
  SharedTodoChannelParts &
  ListParts &
  TeamParts &
  ShareParts &
  AuditParts &
  ReadinessParts &
  PageParts &
  OperationParts &
  LiveEndpointParts & {
    readonly accounts: AccountParts
    /** Where clients reach the API; empty when that is not known. */
    readonly publicUrl: string
  }

/** What can be watched. */
export const createChannelKinds = (
  parts: PublicChannelParts & OwnChannelParts & TeamChannelParts & SharedTodoChannelParts,
): ChannelKind[] => [
  publicChannel(parts),
  ownChannel(parts),
  teamChannel(parts),
  sharedTodoChannel(parts),
]

export const createEndpoints = (parts: Parts): Endpoint[] => {
  const endpoints = [
    listTodos(parts),
    ...todoEndpoints(parts),
    ...accountEndpoints(parts.accounts),
    exportProfile({ ...parts, ...parts.accounts }),
    ...teamEndpoints(parts),
    ...shareEndpoints(parts),
    readAuditLog(parts),
    ...operationEndpoints(parts),
    ...liveEndpoints(parts, createChannelKinds(parts)),
    ...healthEndpoints(parts),
    ...pageEndpoints(parts),
  ]
  return [...endpoints, ...docsEndpoints(endpoints, parts)]
}
