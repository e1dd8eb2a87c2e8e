'use strict'
// Cuts a script at the semicolons that end statements: not those in comments, strings, quoted names and $$ bodies.
// (The bodies of BEGIN ATOMIC functions are not looked into: a semicolon there cuts.)

function afterLineComment (text, i) {
  const end = text.indexOf('\n', i)
  return end < 0 ? text.length : end
}

function afterBlockComment (text, i) {
  let depth = 0
  do {
    if (text.startsWith('/*', i)) { depth++; i += 2 } else if (text.startsWith('*/', i)) { depth--; i += 2 } else i++
  } while (depth > 0 && i < text.length)
  return i
}

function afterString (text, i) {
  const escapes = /[eE]/.test(text[i - 1] || '') && !/[A-Za-z0-9_]/.test(text[i - 2] || '')
  for (i++; i < text.length; i++) {
    if (escapes && text[i] === '\\') i++
    else if (text[i] === "'" && text[i + 1] === "'") i++
    else if (text[i] === "'") return i + 1
  }
  return i
}

function afterQuotedName (text, i) {
  const end = text.indexOf('"', i + 1)
  return end < 0 ? text.length : end + 1
}

function afterDollar (text, i) {
  const tag = !/[A-Za-z0-9_]/.test(text[i - 1] || '') && /^\$(?:[A-Za-z_][A-Za-z0-9_]*)?\$/.exec(text.slice(i, i + 70))
  if (!tag) return i + 1
  const end = text.indexOf(tag[0], i + tag[0].length)
  return end < 0 ? text.length : end + tag[0].length
}

function isEmpty (statement) {
  return /^[\s;]*$/.test(statement.replace(/--[^\n]*/g, '').replace(/\/\*[\s\S]*?\*\//g, ''))
}

function splitSql (text) {
  const statements = []
  let from = 0
  let i = 0
  while (i < text.length) {
    if (text.startsWith('--', i)) i = afterLineComment(text, i)
    else if (text.startsWith('/*', i)) i = afterBlockComment(text, i)
    else if (text[i] === "'") i = afterString(text, i)
    else if (text[i] === '"') i = afterQuotedName(text, i)
    else if (text[i] === '$') i = afterDollar(text, i)
    else if (text[i++] === ';') {
      statements.push(text.slice(from, i))
      from = i
    }
  }
  statements.push(text.slice(from))
  return statements.filter((statement) => !isEmpty(statement))
}

module.exports = { splitSql }
