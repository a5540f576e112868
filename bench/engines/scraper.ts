// Reads a subject's page of metrics at even intervals, as Prometheus would, so that what that costs is
// in the CPU that is measured.

import { get } from 'node:http'

/** Returns how to stop; rejects there when a scrape failed. */
export const startScraper = (port: number, everyMs: number): (() => void) => {
  let failure: string | undefined
  const scrape = () => {
    const request = get({ port, host: '127.0.0.1', path: '/metrics' }, (response) => {
      if (response.statusCode !== 200) failure = `/metrics gave a ${response.statusCode}`
      response.resume()
    })
    request.on('error', (error) => (failure = `/metrics: ${error.message}`))
  }
  scrape()
  const timer = setInterval(scrape, everyMs)
  return () => {
    clearInterval(timer)
    if (failure !== undefined) throw new Error(failure)
  }
}
