'use strict'
// Stand-in for Prisma's native `schema-engine` program, which npm does not carry. It takes the same arguments and speaks
// the same line-delimited JSON-RPC on stdin and stdout; inside works Prisma's own engine, the wasm build, with
// @prisma/adapter-pg as transport. What the transport has to correct is in database.js.
//
// Its own, not Prisma's: the wording of P3018, P1000, P1001 and P1003. Tests must not pin that.
//
//   PRISMA_SHIM_MODE=split   (default) one message a statement, each its own transaction, as newer engines do
//   PRISMA_SHIM_MODE=whole   a file is one simple query, one implicit transaction, as older engines do
const fs = require('fs')
const path = require('path')
const readline = require('readline')
const { Database } = require('./database')
const { log, failureOf } = require('./errors')

function parseArguments (argv) {
  const options = { datamodels: [], datasource: {}, cli: null, version: false }
  for (let i = 0; i < argv.length; i++) {
    switch (argv[i]) {
      case '--datamodels': case '-d': options.datamodels.push(argv[++i]); break
      case '--datasource': options.datasource = JSON.parse(argv[++i]); break
      case '--enabled-preview-features': case '--extension-types': i++; break
      case 'cli': options.cli = argv[++i]; break
      case '--version': options.version = true
    }
  }
  // Prisma 6 passes no --datasource
  options.url = options.datasource.url || process.env.DATABASE_URL
  return options
}

// A panic of the wasm module calls this; without it the cause is lost.
globalThis.PRISMA_WASM_PANIC_REGISTRY = { set_message: (text) => log('ERROR', { message: text, is_panic: true }) }

async function loadEngine (datamodelPaths, adapterFactory) {
  const dir = path.dirname(require.resolve('@prisma/schema-engine-wasm/schema_engine_bg'))
  const glue = await import(path.join(dir, 'schema_engine_bg.js'))
  const bytes = fs.readFileSync(path.join(dir, 'schema_engine_bg.wasm'))
  const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': glue })
  glue.__wbg_set_wasm(instance.exports)
  instance.exports.__wbindgen_start()
  const datamodels = datamodelPaths.length ? datamodelPaths.map((p) => [p, fs.readFileSync(p, 'utf8')]) : undefined
  return glue.SchemaEngine.new({ datamodels }, (line) => process.stderr.write(line + '\n'), adapterFactory)
}

// `schema-engine cli can-connect-to-database | create-database | drop-database`
async function runCli (options, database) {
  try {
    await database.cli(options.cli)
    return 0
  } catch (error) {
    const { code, message } = database.describe(error)
    process.stderr.write('\n') // Prisma ignores the first line
    log('ERROR', { message, error_code: code, is_panic: false })
    return 1
  }
}

async function call (engine, method, params) {
  const name = method === 'getDatabaseVersion' ? 'version' : method
  if (typeof engine[name] !== 'function') throw new Error(`the stand-in does not know the method ${method}`)
  try {
    return await engine[name](params)
  } catch (error) {
    // the wasm build of this step only reads what devDiagnostic has cached
    if (!/must be provided through an external factory/.test(error.message)) throw error
    await engine.devDiagnostic({ migrationsList: params.migrationsList, filters: params.filters })
    return engine[name](params)
  }
}

function serve (options, database) {
  const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\n')
  let engine = null
  let printId = 1e6

  async function handle (request) {
    database.lastScriptError = null
    try {
      engine = engine || await loadEngine(options.datamodels, database.adapterFactory())
      const result = await call(engine, request.method, request.params)
      if (request.method === 'diff' && result && result.stdout != null) {
        send({ id: printId++, method: 'print', params: { content: result.stdout } })
      }
      send({ id: request.id, result: result === undefined ? null : result })
    } catch (error) {
      const { code, message } = failureOf(error, request, database)
      const data = { is_panic: false, message, meta: null, ...(code ? { error_code: code } : {}) }
      send({ id: request.id, error: { code: 4466, message: 'An error happened. Check the data field for details.', data } })
    }
  }

  let busy = Promise.resolve()
  const lines = readline.createInterface({ input: process.stdin })
  lines.on('line', (line) => {
    if (!line.trim()) return
    const request = JSON.parse(line)
    if (request.method) busy = busy.then(() => handle(request))
  })
  lines.on('close', () => busy.then(() => process.exit(0)))
  process.on('SIGTERM', () => process.exit(0))
}

async function main () {
  const options = parseArguments(process.argv.slice(2))
  if (options.version) return console.log('schema-engine-cli stand-in')
  const database = new Database(options.url, options.datasource.shadowDatabaseUrl)
  if (options.cli) process.exit(await runCli(options, database))
  log('INFO', { message: 'Starting schema engine RPC server (stand-in)' })
  serve(options, database)
}

main().catch((error) => {
  log('ERROR', { message: String(error.message || error) })
  process.exit(1)
})
