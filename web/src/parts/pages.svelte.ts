// A list that is read in pages: what was read of it, and where it goes on.

import { problemText } from './form.svelte.ts'

type Page<Row> = { readonly rows: readonly Row[]; readonly next: string | undefined }

export const createPages = <Row>(readPage: (after: string | undefined) => Promise<Page<Row>>) => {
  let rows = $state.raw<readonly Row[]>()
  let next = $state<string>()
  let problem = $state<string>()
  let isReading = false

  return {
    /** Undefined: nothing was read yet. */
    get rows() {
      return rows
    },
    get next() {
      return next
    },
    get problem() {
      return problem
    },
    set problem(text) {
      problem = text
    },
    drop(isGone: (row: Row) => boolean) {
      rows = rows?.filter((row) => !isGone(row))
    },
    /** From the beginning, without `after`. */
    async read(after?: string) {
      if (isReading) return
      isReading = true
      try {
        const page = await readPage(after)
        rows = [...(after === undefined ? [] : (rows ?? [])), ...page.rows]
        next = page.next
        problem = undefined
      } catch (error) {
        problem = problemText(error)
        // Else what is near the end would be asked for again and again.
        next = undefined
      } finally {
        isReading = false
      }
    },
  }
}
