// What the worker relies on to know duplicates: in each partition, one publisher's commands come for the
// first time in the order of their numbers.

import { decodeCommand } from '../lib/domain/command.ts'

type Logged = {
  readonly partition: number
  readonly offset: number
  readonly value: string
}

/** Ids of the commands that came for the first time behind a higher number: a worker drops them. */
export const lateCommands = (records: readonly Logged[]): string[] => {
  const highest = new Map<string, number>()
  const seen = new Set<string>()
  const late: string[] = []
  for (const { partition, value } of [...records].sort((a, b) => a.offset - b.offset)) {
    const decoded = decodeCommand(Buffer.from(value))
    if (decoded.kind === 'poison' || !decoded.stamp) throw new Error(`not stamped: ${value}`)
    const { by, number } = decoded.stamp
    const isFirst = !seen.has(`${by} ${number}`)
    seen.add(`${by} ${number}`)
    const publisher = `${partition} ${by}`
    if (number > (highest.get(publisher) ?? 0)) highest.set(publisher, number)
    else if (isFirst) late.push(decoded.command.commandId)
  }
  return late
}
