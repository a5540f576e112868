// Where a value stands on an axis, and which values get a tick. Pure arithmetic.

export type Scale = {
  readonly kind: 'linear' | 'log'
  readonly min: number
  readonly max: number
  readonly ticks: readonly number[]
}

/** From 0 at the axis's start to 1 at its end; what is outside is drawn at the edge. */
export const positionOn = ({ kind, min, max }: Scale, value: number): number => {
  const share =
    kind === 'linear'
      ? (value - min) / (max - min)
      : Math.log(Math.max(value, min) / min) / Math.log(max / min)
  return Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0
}

/** From zero, because a bar or a line that starts elsewhere exaggerates. */
export const fromZero = (values: readonly number[], ticksAbout = 4): Scale => {
  const highest = highestOf(values, 1)
  const step = niceStep(highest / ticksAbout)
  const max = Math.ceil(highest / step - 1e-9) * step
  return { kind: 'linear', min: 0, max, ticks: multiples(step, max) }
}

/** From zero to `end` itself: time stops where the run did. */
export const upTo = (end: number, ticksAbout = 6): Scale => {
  const max = highestOf([end], 1)
  return { kind: 'linear', min: 0, max, ticks: multiples(niceStep(max / ticksAbout), max) }
}

/** Around the values, from one of 1, 2, 5, 10, 20, … to another; nothing of it is below `floor`. */
export const logAround = (values: readonly number[], floor = 1): Scale => {
  const known = values.filter((value) => Number.isFinite(value)).map((it) => Math.max(it, floor))
  const lowest = Math.min(...known, highestOf(known, floor))
  const highest = highestOf(known, floor * 10)
  const steps = oneTwoFives(lowest, highest)
  const min = steps.findLast((step) => step <= lowest * 1.000001) ?? lowest
  const max = steps.find((step) => step > min && step >= highest * 0.999999) ?? highest * 10
  const inside = steps.filter((step) => step >= min && step <= max)
  const decades = inside.filter((step) => Math.abs(Math.log10(step) % 1) < 1e-9)
  return { kind: 'log', min, max, ticks: decades.length > 2 ? decades : inside }
}

const highestOf = (values: readonly number[], otherwise: number): number => {
  const known = values.filter((value) => Number.isFinite(value) && value > 0)
  return known.length === 0 ? otherwise : known.reduce((a, b) => Math.max(a, b))
}

const niceStep = (raw: number): number => {
  const magnitude = 10 ** Math.floor(Math.log10(raw))
  return ([1, 2, 5].find((step) => step * magnitude >= raw * 0.999999) ?? 10) * magnitude
}

const multiples = (step: number, max: number): number[] =>
  Array.from({ length: Math.floor(max / step + 1e-9) + 1 }, (_, i) => i * step)

const oneTwoFives = (lowest: number, highest: number): number[] => {
  const from = Math.floor(Math.log10(lowest))
  const decades = Math.ceil(Math.log10(highest)) - from + 2
  return Array.from({ length: decades }, (_, i) => from + i).flatMap((exponent) =>
    [1, 2, 5].map((step) => Number(`${step}e${exponent}`)),
  )
}
