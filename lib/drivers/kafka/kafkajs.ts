// kafkajs, loaded when a process first uses it. Its 143 files are a tenth of what the start of a process
// costs, and where COMMAND_LOG=postgres nobody needs them.

import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

export const loadKafkajs = () => require('kafkajs') as typeof import('kafkajs')
