#include "sql/classify.h"
#include "sql/scan.h"

struct reader {
  struct sql_scan scan;
  struct sql_token token; /* the current one, never a comment */
};

static void advance(struct reader *r)
{
  r->token = sql_scan_next_code(&r->scan);
}

static struct reader begin(const char *text, size_t len)
{
  struct reader r = {.scan = sql_scan_begin(text, len)};
  advance(&r);
  return r;
}

static bool at(const struct reader *r, const char *word)
{
  return sql_token_is(&r->scan, r->token, word);
}

static bool at_char(const struct reader *r, char c)
{
  return sql_token_is_char(&r->scan, r->token, c);
}

static bool at_end(const struct reader *r)
{
  return r->token.kind == SQL_TOKEN_END || r->token.kind == SQL_TOKEN_BAD;
}

static bool accept(struct reader *r, const char *word)
{
  if (!at(r, word))
    return false;
  advance(r);
  return true;
}

/* Whether `first` (and right behind it `second`, unless NULL) comes anywhere in the rest. */
static bool later(struct reader r, const char *first, const char *second)
{
  for (; !at_end(&r); advance(&r)) {
    if (!at(&r, first))
      continue;
    if (!second)
      return true;
    struct reader next = r;
    advance(&next);
    if (at(&next, second))
      return true;
  }
  return false;
}

/* The value of `name = value` in an option list: false unless it is said and off. */
static bool option_is_off(struct reader r, const char *name)
{
  while (!at_end(&r) && !at(&r, name))
    advance(&r);
  if (at_end(&r))
    return false;
  advance(&r);
  if (at_char(&r, '='))
    advance(&r);
  if (r.token.kind == SQL_TOKEN_STRING) {
    struct sql_scan inside =
        sql_scan_begin(r.scan.bytes + r.token.start + 1, r.token.end - r.token.start - 2);
    r = (struct reader){.scan = inside};
    advance(&r);
  }
  return at(&r, "false") || at(&r, "off") || at(&r, "no") ||
         (r.token.kind == SQL_TOKEN_NUMBER && r.scan.bytes[r.token.start] == '0');
}

static enum sql_transaction end_kind(struct reader *r, bool may_savepoint)
{
  if (at(r, "prepared"))
    return SQL_PREPARED;
  if (!accept(r, "work"))
    accept(r, "transaction");
  return may_savepoint && at(r, "to") ? SQL_SAVEPOINT : may_savepoint ? SQL_ROLLBACK : SQL_COMMIT;
}

enum sql_transaction sql_classify_transaction(const char *text, size_t len)
{
  struct reader r = begin(text, len);
  if (at(&r, "begin"))
    return SQL_BEGIN;
  if (accept(&r, "start"))
    return at(&r, "transaction") ? SQL_BEGIN : SQL_NOT_TRANSACTION;
  if (at(&r, "end"))
    return SQL_COMMIT;
  if (accept(&r, "commit"))
    return end_kind(&r, false);
  if (at(&r, "abort"))
    return SQL_ROLLBACK;
  if (accept(&r, "rollback"))
    return end_kind(&r, true);
  if (at(&r, "savepoint") || at(&r, "release"))
    return SQL_SAVEPOINT;
  if (accept(&r, "prepare") && accept(&r, "transaction"))
    return r.token.kind == SQL_TOKEN_STRING ? SQL_PREPARED : SQL_NOT_TRANSACTION;
  return SQL_NOT_TRANSACTION;
}

bool sql_classify_has_modes(const char *text, size_t len)
{
  struct reader r = begin(text, len);
  advance(&r);
  if (!accept(&r, "work"))
    accept(&r, "transaction");
  if (accept(&r, "and") && accept(&r, "no"))
    return !accept(&r, "chain");
  return !at_end(&r);
}

static const char *bare_create(struct reader r)
{
  accept(&r, "unique");
  if (accept(&r, "index"))
    return at(&r, "concurrently") ? "CREATE INDEX CONCURRENTLY" : NULL;
  if (at(&r, "database"))
    return "CREATE DATABASE";
  if (at(&r, "tablespace"))
    return "CREATE TABLESPACE";
  if (at(&r, "subscription"))
    return option_is_off(r, "connect") || option_is_off(r, "create_slot")
               ? NULL
               : "CREATE SUBSCRIPTION with create_slot";
  return NULL;
}

