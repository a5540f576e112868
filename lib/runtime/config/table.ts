// The kinds of settings: how each is read, and what is said of one that can't be.

export type Role = 'server' | 'worker' | 'script'

export type Setting<Value> = {
  readonly default: Value | undefined
  readonly unit: string
  readonly meaning: string
  readonly parse: (text: string) => Value
  /** Holds a secret, or may: its value is never shown. */
  readonly isSecret?: true
  /** Bounds of a whole number. */
  readonly min?: number
  readonly max?: number
  /** Roles that cannot start without a value; the others leave it undefined. */
  readonly requiredBy?: readonly Role[]
}

export const wholeNumber = (spec: {
  default: number
  min: number
  max: number
  unit: string
  meaning: string
}): Setting<number> => ({
  ...spec,
  parse(text) {
    const value = /^\d{1,12}$/.test(text) ? Number(text) : NaN
    if (!(value >= spec.min && value <= spec.max)) {
      throw new Error(`a whole number from ${spec.min} to ${spec.max}`)
    }
    return value
  },
})

export const portOrOff = (spec: {
  default: number | 'off'
  meaning: string
}): Setting<number | 'off'> => ({
  ...spec,
  unit: 'port or off',
  parse(text) {
    if (text === 'off') return text
    const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN
    if (!(port <= 65535)) throw new Error('off, or a port from 0 to 65535')
    return port
  },
})

export const oneOf = <Choice extends string>(spec: {
  default: Choice
  choices: readonly Choice[]
  meaning: string
}): Setting<Choice> => ({
  default: spec.default,
  unit: spec.choices.join(' or '),
  meaning: spec.meaning,
  parse(text) {
    const choice = spec.choices.find((one) => one === text)
    if (choice === undefined) throw new Error(spec.choices.join(' or '))
    return choice
  },
})
