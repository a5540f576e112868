// A dead letter as text for a terminal. Its bytes are whatever somebody put into the log, so control
// characters are shown, never sent: they could rewrite what the operator reads.

import type { Letter, LetterSummary } from '../lib/todo-store/dead-letters.ts'

const previewLength = 80

/** One line. */
export const letterLine = (letter: LetterSummary): string => {
  const text = visible(contents(letter.record, true)).replaceAll('\n', '\\n')
  const isWhole = text.length <= previewLength && letter.size === (letter.record?.length ?? null)
  return [
    letter.id,
    letter.failedAt.toISOString(),
    `${letter.partition}:${letter.offset}`,
    visible(letter.reason).replaceAll('\n', '\\n'),
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
    `reason     ${visible(letter.reason)}`,
    `bytes      ${letter.record?.length ?? 'none'}`,
    '',
    visible(contents(letter.record, false)),
  ].join('\n')

/** Text when it is UTF-8, else hex. `isCut`: a character may be cut off at the end. */
const contents = (record: Buffer | null, isCut: boolean): string => {
  if (record === null) return '(no value)'
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(record, { stream: isCut })
  } catch {
    return `hex ${record.toString('hex')}`
  }
}

/** Line ends and tabs may stay; the rest of C0, DEL, C1 and what turns the direction of text may not. */
const visible = (text: string): string =>
  text.replace(
    /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
