// Given to autocannon as `setupClient`: counts and times each answer itself, because autocannon's own
// latencies are whole milliseconds. It also repairs what autocannon 9.0.0 does when a server closes a
// connection. It leaves the requests that died with it in its queue, so that every later answer is
// timed from an older request. And it connects again at once, for ever, to a server that is gone. This
// leans on private fields: autocannon is pinned, and load.test.ts holds the repair to a server that
// closes connections.

const worker = require('node:worker_threads')
const { claim } = require('./recording.cjs')

const { opts } = /** @type {{ opts: { recording: SharedArrayBuffer } }} */ (worker.workerData)
const recorder = claim(opts.recording)
const afterResetMs = 100

/** @param {import('autocannon').Client} client */
module.exports = (client) => {
  const connect = client._connect.bind(client)
  const destroyConnection = client._destroyConnection.bind(client)
  let isFirst = true
  let wasReset = false
  let wasCut = false // by autocannon, for a timeout or at the end

  const open = () => {
    if (client.destroyed) return
    connect()
    recorder.add('open')
    client.conn.once('close', () => recorder.add('open', -1))
  }
  client._destroyConnection = () => {
    if (!client.destroyed) recorder.add('lost', client.pipelinedRequests.size())
    wasCut = true
    destroyConnection()
  }
  client._connect = () => {
    if (isFirst) {
      isFirst = false
      open()
      return
    }
    if (!wasCut) {
      recorder.add(wasReset ? 'resets' : 'closed')
      recorder.add('lost', client.pipelinedRequests.size())
    }
    client.pipelinedRequests.clear()
    client.conn.removeAllListeners('data')
    client.conn.removeAllListeners('end')
    client.conn.destroy()
    // Half an answer of the old connection would swallow the first of the new one.
    client.parser.reinitialize('RESPONSE')
    const isHurt = wasReset
    wasReset = false
    wasCut = false
    if (isHurt) setTimeout(open, afterResetMs)
    else open()
  }
  client.on('connError', () => (wasReset = true))
  client.on('timeout', () => recorder.add('timeouts'))
  client.on('request', () => recorder.add('sent'))
  /** @type {(status: number, bytes: number, ms: number) => void} */
  const onResponse = (status, bytes, ms) => recorder.answer(status, bytes, ms * 1000)
  client.on('response', onResponse)
}
