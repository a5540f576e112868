// An error that is an answer, not a fault: nobody reads where it was thrown. Its stack would cost more
// than all the rest of the answer, and whoever is refused may ask as often as he likes.

export class Refusal extends Error {
  constructor(message: string, options?: ErrorOptions) {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(message, options)
    Error.stackTraceLimit = stackTraceLimit
  }
}

/** What `work` gives, or throws: errors that libraries make in it have no stack either. */
export const withoutStacks = <T>(work: () => T): T => {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return work()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}
