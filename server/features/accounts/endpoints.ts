// Accounts: registering, a session's beginning, middle and end, who one is, and what admins do.

import type { Endpoint } from '../../http/contract/endpoint.ts'
import { adminEndpoints } from './admin/endpoints.ts'
import { deleteProfile } from './delete-profile.ts'
import { forgotPassword } from './forgot-password.ts'
import { login } from './log-in.ts'
import { logout } from './log-out.ts'
import { loginWithCookie } from './cookie/log-in.ts'
import { logoutWithCookie } from './cookie/log-out.ts'
import { logoutEverywhereWithCookie } from './cookie/log-out-everywhere.ts'
import { refreshWithCookie } from './cookie/refresh.ts'
import type { AccountParts } from './parts.ts'
import { readProfile } from './read-profile.ts'
import { refresh } from './refresh.ts'
import { register } from './register.ts'
import { requestVerification } from './request-verification.ts'
import { resetPassword } from './reset-password.ts'
import { endOwnSession } from './sessions/end-own-session.ts'
import { endOwnSessions } from './sessions/end-own-sessions.ts'
import { listOwnSessions } from './sessions/list-own-sessions.ts'
import { verifyEmail } from './verify-email.ts'

export const accountEndpoints = (parts: AccountParts): Endpoint[] => [
  register(parts),
  login(parts),
  refresh(parts),
  logout(parts),
  loginWithCookie(parts),
  refreshWithCookie(parts),
  logoutWithCookie(parts),
  logoutEverywhereWithCookie(parts),
  listOwnSessions(parts),
  endOwnSession(parts),
  endOwnSessions(parts),
  requestVerification(parts),
  verifyEmail(parts),
  forgotPassword(parts),
  resetPassword(parts),
  readProfile(parts),
  deleteProfile(parts),
  ...adminEndpoints(parts),
]
