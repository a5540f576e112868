// The trace that a record of the Postgres log belongs to. Kafka's records have headers for it; here it is
// the last member of the command's JSON, which those who read commands ignore. Pure.

export const withTrace = (command: string, traceparent: string | undefined): string =>
  traceparent === undefined ? command : `${command.slice(0, -1)},"traceparent":"${traceparent}"}`

/** `,"traceparent":"` and `"}` around the 55 characters of version 00. */
const suffixBytes = 73

// A text that a user wrote can't look like it: its quotes are escaped.
export const traceIn = (record: Buffer): string | undefined =>
  /,"traceparent":"([0-9a-f-]{55})"\}$/.exec(
    record.toString('latin1', record.length - suffixBytes),
  )?.[1]
