// What a reader must see, as he says it: a replica that has that may answer him, however far behind it is
// with the rest. Who says nothing must see all that is committed, which the primary is asked for.

/** Where a command is in its log. */
export type LogPosition = { readonly partition: number; readonly offset: number }

export type MustSee = {
  /** Of the owner's list, as an answer told it: this one or a later one. */
  readonly version?: number | undefined
  /** What the commands at these have changed, and all before them. */
  readonly positions?: readonly LogPosition[] | undefined
}

/** All that is committed. */
export const allCommitted: MustSee = {}

export const namesSomething = ({ version, positions }: MustSee): boolean =>
  version !== undefined || positions !== undefined
