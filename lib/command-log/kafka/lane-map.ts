// Which lane of a process each partition's commands take. A send is acknowledged when its leader answers
// and every replica in sync has it. So partitions share a lane when the same brokers have them, and one of
// those leads them: a broker that says nothing keeps back what it has, and no more. A partition never
// changes its lane: what came first is sent first. Pure.

/** Each has a producer, which keeps up to three connections. */
export const lanesMax = 16

export type LaneMap = {
  readonly count: number
  /** From 0. */
  laneOf(partition: number): number
}

/** By partition, the brokers that have it: the first leads it whenever it can. */
type Replicas = ReadonlyMap<number, readonly number[]>

/** `replicas`: asked again for partitions that were not there before. */
export const createLaneMap = (replicas: () => Replicas): LaneMap => {
  const keys = [...new Set([...replicas().values()].map(keyOf))].sort()
  const count = Math.min(Math.max(keys.length, 1), lanesMax)
  const lanes = new Map<number, number>()

  const choose = (partition: number): number => {
    const brokers = replicas().get(partition)
    const index = brokers === undefined ? -1 : keys.indexOf(keyOf(brokers))
    return (index === -1 ? partition : index) % count
  }

  return {
    count,
    laneOf(partition) {
      const known = lanes.get(partition)
      if (known !== undefined) return known
      const lane = choose(partition)
      lanes.set(partition, lane)
      return lane
    },
  }
}

const keyOf = ([leader, ...others]: readonly number[]): string =>
  [leader, ...others.sort((one, other) => one - other)].join()
