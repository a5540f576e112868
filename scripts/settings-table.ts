// Prints the README's table of settings from lib/runtime/config/; config.test.ts holds the README to it.

import { settings } from '../lib/runtime/config/config.ts'

const perCore = new Set(['HTTP_PROCESSES', 'REDIS_POOL_SIZE'])

export const settingsTable = (): string =>
  [
    '| Setting | Default | Unit | Meaning |',
    '| --- | --- | --- | --- |',
    ...Object.entries(settings).map(([name, setting]) => {
      const value = perCore.has(name)
        ? 'one per core'
        : setting.default === undefined || setting.default === ''
          ? 'none'
          : `\`${setting.default}\``
      return `| \`${name}\` | ${value} | ${setting.unit} | ${setting.meaning} |`
    }),
  ].join('\n')

if (process.argv[1] === import.meta.filename) console.log(settingsTable())
