// A streamed body on uWebSockets.js. What a socket does not take uWS keeps, all of it, and says only that
// it keeps something, with the next write. So a body is given in pieces, and while something is kept, in
// small ones: each time that the socket can take more, less is added than leaves.

import type { HttpResponse } from 'uWebSockets.js'
import type { Sink } from '../send-stream.ts'

/**
 * With its frame it fits into the buffer of a cork, of 16 KiB. The bundled build loses what does not, if
 * the socket takes only some of the buffer.
 */
const pieceBytes = 15 * 1024
/** Far less than what a kernel has sent when it reports that a socket can take more. */
const probeBytes = 1024

/** For a response whose head is written, and that has an abort handler. */
export const createSink = (response: HttpResponse): Sink => {
  /** As of the last write but one: what that left is kept. */
  let isClear = true
  let rest: Buffer = nothing
  let piece: Buffer = nothing

  const writePiece = () => {
    isClear = response.write(piece)
  }
  const writeRest = () => {
    do {
      piece = rest.subarray(0, isClear ? pieceBytes : probeBytes)
      rest = rest.subarray(piece.length)
      response.cork(writePiece)
    } while (isClear && rest.length > 0)
  }

  return {
    write(part, onTaken) {
      // An empty chunk would be the last.
      if (part.length === 0) return true
      rest = part
      writeRest()
      if (isClear) return true
      response.onWritable(() => {
        if (rest.length > 0) writeRest()
        // What is kept leaves with what is written next, or with an empty cork, if that takes long.
        else response.cork(() => {})
        if (isClear || rest.length === 0) onTaken()
        return true
      })
      return false
    },
    end: () => void response.cork(() => void response.end()),
    cut: () => void response.close(),
  }
}

const nothing = Buffer.alloc(0)
