'use strict'
// The transport below the engine: @prisma/adapter-pg, made to behave like the native engine's connection.
const pg = require('pg')
const { PrismaPg } = require('@prisma/adapter-pg')
const { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } = require('@prisma/driver-adapter-utils')
const { splitSql } = require('./split')

const PRISMA_ONLY = ['schema', 'connection_limit', 'pool_timeout', 'pgbouncer', 'sslaccept', 'statement_cache_size', 'connect_timeout']
const OID_CHAR = 18
const OIDS_AS_TEXT = [OID_CHAR, 19, 24, 2205, 2206, 2278] // "char", name, regproc, regclass, regtype, void
const OID_TEXT = 25
const LOCK = /pg_advisory_lock\(72707369\)/

// The describer selects types that adapter-pg does not map: they travel as text. Which columns were "char" is kept for
// correct() below.
let lastOids = []
const addFields = pg.Result.prototype.addFields
pg.Result.prototype.addFields = function (fields) {
  lastOids = fields.map((field) => field.dataTypeID)
  for (const field of fields) if (OIDS_AS_TEXT.includes(field.dataTypeID)) field.dataTypeID = OID_TEXT
  return addFields.call(this, fields)
}

// The native engine holds one connection for life; a pool would drop it after an error, and with it the advisory lock
// and the aborted transaction.
class OneConnection extends pg.Pool {
  constructor (config) {
    super(config)
    this.on('error', () => {}) // a terminated backend must fail the query, not end the program
  }

  async query (...args) {
    if (!this.held) {
      this.held = this.connect()
      this.held.then((client) => client.on('error', () => {}), () => {})
    }
    return (await this.held).query(...args)
  }

  async end () {
    if (this.held) (await this.held).release(true)
    this.held = null
    return super.end()
  }
}

function parseUrl (text, otherDatabase) {
  const url = new URL(text)
  const schema = url.searchParams.get('schema') || 'public'
  for (const name of PRISMA_ONLY) url.searchParams.delete(name)
  if (otherDatabase) url.pathname = '/' + otherDatabase
  const config = { connectionString: url.toString(), max: 1, idleTimeoutMillis: 0, application_name: 'prisma-schema-engine' }
  if (schema !== 'public') config.options = `-c search_path="${schema}"`
  return { config, schema, database: decodeURIComponent(url.pathname.slice(1)), server: `${url.hostname}:${url.port || 5432}`, user: url.username }
}

const adapterFor = (url) => new PrismaPg(new OneConnection(url.config), { schema: url.schema, disposeExternalPool: true })

class Database {
  constructor (url, shadowUrl) {
    this.url = url
    this.shadowUrl = shadowUrl
    this.lastScriptError = null // of the running call: { error, script }
    this.errorRegistry = null
  }

  adapterFactory () {
    if (!this.url) return null
    const factory = adapterFor(parseUrl(this.url))
    const connect = factory.connect.bind(factory)
    factory.connect = async () => this.correct(await connect())
    // The stock one closes after it drops, and with a connection string works on the main database.
    factory.connectToShadowDb = () => this.shadowUrl ? this.givenShadow() : this.newShadow()
    const bound = bindMigrationAwareSqlAdapterFactory(factory)
    this.errorRegistry = bound.errorRegistry
    return bound
  }

  correct (adapter) {
    const queryRaw = adapter.queryRaw.bind(adapter)
    adapter.queryRaw = async (query) => {
      const result = await queryRaw(query)
      // without this the engine panics on the "char" columns it reads for CHECK constraints
      if (result.columnTypes) lastOids.forEach((oid, i) => { if (oid === OID_CHAR) result.columnTypes[i] = ColumnTypeEnum.Character })
      return result
    }
    if (process.env.PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK) this.withoutLock(adapter)
    else adapter.executeScript = (script) => this.runScript(adapter, script)
    return adapter
  }

  // The native engine honours this variable, the wasm build does not.
  withoutLock (adapter) {
    for (const method of ['queryRaw', 'executeRaw']) {
      const run = adapter[method].bind(adapter)
      adapter[method] = (query) => run(LOCK.test(query.sql) ? { ...query, sql: 'SELECT 1' } : query)
    }
    adapter.executeScript = async (script) => LOCK.test(script) ? undefined : this.runScript(adapter, script)
  }

  // adapter-pg cuts at every semicolon, also inside quotes and functions.
  async runScript (adapter, script) {
    const parts = process.env.PRISMA_SHIM_MODE === 'whole' ? [script] : splitSql(script)
    try {
      for (const part of parts) await adapter.client.query(part)
    } catch (error) {
      this.lastScriptError = { error, script }
      adapter.onError(error) // throws what the engine understands
    }
  }

  async givenShadow () {
    const url = parseUrl(this.shadowUrl)
    const adapter = this.correct(await adapterFor(url).connect())
    await adapter.client.query(`DROP SCHEMA IF EXISTS "${url.schema}" CASCADE`)
    await adapter.client.query(`CREATE SCHEMA "${url.schema}"`)
    return adapter
  }

  async newShadow () {
    const name = 'prisma_migrate_shadow_db_' + globalThis.crypto.randomUUID()
    const admin = new pg.Client(parseUrl(this.url, 'postgres').config)
    await admin.connect()
    await admin.query(`CREATE DATABASE "${name}"`)
    const adapter = this.correct(await adapterFor(parseUrl(this.url, name)).connect())
    const dispose = adapter.dispose.bind(adapter)
    adapter.dispose = async () => {
      await dispose()
      await admin.query(`DROP DATABASE IF EXISTS "${name}"`)
      await admin.end()
    }
    return adapter
  }

  async cli (command) {
    const own = command === 'can-connect-to-database'
    const client = new pg.Client(parseUrl(this.url, own ? undefined : 'postgres').config)
    await client.connect()
    const { database } = parseUrl(this.url)
    if (command === 'create-database') await client.query(`CREATE DATABASE "${database}"`)
    if (command === 'drop-database') await client.query(`DROP DATABASE "${database}"`)
    await client.end()
  }

  describe (error) {
    const { database, server, user } = parseUrl(this.url)
    switch (error.code) {
      case '3D000':
        return { code: 'P1003', message: `Database \`${database}\` does not exist` }
      case 'ECONNREFUSED': case 'ENOTFOUND':
        return { code: 'P1001', message: `Can't reach database server at \`${server}\`` }
      case '28P01': case '28000':
        return { code: 'P1000', message: `Authentication failed against the database server for \`${user}\`` }
    }
    return { code: null, message: String(error.message || error) }
  }
}

module.exports = { Database }
