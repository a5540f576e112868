// What is printed of one file's TAP: why it failed, and what it skipped. A whole run's TAP has 80,000
// lines, and a log of which the last few hundred are kept did not have the failure in it.

const saysNothing = /^\s*(ok \d+|1\.\.\d+|TAP version|# Subtest: |$)/
/** Matches the skip of a subtest, and of a whole file. */
const skip = /^ *ok \d+.* # SKIP ?(.*)$|^1\.\.0 # (.+)$/gm
const charactersMax = 400
/** The newest lines, which have the assertion that failed and its difference. */
const linesMax = 300

/** Seeds, failed assertions, differences, and what was printed besides. */
export const whyItFailed = (output: string): string =>
  output
    .split('\n')
    .filter((line) => !saysNothing.test(line))
    .map((line) => line.slice(0, charactersMax))
    .slice(-linesMax)
    .join('\n')

/** The reasons of what was skipped, each once. */
export const skipsOf = (output: string): readonly string[] => {
  const reasons = [...output.matchAll(skip)].map(([, part, whole]) => part ?? whole ?? '')
  return [...new Set(reasons)]
}

/** Whether it came to its end, and had a test. */
export const hasPlan = (output: string): boolean => /^1\.\.\d/m.test(output)

export type Timed = { readonly name: string; readonly seconds: number }

const slowestCount = 10

export const slowest = (files: readonly Timed[]): string =>
  files
    .toSorted((a, b) => b.seconds - a.seconds)
    .slice(0, slowestCount)
    .map(({ name, seconds }) => `${seconds.toFixed(1).padStart(7)} s ${name}`)
    .join('\n')
