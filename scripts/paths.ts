// Where things are in the repository, for the scripts that start them.

export const repository = new URL('../', import.meta.url)
export const migrationsDirectory = new URL('sql/', repository)
