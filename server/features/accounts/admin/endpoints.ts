// The administration of accounts, for system admins.

import type { Endpoint } from '../../../http/contract/endpoint.ts'
import { deleteAccount } from './delete-account.ts'
import { disableAccount } from './disable-account.ts'
import { enableAccount } from './enable-account.ts'
import { endSession } from './end-session.ts'
import { endSessions } from './end-sessions.ts'
import { listAccounts } from './list-accounts.ts'
import { listSessions } from './list-sessions.ts'
import { readAccount } from './read-account.ts'
import type { AdminParts } from './vocabulary.ts'

export const adminEndpoints = (parts: AdminParts): Endpoint[] => [
  listAccounts(parts),
  readAccount(parts),
  disableAccount(parts),
  enableAccount(parts),
  deleteAccount(parts),
  listSessions(parts),
  endSessions(parts),
  endSession(parts),
]
