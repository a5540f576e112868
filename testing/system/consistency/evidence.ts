// What a run of writes leaves behind, as check.ts judges it: answers to clients, the log, and the
// database and the lists at the end.

/** `ok`: taken, 202 or what came of it. `fail`: certainly not taken (a 4xx, or a 503 that says so). `info`: nobody knows. */
export type Outcome = 'ok' | 'fail' | 'info'

/** The fields that a command sets; those that it leaves alone are undefined. */
export type Fields = {
  readonly title: string | undefined
  readonly description: string | undefined
  readonly completed: boolean | undefined
  /** The only revisions of the todo to which it may be applied; undefined: any. */
  readonly ifRevision: readonly number[] | undefined
}

export type Operation = Fields & {
  readonly kind: 'create' | 'update' | 'delete'
  readonly userId: string
  /** Of a todo that only its owner can see. */
  readonly isPersonal: boolean
  /** Undefined for a create whose answer never came. */
  readonly todoId: string | undefined
  /** No other operation sets it. A delete sets none: one operation at most deletes a todo. */
  readonly title: string | undefined
  readonly startMs: number
  readonly endMs: number
  readonly outcome: Outcome
  /** What came of it, as the answer to a write that was waited for says; undefined when it does not. */
  readonly answered: string | undefined
}

export type Logged = Fields & {
  readonly partition: number
  readonly offset: number
  readonly commandId: string
  readonly kind: Operation['kind']
  readonly todoId: string
  readonly userId: string
  readonly isPersonal: boolean
  readonly atMs: number
  /** Who published it, and which of that publisher's records it is; older servers say neither. */
  readonly stamp?: { readonly by: string; readonly n: number } | undefined
  /** The database is to keep what came of it. */
  readonly keepsOutcome?: boolean | undefined
}

/** A todo as the API shows it. */
export type Shown = {
  readonly title: string
  readonly description: string
  readonly completed: boolean
  readonly userId: string
  readonly createdMs: number
  readonly updatedMs: number
}

export type Row = Shown & {
  readonly revision: number
  readonly isPersonal: boolean
}

/** Where a live client is in its channel. */
export type Place = { readonly epoch: string; readonly number: number }

/** One thing that a live client was told, or read because it was told to. */
export type Heard =
  /** `since`: where it was before; undefined: it comes for the first time, and reads the list. */
  | { readonly kind: 'subscribed'; readonly place: Place; readonly since: Place | undefined }
  | { readonly kind: 'gap'; readonly place: Place }
  /** What it read after the last gap, or when it came first. What it hears meanwhile is before it here. */
  | { readonly kind: 'list'; readonly todos: ReadonlyMap<string, Shown> }
  | {
      readonly kind: 'event'
      readonly place: Place
      readonly todoId: string
      readonly revision: number
      /** Undefined: it was deleted. */
      readonly todo: Shown | undefined
    }

/** A client of the public list, or of `userId`'s own todos. */
export type LiveHistory = {
  readonly name: string
  readonly channel: 'todos' | 'mine'
  readonly userId: string
  readonly heard: readonly Heard[]
}

/** A todo in a list. */
export type Listed = { readonly id: string; readonly title: string }

/** A list as one connection read it, in the order of its reads; all of one length at most. */
export type ListRead = {
  readonly connection: number
  /** As the ETag says it: a number, or one for each shard with dots in between. '': none. */
  readonly version: string
  readonly todos: readonly Listed[]
}

export type Evidence = {
  readonly operations: readonly Operation[]
  readonly log: readonly Logged[]
  /** Each partition's end when everything was over. */
  readonly ends: ReadonlyMap<number, number>
  /** By id, in the order that lists must have. */
  readonly todos: ReadonlyMap<string, Row>
  /** What the database says came of commands, by command id: of those that keep it, or have no stamp. */
  readonly outcomes: ReadonlyMap<string, string>
  readonly nextOffsets: ReadonlyMap<number, number>
  readonly deadLetters: number
  readonly reads: readonly ListRead[]
  /** The whole list, as each of several connections read it at the end. */
  readonly finalLists: readonly (readonly Listed[])[]
  readonly live: readonly LiveHistory[]
}
