// Hundreds of clients write at random while processes and services are killed, frozen, silenced and
// made useless at random. Afterwards everything that was seen must be consistent (check.ts defines
// that). `npm run test:consistency` runs it for ten minutes on each stack and each engine.

import t from 'tap'
import { eventually, startTimeoutMs } from '../../eventually.ts'
import { orSkip, testDirectory, testTopic } from '../../services.ts'
import { seeded } from '../../seeded.ts'
import { check } from './check.ts'
import { liveClientsAreTrue } from './check-live.ts'
import { startClients } from './clients.ts'
import type { Evidence, LiveHistory } from './evidence.ts'
import { planFaults } from './faults.ts'
import { startLiveClients } from './live-clients.ts'
import { finalLists, whatIsLeft } from './left.ts'
import { startPageReaders } from './page-reads.ts'
import { singleReadsGoOn, startSingleReaders } from './single-reads.ts'
import { startSystem } from './system.ts'
import { chosenRuns, isChosenFault, seconds, writers } from './runs.ts'

const readers = 10
const singleReaders = 4
const pageReaders = 4
const freshTimeoutMs = 20_000
const enough = 100

for (const { stack, engine } of chosenRuns()) {
  void t.test(
    `nothing acknowledged is lost, doubled, reordered or left stale, ${stack} stack, ${engine}`,
    async (t) => {
      const random = seeded(t)
      const directory = await testDirectory(t)
      const topic = testTopic()
      const system = await orSkip(t, () => startSystem({ directory, topic, stack, engine }))
      if (!system) return
      t.teardown(() => system.stop())
      const plan = planFaults(system, random, isChosenFault, (what) => t.comment(what))
      const clients = startClients(system.port, { writers, readers }, random)
      const live = startLiveClients(system.port)
      const singles = startSingleReaders(system.port, clients, singleReaders, random)
      const pages = startPageReaders(system.port, pageReaders, random)
      const { acknowledged } = clients
      await eventually(acknowledged, (count) => count > enough, startTimeoutMs)
      const { faultCount, violations } = await plan.carryOut(seconds, acknowledged)
      t.same(violations, [], 'all worked again after each fault, without a restart')
      await clients.stop()
      await singles.stop()
      await pages.stop()

      const { operations, reads } = clients
      const left = await whatIsLeft(system)
      const shown = [...left.todos.values()].filter(({ isPersonal }) => !isPersonal)
      const lists = await finalLists(system, shown.length)
      // Nobody is told how new a list of several shards must be: docs/explanation/shards.md.
      const isJudged = ({ channel }: LiveHistory) => stack !== 'shards' || channel !== 'todos'
      const histories = live.histories.filter(isJudged)
      const evidence: Evidence = { operations, reads, ...left, finalLists: lists, live: histories }
      const heardAll = () => liveClientsAreTrue(evidence).length
      await eventually(heardAll, (count) => count === 0, freshTimeoutMs).catch(() => {})
      live.stop()
      const count = (outcome: string) => operations.filter((one) => one.outcome === outcome).length
      const { log, todos } = evidence
      const logged = new Set(log.map(({ commandId }) => commandId)).size
      t.comment(
        `${count('ok')} acknowledged, ${count('fail')} refused, ${count('info')} in doubt; ` +
          `${faultCount} faults; ${log.length} logged, ${log.length - logged} of them again; ` +
          `a replica left out ${system.countPrinted('replica left out')} times; ` +
          `${system.countPrinted('another worker applied')} batches delivered again, ` +
          `${system.countPrinted('batch not applied')} tried again; ` +
          `${todos.size} todos; ${reads.length} lists, ${singles.reads.length} todos and ${pages.count()} pages read; ` +
          `live: ${live.counts()}`,
      )
      t.ok(singles.reads.length > enough, 'todos were read meanwhile')
      t.same(singleReadsGoOn(singles.reads).slice(0, 20), [], 'none went back')
      t.ok(pages.count() > enough, 'pages were read meanwhile')
      t.same(pages.violations.slice(0, 20), [], 'none went back, each version is one page')
      t.ok(reads.length > enough, 'lists were read meanwhile')
      const events = histories.map(({ heard }) => heard.filter(({ kind }) => kind === 'event'))
      t.ok(events.flat().length > enough, 'events were heard meanwhile')
      t.same(check(evidence).slice(0, 20), [], 'and all of it is consistent')
      t.same(system.endedByThemselves(), [], 'and no process ended that was not killed')
    },
  )
}
