// Spans of what the worker does for requests that are traced: each command's way through its batch, the
// transaction of the batch, which is linked with all of them, and the announcement that follows.

import type { ListCache } from '../../lib/list-cache/list-cache.ts'
import { isSampled, type Span, type Tracing } from '../../lib/runtime/tracing.ts'
import type { ApplyResult, applyBatch } from '../todos/apply.ts'
import type { ReadRecord } from '../todos/fresh.ts'

type Apply = typeof applyBatch
type Announcing = Pick<ListCache, 'announce' | 'overrule'>

/** Batches that one announcement is linked with; of more, the last ones. */
const linksMax = 100

export const createWorkerTraces = (tracing: Tracing, system: string) => {
  /** Of batches that are applied and not announced yet. */
  let unannounced: string[] = []

  const apply =
    (inner: Apply): Apply =>
    async (store, batch) => {
      const traced = batch.records.flatMap((record) => commandIn(record) ?? [])
      const [first, ...others] = traced
      if (!first) return inner(store, batch)
      const { name } = batch.log
      const messaging = {
        'messaging.system': system,
        'messaging.destination.name': name,
        'messaging.destination.partition.id': String(batch.partition),
        'messaging.operation.type': 'process',
      }
      const whole = tracing.start({
        name: `apply ${name}`,
        kind: 'consumer',
        attributes: {
          ...messaging,
          'messaging.operation.name': 'apply',
          'messaging.batch.message_count': batch.records.length,
        },
        parent: first.traceparent,
        links: others.map(({ traceparent }) => traceparent),
      })
      const spans = traced.map(({ traceparent, offset, commandId }) => ({
        offset,
        commandId,
        span: tracing.start({
          name: `process ${name}`,
          kind: 'consumer',
          attributes: {
            ...messaging,
            'messaging.operation.name': 'process',
            'messaging.message.id': commandId,
            'messaging.kafka.offset': offset,
          },
          parent: traceparent,
          links: whole.traceparent === undefined ? [] : [whole.traceparent],
        }),
      }))
      try {
        const result = await inner(store, batch)
        endCommands(spans, result)
        whole.end()
        if (whole.traceparent !== undefined && result.kind === 'applied') {
          unannounced = [...unannounced, whole.traceparent].slice(-linksMax)
        }
        return result
      } catch (error) {
        for (const { span } of spans) span.end('not-applied')
        whole.end((error as { code?: string }).code ?? 'not-applied')
        throw error
      }
    }

  const announcing = (cache: Announcing): Announcing => ({
    overrule: (known, version) => cache.overrule(known, version),
    async announce(version) {
      const [parent, ...links] = unannounced
      if (parent === undefined) return cache.announce(version)
      unannounced = []
      const span = tracing.start({
        name: 'announce',
        kind: 'producer',
        attributes: { 'todos.lists.version': version },
        parent,
        links,
      })
      try {
        const known = await cache.announce(version)
        span.end()
        return known
      } catch (error) {
        span.end('not-announced')
        throw error
      }
    },
  })

  return { apply, announcing }
}

const commandIn = ({ traceparent, decoded, offset }: ReadRecord) => {
  if (traceparent === undefined || !isSampled(traceparent)) return undefined
  const commandId = decoded.kind === 'command' ? decoded.command.commandId : ''
  return { traceparent, offset, commandId }
}

type CommandSpan = { readonly span: Span; readonly offset: number; readonly commandId: string }

const endCommands = (spans: readonly CommandSpan[], result: ApplyResult): void => {
  const effects = result.kind === 'applied' ? result.effects : []
  const letters = result.kind === 'applied' ? result.letters : []
  const outcomes = new Map<string, string>(
    effects.map(({ command, outcome }) => [command.commandId, outcome]),
  )
  const dead = new Set(letters.map(({ offset }) => offset))
  const other = result.kind === 'applied' ? 'duplicate' : 'fenced'
  for (const { span, offset, commandId } of spans) {
    const isDead = dead.has(offset)
    const outcome = isDead ? 'dead-lettered' : (outcomes.get(commandId) ?? other)
    span.set({ 'todos.command.outcome': outcome })
    span.end(isDead ? outcome : undefined)
  }
}
