// What a topic lacks of what is asked for, and where its new replicas go.

import t from 'tap'
import { missingReplicas, spreadReplicas } from './replication.ts'

const asked = { replicationFactor: 3, minInsyncReplicas: 2 }

t.test('what is missing is said in one line', async (t) => {
  t.equal(missingReplicas('a', asked, { replicas: 3, minInsyncReplicas: 2 }), undefined)
  t.equal(missingReplicas('a', asked, { replicas: 4, minInsyncReplicas: 3 }), undefined)
  t.equal(
    missingReplicas('a', asked, { replicas: 1, minInsyncReplicas: 1 }),
    'a has 1 of 3 replicas (KAFKA_REPLICATION_FACTOR) and ' +
      'min.insync.replicas=1 in place of 2 (KAFKA_MIN_INSYNC_REPLICAS)',
  )
  const unreadable = { replicas: 3, minInsyncReplicas: undefined }
  t.equal(missingReplicas('a', asked, unreadable), undefined, 'what may not be read is not blamed')
})

t.test('new replicas go where there are fewest, behind those that there are', async (t) => {
  const partition = (partitionId: number, ...replicas: number[]) => ({ partitionId, replicas })
  const spread = spreadReplicas([partition(0, 1), partition(1, 1), partition(2, 2)], [1, 2, 3], 2)
  t.strictSame(spread, [
    { partition: 0, replicas: [1, 3] },
    { partition: 1, replicas: [1, 2] },
    { partition: 2, replicas: [2, 3] },
  ])
  t.strictSame(spreadReplicas([partition(0, 3, 1)], [1, 2, 3], 2), [], 'who has enough keeps them')
  const tooFew = () => spreadReplicas([partition(0, 1)], [1, 2], 3)
  t.throws(tooFew, { message: '3 replicas need as many brokers, and 2 are there' })
})
