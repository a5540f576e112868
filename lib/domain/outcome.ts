// What comes of a change that may be refused, for whoever asked for it. Pure.

import { Refusal } from './refusal.ts'

/** Who asks, and in which request. */
export type Actor = { readonly userId: string; readonly requestId: string }

export type Outcome<T, Reason> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'refused'; readonly refusal: Reason }

/** Thrown anywhere in a change, it undoes all of it. Each kind of change has a class with its reasons. */
export abstract class RefusedChange<Reason extends string> extends Refusal {
  override readonly name = 'Refused'
  readonly refusal: Reason
  constructor(refusal: Reason) {
    super(refusal)
    this.refusal = refusal
  }
}

/** What `work` gives, or why it was refused. Rejects with every other error. */
export const outcomeOf = async <T, Reason extends string>(
  kind: new (refusal: Reason) => RefusedChange<Reason>,
  work: Promise<T>,
): Promise<Outcome<T, Reason>> => {
  try {
    return { kind: 'done', value: await work }
  } catch (error) {
    if (error instanceof kind) return { kind: 'refused', refusal: error.refusal }
    throw error
  }
}
