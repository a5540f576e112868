// Before a command writes: it names where, and where no setting named that, it asks. `npm run seed` wrote
// into whatever listened on the usual port.

import { createInterface } from 'node:readline/promises'
import type { Target } from '../lib/runtime/config/targets.ts'
import { UsageError, wrongUsage } from './command-line.ts'

/** The option of every command that writes. */
export const yesOption = { yes: { type: 'boolean', short: 'y' } } as const

/** It was not said where to write: nothing was written. */
export class NotConfirmed extends Error {
  override readonly name = 'NotConfirmed'
}

/** The line for an error after which nothing was done, with exit code 2; undefined for all others. */
export const refusalOf = (error: unknown, usage: string): string | undefined => {
  if (error instanceof UsageError) return wrongUsage(error.message, usage)
  return error instanceof NotConfirmed ? error.message : undefined
}

export type Terminal = {
  readonly isInteractive: boolean
  readonly say: (line: string) => void
  readonly ask: (question: string) => Promise<string>
}

/** Throws NotConfirmed, in one line that says what to set. */
export const confirmTargets = async (
  targets: readonly (Target | undefined)[],
  isConfirmed: boolean,
  terminal: Terminal = processTerminal,
): Promise<void> => {
  const named = targets.filter((target) => target !== undefined)
  for (const { text, setting, isGiven } of named) {
    terminal.say(`writes to ${text} (${setting}${isGiven ? '' : ' is not set: the default'})`)
  }
  const guessed = named.filter(({ isGiven }) => !isGiven)
  if (guessed.length === 0 || isConfirmed) return
  if (terminal.isInteractive && /^y(es)?$/i.test(await terminal.ask('write there? [y/N] '))) return
  const settings = guessed.map(({ setting }) => setting).join(' and ')
  throw new NotConfirmed(`nothing was written: set ${settings}, or give --yes to write there`)
}

const processTerminal: Terminal = {
  isInteractive: process.stdin.isTTY && process.stderr.isTTY,
  say: (line) => console.error(line),
  async ask(question) {
    const lines = createInterface({ input: process.stdin, output: process.stderr })
    try {
      return (await lines.question(question)).trim()
    } finally {
      lines.close()
    }
  },
}
