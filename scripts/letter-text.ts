// A dead letter as text for a terminal: in one line of a list, and all of it.

import type { Letter, LetterSummary } from '../lib/todo-store/dead-letters.ts'
import { recordText, withoutControls } from '../lib/todo-store/letter-record.ts'

const previewLength = 80

/** One line. */
export const letterLine = (letter: LetterSummary): string => {
  const text = recordText(letter.record, true).replaceAll('\n', '\\n')
  const isWhole = text.length <= previewLength && letter.size === (letter.record?.length ?? null)
  return [
    letter.id,
    letter.failedAt.toISOString(),
    `${letter.partition}:${letter.offset}`,
    withoutControls(letter.reason).replaceAll('\n', '\\n'),
    isWhole ? text : `${text.slice(0, previewLength)}… (${letter.size} bytes)`,
  ].join('  ')
}

export const letterText = (log: string, letter: Letter): string =>
  [
    `id         ${letter.id}`,
    `failed at  ${letter.failedAt.toISOString()}`,
    `log        ${log}`,
    `partition  ${letter.partition}`,
    `offset     ${letter.offset}`,
    `reason     ${withoutControls(letter.reason)}`,
    `bytes      ${letter.record?.length ?? 'none'}`,
    '',
    recordText(letter.record, false),
  ].join('\n')
