// What people write, inside a sentence of the page. It may be written from right to left, or turn the direction
// itself: what stands behind it stays where it is. Pure.

const [begin, end] = ['\u2068', '\u2069']

export const isolated = (text: string): string => `${begin}${text}${end}`
