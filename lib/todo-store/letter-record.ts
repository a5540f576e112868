// The bytes of a dead letter as text for people. They are whatever somebody put into the log, so control
// characters are shown, never sent: they could rewrite what an operator reads.

/** Text when it is UTF-8, else hex. `isCut`: a character may be cut off at the end. */
export const recordText = (record: Buffer | null, isCut: boolean): string => {
  if (record === null) return '(no value)'
  try {
    return withoutControls(
      new TextDecoder('utf-8', { fatal: true }).decode(record, { stream: isCut }),
    )
  } catch {
    return `hex ${record.toString('hex')}`
  }
}

/** Line ends and tabs may stay; the rest of C0, DEL, C1 and what turns the direction of text may not. */
export const withoutControls = (text: string): string =>
  text.replace(
    /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
