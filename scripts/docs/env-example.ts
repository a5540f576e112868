// .env.example: every setting, commented out, with its default and what it means.

import { defaultOf, isPerCore, settingGroups, type SettingGroup } from './setting-groups.ts'

const width = 100

export const envExample = (): string =>
  [
    '# Printed from the code by `npm run docs:print`. Copy it to .env, and take the # from what you set.',
    '# What stands here is the default. docs/reference/settings.md says what each setting may be.',
    ...settingGroups.flatMap(chapter),
    '',
  ].join('\n')

const chapter = ({ title, about, settings }: SettingGroup): string[] => [
  '',
  `# --- ${title}: ${about}`,
  ...Object.entries(settings).flatMap(([name, setting]) => [
    '',
    ...wrapped(setting.meaning),
    isPerCore(name) ? `# ${name}=  # one per core` : `# ${name}=${defaultOf(name, setting)}`,
  ]),
]

const wrapped = (text: string): string[] => {
  const lines: string[] = []
  let line = '#'
  for (const word of text.split(/\s+/)) {
    if (line.length + 1 + word.length > width && line !== '#') {
      lines.push(line)
      line = '#'
    }
    line += ` ${word}`
  }
  return [...lines, line]
}
