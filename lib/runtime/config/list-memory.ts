// What LIST_MEMORY_MAX_MB allows, shared out over those who take it.

import type { Config } from './config.ts'

export const listMemory = (config: Pick<Config, 'LIST_MEMORY_MAX_MB'>) => {
  const bytesMax = config.LIST_MEMORY_MAX_MB * 1_000_000
  return {
    /** The lists and the replies that are made of them, compressed ones included. */
    keptBytesMax: bytesMax / 2,
    /** What slow clients have not read yet, of lists and replies that may be of the past. */
    unsentBytesMax: bytesMax / 3,
    /** Replies as they are sent, in several copies, for a second. */
    wireBytesMax: bytesMax / 6,
  }
}
