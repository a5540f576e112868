// DATABASE_SHARDS as people write it: names with URLs. Names are in the map that the database keeps, in
// logs and metrics; URLs may hold a password, and are in none of these.

import { checkPostgresUrl } from './postgres-url.ts'

export type ShardUrl = { readonly name: string; readonly url: string }

/** Each process keeps connections to each of them. */
export const shardsMax = 16

const namePattern = /^[a-z][a-z0-9-]{0,31}$/
const form =
  'name=URL with commas in between, such as a=postgres://host-a/todos,b=postgres://host-b/todos'

/** Of a value that is known to be good. */
export const shardsIn = (text: string): readonly ShardUrl[] =>
  text.trim() === ''
    ? []
    : text
        .trim()
        // A comma that begins no other shard is a part of a URL, such as of a password.
        .split(/\s*,\s*(?=[^,=\s]*=\s*postgres(?:ql)?:\/\/)/)
        .map((part) => {
          const at = part.indexOf('=')
          return { name: part.slice(0, at), url: part.slice(at + 1).trim() }
        })

/** For the table of settings. Throws what it should be, never with a part that may be secret. */
export const checkShards = (text: string): string => {
  const shards = shardsIn(text)
  if (shards.length > shardsMax) throw new Error(`at most ${shardsMax} shards`)
  for (const { name, url } of shards) {
    if (!namePattern.test(name)) {
      throw new Error(
        `${form}; a name has lower-case letters, digits and -, and begins with a letter`,
      )
    }
    try {
      checkPostgresUrl(url)
    } catch (error) {
      throw new Error(`${form}, ${name} ${(error as Error).message}`, { cause: error })
    }
  }
  const twice = (values: readonly string[]) =>
    values.findIndex((value, i) => values.indexOf(value) !== i)
  const name = shards[twice(shards.map((one) => one.name))]
  if (name) throw new Error(`${form}; the name ${name.name} is there twice`)
  const url = shards[twice(shards.map((one) => one.url))]
  if (url) throw new Error(`${form}; ${url.name} has the URL of another shard`)
  return shards.map((one) => `${one.name}=${one.url}`).join(',')
}
