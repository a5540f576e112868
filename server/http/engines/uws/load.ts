// Loads uWebSockets.js, or says what to do when it has no binary for this Node or platform.

export const officialBuild =
  'npm install "uWebSockets.js@github:uNetworking/uWebSockets.js#v20.79.0" installs the official build'

export const loadUws = async (): Promise<typeof import('uWebSockets.js')> => {
  try {
    return await import('uWebSockets.js')
  } catch (error) {
    const [reason] = (error as Error).message.split('\n')
    throw new Error(
      `HTTP_ENGINE is uws, but uWebSockets.js has no binary for Node ${process.versions.node} on ` +
        `${process.platform}-${process.arch} (${reason}): set HTTP_ENGINE=node; or ${officialBuild}`,
    )
  }
}
