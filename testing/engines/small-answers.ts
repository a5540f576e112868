// What small-answers-server.ts answers with, and what its clients expect: bodies that tell their length.

export const bodyOf = (length: number): Buffer =>
  Buffer.alloc(length, String.fromCharCode('a'.charCodeAt(0) + (length % 26)))
