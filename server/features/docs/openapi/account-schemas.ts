// The shapes of accounts' bodies.

import {
  emailLengthMax,
  passwordBytesMax,
  passwordBytesMin,
} from '../../../../lib/domain/credentials.ts'
import type { Schema } from './openapi.ts'

const email: Schema = {
  ...{ type: 'string', maxLength: emailLengthMax, pattern: '@' },
  description: 'In small letters, without spaces around it: as it is kept.',
}
const account = {
  id: {
    ...{ type: 'string', minLength: 1 },
    description: 'Made by the server: the `sub` of its tokens, and the `user_id` of its todos.',
  },
  email,
  created_at: { type: 'string', format: 'date-time', description: 'When it was registered.' },
} as const
const refreshToken: Schema = {
  ...{ type: 'string', description: 'Good for one use. To be kept as secret as a password.' },
}
const tokens = {
  access_token: {
    ...{ type: 'string', pattern: '^[\\w-]+\\.[\\w-]+\\.[\\w-]+$' },
    description: 'A JWT: `Authorization: Bearer` with this.',
  },
  token_type: { type: 'string', const: 'Bearer' },
  expires_in: { type: 'integer', minimum: 1, description: 'Seconds that the access token lives.' },
  refresh_token: refreshToken,
} as const
const ignored = 'Members that are not named here are ignored.'

export const accountSchemas = {
  Account: { type: 'object', properties: account, required: Object.keys(account) },
  NewAccount: {
    ...{ type: 'object', description: ignored, required: ['email', 'password'] },
    properties: {
      email: {
        type: 'string',
        description: `An address, one however its letters are cased: at most ${emailLengthMax} characters.`,
      },
      password: {
        type: 'string',
        description: `${passwordBytesMin} to ${passwordBytesMax} bytes in UTF-8, without U+0000 and lone surrogates.`,
      },
    },
  },
  Login: {
    ...{ type: 'object', description: ignored, required: ['email', 'password'] },
    properties: { email: { type: 'string' }, password: { type: 'string' } },
  },
  Tokens: { type: 'object', properties: tokens, required: Object.keys(tokens) },
  RefreshToken: {
    ...{ type: 'object', description: ignored, required: ['refresh_token'] },
    properties: { refresh_token: refreshToken },
  },
} as const satisfies Record<string, Schema>
