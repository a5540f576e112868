// Structured logs: one JSON line an event on stdout. Never a token, a body or a password.

import { pino, type Logger } from 'pino'

export type Log = Logger

export const createLog = (service: string, level: string): Log =>
  pino({ level, base: { service, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime })
