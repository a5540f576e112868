// Numbers as people read them. What is not a number is shown as a dash: a report says nothing rather
// than NaN.

const none = '–'

/** To the last one: a ledger that is rounded cannot be added up. */
export const count = (value: number): string =>
  Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : none

/** 500,000 as 500k: for the ticks of an axis, which are round. */
export const shortCount = (value: number): string => {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(4))}M`
  return value >= 1e4 ? `${Number((value / 1e3).toPrecision(4))}k` : plain(value)
}

/** Microseconds, in the unit that suits them. */
export const time = (us: number | null): string => timeWith(us, significant)
/** The same, for round ticks: 1 ms, not 1.00 ms. */
export const shortTime = (us: number): string => timeWith(us, plain)

const timeWith = (us: number | null, show: (value: number) => string): string => {
  if (us === null || !Number.isFinite(us)) return none
  const rounded = Number(us.toPrecision(3))
  if (rounded < 1e3) return `${show(rounded)} µs`
  return rounded < 1e6 ? `${show(rounded / 1e3)} ms` : `${show(rounded / 1e6)} s`
}

/** Three digits that count. */
export const significant = (value: number | null): string => {
  if (value === null || !Number.isFinite(value)) return none
  if (value === 0 || Math.abs(value) >= 100) return count(value)
  return Math.abs(value) < 0.001 ? value.toExponential(2) : value.toPrecision(3)
}

/** Without the noise of binary fractions: 0.3, not 0.30000000000000004. */
export const plain = (value: number): string =>
  Number.isFinite(value)
    ? Number(value.toPrecision(6)).toLocaleString('en-US', { maximumFractionDigits: 6 })
    : none

export const cores = (value: number | null | undefined): string =>
  value === null || value === undefined || !Number.isFinite(value) ? none : value.toFixed(2)

export const percent = (share: number | null): string =>
  share === null || !Number.isFinite(share)
    ? none
    : `${(share * 100).toFixed(Math.abs(share) < 0.1 ? 1 : 0)}%`

export const seconds = (value: number): string =>
  Number.isFinite(value) ? `${plain(Number(value.toFixed(2)))} s` : none

export const plural = (many: number, one: string, more = `${one}s`): string =>
  `${count(many)} ${many === 1 ? one : more}`
