// What a check of `npm run doctor` found: how bad it is, what is, and what to do.

export type Level = 'ok' | 'warn' | 'fault'

export type Finding = {
  readonly level: Level
  readonly area: 'settings' | 'machine' | 'ports' | 'shards' | 'postgres' | 'redis' | 'kafka'
  readonly found: string
  /** Only where something is to be done. */
  readonly advice?: string
}

export type Area = Finding['area']

export const ok = (area: Area, found: string): Finding => ({ level: 'ok', area, found })
export const warn = (area: Area, found: string, advice: string): Finding => ({
  level: 'warn',
  area,
  found,
  advice,
})
export const fault = (area: Area, found: string, advice: string): Finding => ({
  level: 'fault',
  area,
  found,
  advice,
})

/** A dependency that does not answer must not keep the others' findings back. */
export const dependencyTimeoutMs = 8_000

/** One line; secrets are in no finding, and messages of drivers hold none. */
export const findingLine = ({ level, area, found, advice }: Finding): string =>
  `${level.padEnd(5)}  ${area.padEnd(8)}  ${found}${advice === undefined ? '' : `: ${advice}`}`
