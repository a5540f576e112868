// The title of the window: which view it is, whichever way that was reached.

import { isolated } from '../texts/isolated.ts'

export const showTitle = (title: string): void => {
  document.title = `${isolated(title)} · Todos`
}
