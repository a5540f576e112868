// What `npm test` prints: a line for each file as it ends, and at the very end what the failed ones
// said. The whole TAP has 80,000 lines, and a log of which the last few hundred are kept did not
// have the failure in it.

const fileEnd = /^(not ok|ok) \d+ - (.+?)(?: # time=([\d.]+)ms)?$/
const saysNothing = /^\s*(ok \d+|1\.\.\d+|TAP version|$)/
const widest = 400
/** Of one file: the newest lines, which have the assertion that failed and its difference. */
const longest = 150

export interface FailedFile {
  readonly file: string
  readonly text: string
}

export interface TestReport {
  /** One line of TAP 14 without its newline, as `tap run` writes it: one file's section after the other. */
  readonly line: (text: string) => void
  /** In the order in which they ended; empty when none failed. */
  readonly failures: () => readonly FailedFile[]
}

/** `say` is given a line for each file as it ends, and each line that belongs to no file. */
export const createTestReport = (say: (text: string) => void): TestReport => {
  const failed: { file: string; lines: string[] }[] = []
  let section: string[] = []

  return {
    line: (text) => {
      const end = fileEnd.exec(text)
      if (end?.[2] !== undefined) {
        const seconds = (Number(end[3] ?? 0) / 1000).toFixed(1)
        say(`${end[1] === 'ok' ? 'passed' : 'FAILED'} ${end[2]} ${seconds} s`)
        // tap's diagnosis of the file follows: it belongs to this section, until the next begins.
        if (end[1] === 'not ok') failed.push({ file: end[2], lines: section })
      } else if (text.startsWith('# Subtest: ')) {
        section = []
      } else if (/^\S/.test(text)) {
        if (!saysNothing.test(text)) say(text)
      } else if (!saysNothing.test(text)) {
        section.push(text.slice(0, widest))
      }
    },
    failures: () =>
      failed.map(({ file, lines }) => ({ file, text: lines.slice(-longest).join('\n') })),
  }
}
