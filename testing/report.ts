// What is printed of one file's TAP: why it failed, and what it skipped. A whole run's TAP has 80,000
// lines, and a log of which the last few hundred are kept did not have the failure in it.

const saysNothing = /^\s*(ok \d+|1\.\.\d+|TAP version|# Subtest: |$)/
/** Matches the skip of a subtest, and of a whole file. */
const skip = /^ *ok \d+.* # SKIP ?(.*)$|^1\.\.0 # (.+)$/gm
/** Of a line: a message may hold a whole stream. */
const charactersMax = 400
/** The newest lines, which have the assertion that failed and its difference. */
const linesMax = 300
/** Of the failure that came first: the assertion, its difference and its place. */
const headCharactersMax = 2_000
/** Of subtests, and of seeds: more have one cause, or belong to those that passed. */
const namesMax = 20

const failed = /^\s*not ok \d+/
const failedSubtest = /^\s*not ok \d+ - (.*) # time=/
const seed = /\bSEED=\d+/

/**
 * First what must not get lost where a log is cut: the subtests that failed, each seed, and the head of
 * the first failure. Then seeds, assertions, differences, and what was printed besides.
 */
export const whyItFailed = (output: string): string => {
  const lines = output
    .split('\n')
    .filter((line) => !saysNothing.test(line))
    .map((line) => line.slice(0, charactersMax))
  const names = lines.flatMap((line) => failedSubtest.exec(line)?.[1] ?? [])
  const seeds = lines.flatMap((line) => seed.exec(line)?.[0] ?? [])
  return [
    ...names.slice(0, namesMax).map((name) => `failed: ${name}`),
    ...new Set(seeds.slice(-namesMax)),
    ...headOfFirst(lines),
    'the end of its output:',
    ...lines.slice(-linesMax),
  ].join('\n')
}

/** A file that was killed, or that threw, has none. */
const headOfFirst = (lines: readonly string[]): readonly string[] => {
  const at = lines.findIndex((line) => failed.test(line))
  if (at === -1) return []
  return ['the first failure:', lines.slice(at).join('\n').slice(0, headCharactersMax)]
}

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
