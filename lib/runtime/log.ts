// Structured logs: one JSON line an event on stdout. Never a token, a body or a password. Fields that
// OpenTelemetry names have its names; a request is identified by `request_id`, here and in the worker.

import { format } from 'node:util'
import { pino, type Logger } from 'pino'

export type Log = Logger

export const createLog = (service: string, level: string): Log =>
  pino({
    level,
    base: { 'service.name': `todos-${service}`, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  })

/**
 * What client libraries print (ioredis, of a right that is missing) becomes lines of ours: whoever
 * collects them expects JSON on each.
 */
export const redirectConsole = (log: Log): void => {
  const line = (...parts: unknown[]) => log.warn({ printed: format(...parts) }, 'a library printed')
  for (const name of ['log', 'info', 'warn', 'error'] as const) console[name] = line
}

/** An error as fields of a line. */
export const errorFields = (error: unknown): Readonly<Record<string, unknown>> =>
  error instanceof Error
    ? { 'error.type': error.name, 'error.message': error.message, 'error.stack': error.stack }
    : { 'error.type': typeof error, 'error.message': String(error) }

/** How many lines of one kind a process writes in a second: an outage must not fill a disk. */
export const linesPerSecondMax = 10

/** For lines that come as often as clients like. Past the bound they are counted, and the count is logged. */
export const createBoundedLog = (
  write: (fields: Readonly<Record<string, unknown>>, message: string) => void,
  nowMs: () => number = () => performance.now(),
): typeof write => {
  let second = 0
  let lines = 0
  let omitted = 0
  return (fields, message) => {
    const now = Math.floor(nowMs() / 1_000)
    if (now !== second) {
      second = now
      lines = 0
    }
    if (lines >= linesPerSecondMax) {
      omitted++
      return
    }
    lines++
    write(omitted > 0 ? { ...fields, omitted_before: omitted } : fields, message)
    omitted = 0
  }
}
