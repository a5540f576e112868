// Clients that we did not write, driven alike: what each is told to do, and what it reports. One speaks in
// this process, another in a page of a browser or in Python.

/** As JSON, a command each. `id`: of a socket or of an event stream, chosen by who asks. */
export type Command = { readonly id: number } & (
  | {
      readonly open: string
      readonly protocols: readonly string[]
      readonly origin?: string | undefined
    }
  | { readonly send: string }
  | { readonly sendBinary: string }
  | { readonly close: number }
)

export type Report = { readonly id: number } & (
  | { readonly opened: string }
  | { readonly message: string }
  | { readonly refused: true }
  | { readonly closed: number }
)

export type Message = { readonly type: string } & Readonly<Record<string, unknown>>

export type ForeignSocket = {
  /** The protocol that was agreed on, or '' for none; undefined: it was refused. */
  readonly opened: Promise<string | undefined>
  send(message: object): void
  sendBinary(text: string): void
  close(code: number): void
  /** The next message; one of type `closed` is the last. */
  next(): Promise<Message>
  /** All that came and was not asked for. */
  rest(): Message[]
  readonly closed: Promise<number>
}

export type ForeignClient = {
  readonly name: string
  /** Whether it says from which origin it comes, or a page has one. */
  readonly canChooseOrigin: boolean
  connect(url: string, protocols?: readonly string[], origin?: string): ForeignSocket
}

export const createForeignClient = (
  name: string,
  canChooseOrigin: boolean,
  start: (report: (report: Report) => void) => (command: Command) => void,
): ForeignClient => {
  const reporters = new Map<number, (report: Report) => void>()
  const command = start((report) => reporters.get(report.id)?.(report))
  let last = 0
  return {
    name,
    canChooseOrigin,
    connect(url, protocols = [], origin) {
      const id = ++last
      const messages: Message[] = []
      let wake = () => {}
      const opening = deferred<string | undefined>()
      const closing = deferred<number>()
      reporters.set(id, (report) => {
        if ('opened' in report) opening.resolve(report.opened)
        else if ('refused' in report) opening.resolve(undefined)
        else if ('message' in report) messages.push(JSON.parse(report.message) as Message)
        else {
          opening.resolve(undefined)
          closing.resolve(report.closed)
          messages.push({ type: 'closed', code: report.closed })
        }
        wake()
      })
      command({ id, open: url, protocols, origin })
      return {
        opened: opening.promise,
        closed: closing.promise,
        send: (message) => command({ id, send: JSON.stringify(message) }),
        sendBinary: (text) => command({ id, sendBinary: text }),
        close: (code) => command({ id, close: code }),
        rest: () => messages.splice(0),
        async next() {
          for (;;) {
            const message = messages.shift()
            if (message) return message
            await new Promise<void>((resolve) => (wake = resolve))
          }
        },
      }
    },
  }
}

const deferred = <T>() => {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((settle) => (resolve = settle))
  return { promise, resolve: (value: T) => resolve(value) }
}
