// What session tickets are sealed with: random, made by the primary, and handed to each process through its
// environment. With keys of its own, a process would refuse what another had sealed, and half of all clients
// would shake hands in full. Never written anywhere: a restart of the server ends all sessions.

import { randomBytes } from 'node:crypto'

const variable = 'TODOS_TLS_TICKET_KEYS'
/** Node's: a name of 16 bytes, a key for HMAC and one for AES. */
const ticketKeyBytes = 48

/** For the environment of every process. */
export const newTicketKeys = (): Readonly<Record<string, string>> => ({
  [variable]: randomBytes(ticketKeyBytes).toString('base64'),
})

export const ticketKeysHanded = (): Buffer | undefined => {
  const text = process.env[variable]
  return text === undefined ? undefined : Buffer.from(text, 'base64')
}
