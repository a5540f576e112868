// Short notices at the foot of the page. They are read out, too, and go by themselves.

export type Notice = {
  readonly id: number
  readonly text: string
  readonly action?: { readonly name: string; readonly run: () => void }
}

const shownMs = 6_000
/** More than these at once are read by nobody. */
const noticesMax = 3

let notices = $state.raw<readonly Notice[]>([])
let lastId = 0

export const shownNotices = (): readonly Notice[] => notices

export const notify = (notice: Omit<Notice, 'id'>, forMs = shownMs): void => {
  const id = ++lastId
  notices = [...notices, { ...notice, id }].slice(-noticesMax)
  setTimeout(() => dismiss(id), forMs)
}

export const dismiss = (id: number): void => {
  notices = notices.filter((one) => one.id !== id)
}

/** What the newest notice offers, such as to have back what was deleted. False where none does. */
export const actOnNewest = (): boolean => {
  const newest = notices.findLast(({ action }) => action)
  if (!newest) return false
  dismiss(newest.id)
  newest.action?.run()
  return true
}
