// Scripts on one connection: by their digest, and whole where Redis does not know them. A Redis that was
// restarted, or took another's place, knows none.

import { createHash } from 'node:crypto'
import type { Redis } from './connection.ts'

export type Script = { readonly text: string; readonly sha: string }

export const script = (text: string): Script => ({
  text,
  sha: createHash('sha1').update(text).digest('hex'),
})

/** All of `keys` are in one slot: they have one hash tag, or there is one. */
export type Evaluation = {
  readonly script: Script
  readonly keys: readonly [string, ...string[]]
  readonly values: readonly (string | number | Buffer)[]
}

export type Reply = 'text' | 'buffers'

const isUnknownScript = (error: unknown): boolean => (error as Error).message.startsWith('NOSCRIPT')

/** `isWhole`: without trying by its digest. */
export const evaluateOn = async (
  redis: Redis,
  { script: { text, sha }, keys, values }: Evaluation,
  reply: Reply,
  isWhole = false,
): Promise<unknown> => {
  const send = (command: string, what: string) =>
    redis[reply === 'buffers' ? 'callBuffer' : 'call'](
      command,
      what,
      keys.length,
      ...keys,
      ...values,
    )
  if (isWhole) return send('EVAL', text)
  try {
    return await send('EVALSHA', sha)
  } catch (error) {
    if (!isUnknownScript(error)) throw error
    return send('EVAL', text)
  }
}

export type Outcome =
  | { readonly isDone: true; readonly reply: unknown }
  | { readonly isDone: false; readonly error: Error }

/** In one write. The first of each script brings it along for the others. */
export const evaluateAllOn = async (
  redis: Redis,
  evaluations: readonly Evaluation[],
): Promise<readonly Outcome[]> => {
  const sent = new Set<string>()
  const pipeline = redis.pipeline()
  for (const { script, keys, values } of evaluations) {
    if (sent.has(script.sha)) pipeline.evalsha(script.sha, keys.length, ...keys, ...values)
    else pipeline.eval(script.text, keys.length, ...keys, ...values)
    sent.add(script.sha)
  }
  const replies = (await pipeline.exec()) ?? []
  return replies.map(([error, reply]) =>
    error ? { isDone: false, error } : { isDone: true, reply },
  )
}
