// The slot of a key, as Redis Cluster counts it: CRC16 of its hash tag, or of all of it, modulo 16,384.

export const slotCount = 16_384

/** XMODEM's, as the cluster specification asks. */
const crcTable = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff
  return crc
})

export const slotOf = (key: string): number => {
  let crc = 0
  for (const byte of Buffer.from(taggedPartOf(key))) {
    crc = ((crc << 8) & 0xffff) ^ (crcTable[(crc >> 8) ^ byte] as number)
  }
  return crc % slotCount
}

/** What is between the first `{` and the first `}` behind it, where that is not empty. */
const taggedPartOf = (key: string): string => {
  const open = key.indexOf('{')
  const close = open < 0 ? -1 : key.indexOf('}', open + 1)
  return close > open + 1 ? key.slice(open + 1, close) : key
}
