// docs/reference/settings.md: every setting, with an anchor of its own.

import { valuesOf } from '../../lib/runtime/config/config.ts'
import { bullets, code, linkTo, printedPage, prose } from './markdown.ts'
import { withLinks } from './references.ts'
import {
  defaultOf,
  isPerCore,
  settingGroups,
  type AnySetting,
  type SettingGroup,
} from './setting-groups.ts'

export const settingsPage = (): string =>
  printedPage(
    'Settings',
    'For whoever runs the server, the worker or a command: each setting, its default and what it may be.',
    [
      'Settings are environment variables. `npm` commands also read them from `.env`; `.env.example` has each with its default, ready to copy. A variable of the environment wins over the file.',
      wrongNames,
      secretsFromFiles,
      bullets(settingGroups.map(({ title, about }) => `${linkTo(title)}: ${prose(about)}`)),
      ...settingGroups.map(chapter),
    ],
  )

const chapter = ({ title, about, notes = '', settings }: SettingGroup): string =>
  [
    `## ${title}`,
    prose(about),
    ...(notes === '' ? [] : [notes]),
    ...Object.entries(settings).map(([name, setting]) => section(name, setting)),
  ].join('\n\n')

const section = (name: string, setting: AnySetting): string => {
  const { meaning, requiredBy, isSecret } = setting
  return [
    `### ${name}`,
    withLinks(meaning, { page: 'settings.md', except: name }),
    bullets([
      `Default: ${defaultText(name, setting)}`,
      `Value: ${valuesText(setting)}`,
      requiredBy && `Required by the ${requiredBy.join(' and the ')}`,
      isSecret && `Secret: ${code(`${name}_FILE`)} may name a file that holds it`,
    ]),
  ].join('\n\n')
}

const defaultText = (name: string, setting: AnySetting): string => {
  const value = defaultOf(name, setting)
  if (value === '') return 'none'
  if (isPerCore(name)) return value
  const isCounted = typeof setting.default === 'number' && !setting.unit.startsWith('port')
  return isCounted ? `${code(value)} ${setting.unit}` : code(value)
}

const valuesText = (setting: AnySetting): string => {
  const words = setting.unit.split(' or ')
  if (words.length > 1 && words.every((word) => accepts(setting, word))) {
    return words.map(code).join(', ')
  }
  const values = valuesOf(setting)
  const isSaid = typeof setting.default === 'number' || values.includes(setting.unit)
  return prose(isSaid ? values : `${values} (${setting.unit})`)
}

const accepts = ({ parse }: AnySetting, word: string): boolean => {
  try {
    return parse(word) === word
  } catch {
    return false
  }
}

const wrongNames = `A wrong value ends the start, with one line for each that says what to set. So does a name that nearly
spells a setting, or by which another program knows one: \`KAFKA_PASSWORD\`, \`REDIS_ADDR\`, \`DATABASE_HOST\`. Those of
Redis and Postgres are refused only where the setting that they mean has no value. What Kubernetes sets for its
services (\`HTTP_PORT=tcp://10.0.0.1:80\`) is ignored.`

const secretsFromFiles = `A secret may come from a file: the setting's name with \`_FILE\` at its end names it. One line end at the
end of the file is dropped. To set both is refused. The value of a secret is never shown.`
