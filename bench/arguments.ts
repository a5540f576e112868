// Values of command lines, parsed: what is not understood is refused, with what would be.

export const listOf = <T>(option: string, text: string, parse: (item: string) => T): T[] => {
  const items = [...new Set(text.split(',').map((item) => parse(item.trim())))]
  if (items.length === 0) throw new Error(`${option} takes a list, separated by commas`)
  return items
}

export const oneOf = <T extends string | number>(
  option: string,
  value: string | number,
  choices: readonly T[],
): T => {
  const choice = choices.find((one) => one === value)
  if (choice === undefined) throw new Error(`${option} takes ${choices.join(', ')}, not "${value}"`)
  return choice
}

export const wholeNumber = (option: string, text: string, min: number, max: number): number => {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN
  if (!(value >= min && value <= max)) {
    throw new Error(`${option} takes whole numbers from ${min} to ${max}, not "${text}"`)
  }
  return value
}

const pidMax = 2 ** 22 // of Linux

/** Processes that run: one that was mistyped would be counted as one that costs nothing. */
export const pidsIn = (option: string, texts: readonly string[]): number[] =>
  texts.map((text) => {
    const pid = wholeNumber(option, text, 1, pidMax)
    if (!runs(pid)) throw new Error(`${option} ${pid}: there is no such process`)
    return pid
  })

const runs = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' // another user's
  }
}
