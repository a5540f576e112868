// The jars that a Kafka broker is made of: those of KAFKA_HOME, else fetched once through Maven.
// 46 jars, 43 MB; with them a broker needs nothing but a Java runtime.

import { execFile } from 'node:child_process'
import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ServiceMissing, findProgram } from './service.ts'

const run = promisify(execFile)

const kafkaVersion = '4.1.0'
// Kafka's own jars log through slf4j 1.7 and bring log4j, but nothing that joins the two.
const log4jVersion = '2.24.3'
const downloadTimeoutMs = 300_000
const cache = join(
  dirname(fileURLToPath(import.meta.url)),
  `../../.data/kafka-jars-${kafkaVersion}`,
)

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId>
  <artifactId>kafka-jars</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${kafkaVersion}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>${log4jVersion}</version>
    </dependency>
  </dependencies>
</project>
`

/** The folder of the jars. */
export const kafkaJars = async (): Promise<string> => {
  const home = process.env.KAFKA_HOME
  if (home !== undefined && home !== '') {
    const libs = join(home, 'libs')
    if (await exists(libs)) return libs
    throw new ServiceMissing('kafka', `KAFKA_HOME is ${home}, where there is no folder libs`)
  }
  if (!(await exists(cache))) await download()
  return cache
}

const download = async (): Promise<void> => {
  const maven = findProgram('mvn')
  if (maven === undefined) {
    throw new ServiceMissing(
      'kafka',
      'install Maven (apt-get install maven, brew install maven), which fetches its jars once, ' +
        'or set KAFKA_HOME to an unpacked Kafka',
    )
  }
  // Renamed when complete, so that an interrupted download is not taken for one.
  const unfinished = `${cache}.new-${process.pid}`
  const jars = join(unfinished, 'jars')
  try {
    await mkdir(unfinished, { recursive: true })
    await writeFile(join(unfinished, 'pom.xml'), pom)
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime']
    await run(maven, ['-q', '-B', ...goal, `-DoutputDirectory=${jars}`], {
      cwd: unfinished,
      timeout: downloadTimeoutMs,
    })
    await rename(jars, cache)
  } catch (error) {
    if (await exists(cache)) return // another process was first
    const { stdout = '', message } = error as Error & { stdout?: string }
    const reason = stdout.split('\n').find((line) => line.includes('[ERROR]')) ?? message
    throw new ServiceMissing(
      'kafka',
      `Maven could not fetch its jars (${reason.trim()}): check the network, or set KAFKA_HOME ` +
        'to an unpacked Kafka',
    )
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
