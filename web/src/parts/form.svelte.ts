// A form that is sent: what is wrong with it, and whether it is on its way. One for each form.

import { ApiProblem } from '../api/problem.ts'
import { texts } from '../texts/texts.ts'

export const createForm = () => {
  let isBusy = $state(false)
  let problem = $state<string>()
  let fields = $state.raw<Readonly<Record<string, string>>>({})

  return {
    get isBusy() {
      return isBusy
    },
    /** What is not about one input. */
    get problem() {
      return problem
    },
    get fields() {
      return fields
    },
    /** True where it was done. */
    async send(work: () => Promise<unknown>): Promise<boolean> {
      if (isBusy) return false
      isBusy = true
      problem = undefined
      fields = {}
      try {
        await work()
        return true
      } catch (error) {
        if (error instanceof ApiProblem) fields = error.fields
        problem = problemText(error)
        return false
      } finally {
        isBusy = false
      }
    },
  }
}

/** Ours are in the language of the page. */
export const languageOf = (problem: string): 'en' | undefined =>
  (Object.values(texts.problems) as readonly string[]).includes(problem) ? undefined : 'en'

export const problemText = (error: unknown): string => {
  if (!(error instanceof ApiProblem)) return texts.problems.unreachable
  return error.slug === 'not-a-system-admin' ? texts.problems.notSystemAdmin : error.message
}
