// The databases that are backed up: that of DATABASE_URL, and each shard, which is a Postgres of its own.

import type { Config } from '../../lib/runtime/config/config.ts'
import { shardsIn } from '../../lib/runtime/config/shard-urls.ts'
import { UsageError } from '../command-line.ts'
import { embeddedUrl } from './embedded-url.ts'
import { placesIn, type Places } from './places.ts'

export type Database = {
  /** As in the settings, for whoever reads what is printed. */
  readonly label: string
  /** Undefined: that of DATABASE_URL. */
  readonly shard: string | undefined
  readonly url: string
  readonly places: Places
}

/** Throws UsageError when `only` is none of them. */
export const databasesOf = async (config: Config, only?: string): Promise<Database[]> => {
  const main = (await embeddedUrl(config)) ?? (config.DATABASE_DIRECT_URL || config.DATABASE_URL)
  const all: Database[] = [
    {
      label: mainLabel,
      shard: undefined,
      url: main,
      places: placesIn(config.BACKUP_DIR),
    },
    ...shardsIn(config.DATABASE_SHARDS).map(({ name, url }) => ({
      label: name,
      shard: name,
      url,
      places: placesIn(config.BACKUP_DIR, name),
    })),
  ]
  if (only === undefined) return all
  const chosen = all.filter(({ label }) => label === only)
  if (chosen.length > 0) return chosen
  throw new UsageError(
    `--only "${only}" is none of ${all.map(({ label }) => label).join(', ')}: DATABASE_SHARDS has no such shard`,
  )
}

const mainLabel = 'DATABASE_URL'
