'use strict'
// From an error inside to the one Prisma's CLI shows.

// A line of log as the CLI expects it on stderr.
function log (level, fields) {
  const line = { timestamp: new Date().toISOString(), level, fields, target: 'schema_engine::logger' }
  process.stderr.write(JSON.stringify(line) + '\n')
}

// The engine reports errors of the adapter by number only: "External error id#3".
function adapterError (registry, error) {
  const match = /External error id#(\d+)/.exec(error.message || '')
  const entry = match && registry && registry.consumeError(Number(match[1]))
  return entry && entry.error
}

function failedMigration (request, failure) {
  const directories = request.params.migrationsList.migrationDirectories || []
  const directory = directories.find((d) => d.migrationFile.content.value === failure.script)
  const { code, severity, message } = failure.error
  return {
    code: 'P3018',
    message: 'A migration failed to apply. New migrations cannot be applied before the error is recovered from. ' +
      `Migration name: ${directory ? directory.path : '?'}\n\n` +
      `Database error code: ${code}\n\nDatabase error:\n${severity}: ${message}\n`
  }
}

function failureOf (error, request, database) {
  if (request.method === 'applyMigrations' && database.lastScriptError) {
    return failedMigration(request, database.lastScriptError)
  }
  const cause = adapterError(database.errorRegistry, error)
  return cause ? database.describe(cause) : { code: error.code, message: error.message }
}

module.exports = { log, failureOf }
