// The end of a process that can't start: one line for the operator, and exit code 1.

export const exitWith = (line: string): never => {
  process.stderr.write(`${line}\n`)
  process.exit(1)
}

export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)
