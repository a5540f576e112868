// The token of an invitation: who has it has read the mail. Only its hash is stored, so that who reads
// the table can't accept anything.

import { createHash, randomBytes } from 'node:crypto'

const tokenBytes = 32

export const newInvitationToken = (): string => randomBytes(tokenBytes).toString('base64url')

export const hashOfToken = (token: string): Buffer => createHash('sha256').update(token).digest()
