// The settings of servers and workers, for programs that start them and take settings from a command
// line. It has every name, and the check that a server makes when it starts.

import { readConfig, settings } from '../../lib/runtime/config/config.ts'

export type KnownSetting = {
  /** As text; `undefined` for what has none. */
  readonly default: string | undefined
  /** Holds a secret, or may: its value is never shown. */
  readonly isSecret: boolean
}

export const knownSettings: ReadonlyMap<string, KnownSetting> = new Map(
  Object.entries(settings).map(([name, setting]) => [
    name,
    {
      default: setting.default === undefined ? undefined : String(setting.default),
      isSecret: 'isSecret' in setting,
    },
  ]),
)

/** The values as a server would read them: 010 is 10. Throws one line for each that it refuses. */
export const readSettings = (
  given: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> => {
  const read: Readonly<Record<string, string | number | undefined>> = readConfig(
    { JWT_SECRET: 'only to have the other settings checked', ...given },
    'server',
  )
  return Object.fromEntries(Object.keys(given).map((name) => [name, String(read[name])]))
}
