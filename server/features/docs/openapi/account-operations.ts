// What is asked about accounts: registering, a session's beginning, middle and end, and who one is.

import { bodyBytesMax } from '../../../http/json-body.ts'
import type { Operation, Responses } from './openapi.ts'
import { header, json, noStore, requestId, retryAfter } from './parts.ts'
import { badRequest, failed, limited, problem, unauthorized, unfitBody } from './problems.ts'
import { ref } from './schemas.ts'

const about = { tags: ['Accounts'] }

const exampleAccount = {
  id: '0b1ee3c8-6a37-4d38-8d0e-2b9f5f1a1c55',
  email: 'ann@example.com',
  created_at: '2026-01-31T12:00:00.000Z',
}
const exampleTokens = {
  access_token: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl',
  token_type: 'Bearer',
  expires_in: 900,
  refresh_token: 'kT5bJb9jQmWv3rVbQm1XqQ.1.bWFj',
}
const exampleLogin = { email: 'ann@example.com', password: 'correct horse' }
const exampleRefresh = { refresh_token: exampleTokens.refresh_token }

const body = (name: 'NewAccount' | 'Login' | 'RefreshToken', example: object) => ({
  required: true as const,
  description: `At most ${bodyBytesMax} bytes of JSON in UTF-8.`,
  content: json(ref(name), example),
})

const headers = { ...noStore, ...requestId }
const tokens: Responses = {
  '200': {
    ...{ description: 'The tokens.', headers },
    content: json(ref('Tokens'), exampleTokens),
  },
}
const required = (field: string) => ({ detail: `${field} is required`, field })

const refused = (description: string, detail: string) =>
  problem(401, description, [{ detail }], {
    'WWW-Authenticate': header('The scheme of access tokens.'),
  })

const away = { detail: "accounts can't be reached now" }
const busy = { detail: 'too many passwords are waiting to be checked' }
const unreachable = problem(503, 'Accounts can not be reached now.', [away], retryAfter)
const busyOrUnreachable = problem(
  503,
  'Accounts can not be reached now, or too many passwords wait to be checked.',
  [busy, away],
  retryAfter,
)

export const register: Operation = {
  ...{ ...about, operationId: 'register', summary: 'Makes an account' },
  requestBody: body('NewAccount', exampleLogin),
  responses: limited({
    '201': {
      ...{ description: 'The account.', headers },
      content: json(ref('Account'), exampleAccount),
    },
    ...badRequest(required('email'), required('password')),
    ...problem(409, 'The email has an account.', [
      { detail: 'there is an account with this email already', field: 'email' },
    ]),
    ...{ ...unfitBody(bodyBytesMax), ...busyOrUnreachable, ...failed },
  }),
}

export const login: Operation = {
  ...{ ...about, operationId: 'login', summary: 'Begins a session' },
  requestBody: body('Login', exampleLogin),
  responses: limited({
    ...{ ...tokens, ...badRequest(required('email'), required('password')) },
    ...refused('There is no such account, or its password is another.', 'wrong email or password'),
    ...{ ...unfitBody(bodyBytesMax), ...busyOrUnreachable, ...failed },
  }),
}

export const refresh: Operation = {
  ...{ ...about, operationId: 'refresh', summary: 'New tokens for a refresh token' },
  description:
    'Each refresh token is good once. Used again within a grace (`AUTH_REFRESH_GRACE_SEC`) it gives the same successor, for a reply that was lost; later it ends the session, for it may have been stolen.',
  requestBody: body('RefreshToken', exampleRefresh),
  responses: limited({
    ...{ ...tokens, ...badRequest(required('refresh_token')) },
    ...refused('The token is no good, or its session has ended.', 'the session has ended'),
    ...{ ...unfitBody(bodyBytesMax), ...unreachable, ...failed },
  }),
}

export const logout: Operation = {
  ...{ ...about, operationId: 'logout', summary: 'Ends a session' },
  description:
    'Its access tokens are refused within a second. A token that is no good is no error.',
  requestBody: body('RefreshToken', exampleRefresh),
  responses: limited({
    '204': { description: 'The session has ended, if there was one.', headers: requestId },
    ...badRequest(required('refresh_token')),
    ...{ ...unfitBody(bodyBytesMax), ...unreachable, ...failed },
  }),
}

export const readProfile: Operation = {
  ...{ ...about, operationId: 'readProfile', summary: 'The account of the token' },
  security: [{ bearer: [] }],
  responses: limited({
    '200': {
      ...{ description: 'The account.', headers },
      content: json(ref('Account'), exampleAccount),
    },
    ...{ ...badRequest(), ...unauthorized },
    ...problem(404, 'The token is good, but its `sub` has no account here.', [
      { detail: 'there is no account for this token' },
    ]),
    ...{ ...unreachable, ...failed },
  }),
}