static const char *bare_drop(struct reader r)
{
  if (accept(&r, "index"))
    return at(&r, "concurrently") ? "DROP INDEX CONCURRENTLY" : NULL;
  if (at(&r, "database"))
    return "DROP DATABASE";
  if (at(&r, "tablespace"))
    return "DROP TABLESPACE";
  return at(&r, "subscription") ? "DROP SUBSCRIPTION" : NULL;
}

static const char *bare_alter_subscription(struct reader r)
{
  if (later(r, "refresh", "publication"))
    return "ALTER SUBSCRIPTION ... REFRESH PUBLICATION";
  if (later(r, "publication", NULL) && !option_is_off(r, "refresh"))
    return "ALTER SUBSCRIPTION ... PUBLICATION with refresh";
  if (later(r, "failover", NULL) || later(r, "two_phase", NULL))
    return "ALTER SUBSCRIPTION ... SET (failover or two_phase)";
  return NULL;
}

static const char *bare_alter(struct reader r)
{
  if (at(&r, "system"))
    return "ALTER SYSTEM";
  if (at(&r, "database"))
    return later(r, "set", "tablespace") ? "ALTER DATABASE ... SET TABLESPACE" : NULL;
  if (at(&r, "subscription"))
    return bare_alter_subscription(r);
  /* CONCURRENTLY is a reserved word: it cannot be a table's or partition's name */
  if (at(&r, "table") && later(r, "detach", "partition") && later(r, "concurrently", NULL))
    return "ALTER TABLE ... DETACH PARTITION CONCURRENTLY";
  return NULL;
}

static void skip_parentheses(struct reader *r)
{
  int depth = 0;
  do {
    depth += at_char(r, '(') ? 1 : at_char(r, ')') ? -1 : 0;
    advance(r);
  } while (depth > 0 && !at_end(r));
}

static const char *bare_reindex(struct reader r)
{
  if (at_char(&r, '(')) {
    struct reader options = r;
    skip_parentheses(&r);
    options.scan.len = r.token.start; /* up to the kind: the option list alone */
    if (later(options, "concurrently", NULL) && !option_is_off(options, "concurrently"))
      return "REINDEX CONCURRENTLY";
  }
  accept(&r, "verbose");
  if (at(&r, "database"))
    return "REINDEX DATABASE";
  if (at(&r, "system"))
    return "REINDEX SYSTEM";
  if (at(&r, "schema"))
    return "REINDEX SCHEMA";
  advance(&r);
  return at(&r, "concurrently") ? "REINDEX CONCURRENTLY" : NULL;
}

static const char *bare_cluster(struct reader r)
{
  if (at_char(&r, '('))
    skip_parentheses(&r);
  accept(&r, "verbose");
  return at_end(&r) ? "CLUSTER of all tables" : NULL;
}

const char *sql_classify_bare(const char *text, size_t len)
{
  struct reader r = begin(text, len);
  if (accept(&r, "create"))
    return bare_create(r);
  if (accept(&r, "drop"))
    return bare_drop(r);
  if (accept(&r, "alter"))
    return bare_alter(r);
  if (accept(&r, "reindex"))
    return bare_reindex(r);
  if (accept(&r, "cluster"))
    return bare_cluster(r);
  if (at(&r, "vacuum"))
    return "VACUUM";
  if (accept(&r, "discard"))
    return at(&r, "all") ? "DISCARD ALL" : NULL;
  return NULL;
}

bool sql_classify_copy_from_stdin(const char *text, size_t len)
{
  struct reader r = begin(text, len);
  if (!accept(&r, "copy") || at_char(&r, '('))
    return false;
  return later(r, "from", "stdin");
}

const char *sql_classify_unreadable(const char *text, size_t len)
{
  struct reader r = begin(text, len);
  if (!accept(&r, "set"))
    return NULL;
  if (!accept(&r, "session"))
    accept(&r, "local");
  if (at(&r, "standard_conforming_strings") &&
      (option_is_off(r, "standard_conforming_strings") || option_is_off(r, "to")))
    return "standard_conforming_strings must stay on";
  return NULL;
}
