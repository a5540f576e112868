// Answers of less than a cork, without losing one. What is written for the requests of one read, uWS
// collects in a cork of 16 KiB. A piece that does not fit is written behind it, and where the socket does
// not take the cork, or was reset, the bundled build loses the piece. If it was a body, it takes the request
// for unanswered and ends the process. tryEnd() says what it did not take; pieces of a head are not reported.

import type { HttpResponse } from 'uWebSockets.js'

export const corkBytes = 16 * 1024
/** No answer is shorter. */
const answerBytesMin = 64

/**
 * How full the cork can be. Which requests came with one read is not reported. So it is the longest row of
 * latest answers that fit into a cork: a longer one has sent its cork, and each answer behind it has a cork of
 * its own.
 */
export const createCorkLevel = (): {
  /** Counts an answer. Whether its head fits, wherever the read began. */
  takes(headBytes: number, bodyBytes: number): boolean
} => {
  const lengths = new Uint16Array(corkBytes / answerBytesMin + 1)
  let count = 0
  let next = 0
  let bytes = 0
  return {
    takes(headBytes, bodyBytes) {
      const fits = bytes + headBytes <= corkBytes
      const length = Math.max(headBytes + bodyBytes, answerBytesMin)
      if (length > corkBytes) {
        count = 0
        bytes = 0
        return fits
      }
      lengths[next] = length
      next = (next + 1) % lengths.length
      count++
      bytes += length
      while (bytes > corkBytes) {
        bytes -= lengths[(next - count + lengths.length) % lengths.length] ?? 0
        count--
      }
      return fits
    },
  }
}

/**
 * Ends a response whose head is written. False, if the socket did not take it, and it can not be kept whole:
 * the connection is to be closed.
 */
export const endCorked = (
  response: HttpResponse,
  body: Buffer,
  mayKeep: (bytes: number) => boolean,
): boolean => {
  let [, isDone] = response.tryEnd(body, body.length)
  if (isDone) return true
  if (!mayKeep(body.length)) return false
  const offset = response.getWriteOffset()
  // Behind what is kept already, end() keeps all.
  if (offset === 0) {
    response.end(body)
    return true
  }
  // Here the cork was sent, and a part behind it. A new cork takes the rest, and keeps what is not sent.
  response.cork(() => {
    isDone = response.tryEnd(body.subarray(offset), body.length)[1]
  })
  return isDone
}
