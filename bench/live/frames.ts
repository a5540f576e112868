// Frames of RFC 6455 as a client on a bare socket needs them: small, whole messages. Pure.

export const opcodes = { text: 1, close: 8, ping: 9, pong: 10 } as const

/** As a client sends it: masked, with zeros, which leave the payload as it is. Up to 65,535 bytes. */
export const frameOf = (opcode: number, payload: Buffer): Buffer => {
  const { length } = payload
  const head =
    length < 126
      ? [0x80 | opcode, 0x80 | length]
      : [0x80 | opcode, 0x80 | 126, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload])
}

/** What a server sends is not masked. `payload` is valid within the call only. */
export const createFrameReader = (onFrame: (opcode: number, payload: Buffer) => void) => {
  let rest: Buffer | undefined
  return (data: Buffer): void => {
    const bytes = rest ? Buffer.concat([rest, data]) : data
    let at = 0
    while (bytes.length - at >= 2) {
      const short = (bytes[at + 1] ?? 0) & 0x7f
      const headLength = short < 126 ? 2 : short === 126 ? 4 : 10
      if (bytes.length - at < headLength) break
      const length =
        short < 126
          ? short
          : short === 126
            ? bytes.readUInt16BE(at + 2)
            : Number(bytes.readBigUInt64BE(at + 2))
      const end = at + headLength + length
      if (bytes.length < end) break
      onFrame((bytes[at] ?? 0) & 0x0f, bytes.subarray(at + headLength, end))
      at = end
    }
    rest = at < bytes.length ? bytes.subarray(at) : undefined
  }
}
