// The token that a mail carries: who has it has read the mail. Only its hash is stored, so that who reads
// the table can use none. It has 256 random bits, so that a plain hash is enough.

import { createHash, randomBytes } from 'node:crypto'

const tokenBytes = 32

export const newToken = (): string => randomBytes(tokenBytes).toString('base64url')

export const hashOfToken = (token: string): Buffer => createHash('sha256').update(token).digest()
