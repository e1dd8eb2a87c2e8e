/* What servers were measured to do (tests/fixtures/lock-*.json), against what lint says of the same
 * statements: the strongest lock per relation, files made anew, tables scanned, failure. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "lint/effects.h"
#include "lint/lint.h"

/* A difference that is known and told: the statement, and why. */
struct matrix_accepted {
  const char *sql;
  const char *why;
};

/* Of lock-more.json, with a catalog or without. */
#define BY_ROWS "the rows decide"
#define BY_PLAN "the plan decides"
#define OPAQUE "what is hidden is said to be unknown"
#define AT_COMMIT "what waits for COMMIT was not measured"
#define MAY_BE "an extension may have made it"
#define UNCHECKED "a failure that is not looked for"
static const struct matrix_accepted matrix_more[] = {
    {"ALTER TABLE child ADD COLUMN x int UNIQUE DEFAULT 1", BY_ROWS},
    {"ALTER TABLE child ADD UNIQUE (i), ADD UNIQUE (s)", BY_ROWS},
    {"INSERT INTO part VALUES (1,1)", BY_ROWS},
    {"INSERT INTO pp VALUES (9000,'eu',1)", BY_ROWS},
    {"DELETE FROM parent WHERE v=99999", BY_ROWS},
    {"UPDATE parent SET id=id+100000 WHERE id=99999", BY_ROWS},
    {"SELECT currval('sq')", BY_ROWS},
    {"UPDATE part SET id=1 WHERE d=3", BY_PLAN},
    {"SELECT * FROM part WHERE d=5", BY_PLAN},
    {"SELECT max(id) FROM child", BY_PLAN},
    {"SELECT setval('ser_id_seq', (SELECT max(id) FROM ser))", BY_PLAN},
    {"SELECT c.id FROM child c JOIN parent p ON p.id=c.parent_id WHERE c.id=3", BY_PLAN},
    {"DO $$begin delete from nopk; end$$", OPAQUE},
    {"DO $$begin delete from trg; end$$", OPAQUE},
    {"CREATE FUNCTION f1() RETURNS int LANGUAGE sql AS 'select count(*)::int from child'", OPAQUE},
    {"CREATE MATERIALIZED VIEW m1 AS SELECT * FROM child JOIN parent ON parent.id=child.id",
     UNCHECKED},
    {"CREATE VIEW n1 AS SELECT * FROM child, part, vw", UNCHECKED},
    {"CREATE STATISTICS st ON a,b FROM part", UNCHECKED},
    {"CREATE TABLE n1 (id int REFERENCES n1)", UNCHECKED},
    {"ALTER DOMAIN dom2 RENAME TO dom3", UNCHECKED},
    {"ALTER TABLE child ALTER COLUMN i TYPE text", UNCHECKED},
    {"ALTER TABLE child SET WITH OIDS", UNCHECKED},
    {"ALTER TABLE child ALTER COLUMN t SET STORAGE DEFAULT", OPAQUE},
};

/* The same of lock-seldom.json. */
static const struct matrix_accepted matrix_seldom[] = {
    {"update app.customer set score = 1", BY_ROWS},
    {"alter table app.orders alter column nn_nv set default 5, alter column nn_nv set not null",
     BY_ROWS},
    {"alter table app.ev detach partition app.ev1", BY_ROWS},
    {"create table app.lpb partition of app.lp for values in ('b')", BY_ROWS},
    {"update app.items set label = 'x' where id = 1", BY_ROWS},
    {"update app.v_upd set label = 'y' where id = 3", BY_ROWS},
    {"delete from app.ev where day = '2024-05-05'", BY_ROWS},
    {"insert into app.ev values (1, '2024-02-02', 'x', 2)", BY_ROWS},
    {"insert into app.lp values (1, 'b')", BY_ROWS},
    {"alter table app.ev detach partition app.ev2", BY_PLAN},
    {"alter table app.ev2 detach partition app.ev2d", BY_PLAN},
    {"delete from app.orders where id = 5", AT_COMMIT},
    {"insert into app.items select id + 1000, id, 'a', 'b' from app.orders", AT_COMMIT},
    {"insert into app.orders (id, customer_id) values (99999, 1)",
     "the session that measured had the plan of the key's query"},
    {"alter table app.customer alter column created type timestamp",
     "free where TimeZone is UTC, as it was not"},
    {"alter table app.customer owner to current_user", "whose session it is is not known"},
    {"drop index if exists app.nothere", MAY_BE},
    {"drop table if exists app.nothere", MAY_BE},
    {"alter sequence if exists app.nothere restart", MAY_BE},
    {"alter table if exists app.nothere add column x int", MAY_BE},
    {"alter table app.nothere add column x int", MAY_BE},
    {"alter index app.customer_uid depends on extension btree_gist", OPAQUE},
    {"alter trigger orders_trg on app.orders depends on extension btree_gist", OPAQUE},
    {"drop extension btree_gist", OPAQUE},
    {"drop extension btree_gist cascade", OPAQUE},
    {"alter publication pub set table app.orders", OPAQUE},
    {"alter table app.customer alter column name type xml using name::xml", UNCHECKED},
    {"alter table app.customer alter column mood type text", UNCHECKED},
    {"alter table app.customer alter column mood type text using mood::text", UNCHECKED},
    {"alter table app.customer alter column mood drop default, alter column mood type text",
     UNCHECKED},
    {"alter table app.ev attach partition app.evok for values from ('2024-06-01') to "
     "('2024-07-01')",
     UNCHECKED},
    {"alter table app.ev detach partition app.ev1 finalize", UNCHECKED},
    {"create index on app.orders (app.vol())", UNCHECKED},
    {"create view app.n3 as select * from app.v_cust join app.orders on orders.customer_id = "
     "v_cust.id",
     UNCHECKED},
    {"insert into app.items values (9999, 1, 'a', 'b') on conflict (id) do update set label = 'c'",
     UNCHECKED},
    {"create or replace function app.imm(int) returns bigint language sql immutable as 'select 3'",
     UNCHECKED},
    {"security label on table app.customer is 'x'", UNCHECKED},
    {"create event trigger et on ddl_command_end execute function app.vol()", UNCHECKED},
};

static struct arena *matrix_arena;

static json_t *matrix_load(const char *name)
{
  json_error_t error;
  const char *path = arena_printf(matrix_arena, "%s/fixtures/%s", getenv("BELAY_TESTS"), name);
  json_t *matrix = json_load_file(path, 0, &error);
  if (!matrix)
    fail_msg("%s: %s", path, error.text);
  return matrix;
}

static const char *matrix_text(const json_t *object, const char *key)
{
  const json_t *value = json_object_get(object, key);
  return json_is_string(value) ? json_string_value(value) : NULL;
}

/* The published matrix leaves out one table that is made first. */
static const char *matrix_schema(const json_t *matrix)
{
  const char *schema = matrix_text(matrix, "schema_sql");
  bool whole = strstr(schema, "create table parent2") != NULL;
  return arena_printf(matrix_arena, "%s%s",
                      whole ? "" : "create table parent2(id smallint primary key);\n", schema);
}

static struct sql_script *matrix_script(const char *name, const char *sql)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct sql_script *script = NULL;
  if (sql_script_read(matrix_arena, name, sql, strlen(sql), &script, &err) < 0)
    fail_msg("%s: %s", sql, err.message);
  return script;
}

static enum lint_lock_mode matrix_mode(const char *text)
{
  static const char *const modes[] = {"", "AS", "RS", "RX", "SUX", "S", "SRX", "X", "AX"};
  for (size_t i = 1; i < COUNT_OF(modes); i++)
    if (strcmp(modes[i], text) == 0)
      return (enum lint_lock_mode)i;
  fail_msg("no lock mode: %s", text);
  return LINT_NO_LOCK;
}

static const char *matrix_name(const char *name)
{
  static const char public[] = "public.";
  return strncmp(name, public, strlen(public)) == 0 ? name + strlen(public) : name;
}

/* All statements of a case together. */
struct matrix_said {
  json_t *locks, *rewrites, *scans;
  const char *fails, *unknown;
};

static void matrix_gather(const struct lint_report *report, struct matrix_said *ret)
{
  *ret = (struct matrix_said){json_object(), json_object(), json_object(), NULL, NULL};
  for (size_t i = 0; i < report->listed.len; i++) {
    const struct lint_statement *listed = &report->listed.at[i];
    const struct lint_effects *e = listed->effects;
    ret->fails = ret->fails ? ret->fails : e->fails;
    ret->unknown = ret->unknown ? ret->unknown : e->unknown;
    for (size_t k = 0; k < e->locks.len; k++) {
      const char *name = matrix_name(listed->locks.at[k]);
      json_int_t before = json_integer_value(json_object_get(ret->locks, name));
      json_int_t mode = e->locks.at[k].mode;
      json_object_set_new(ret->locks, name, json_integer(mode > before ? mode : before));
    }
    for (size_t k = 0; k < e->rewrites.len; k++)
      json_object_set_new(ret->rewrites, matrix_name(listed->rewrites.at[k]), json_true());
    for (size_t k = 0; k < e->scans.len; k++)
      json_object_set_new(ret->scans, matrix_name(listed->scans.at[k]), json_true());
  }
}

static void matrix_free(struct matrix_said *said)
{
  json_decref(said->locks);
  json_decref(said->rewrites);
  json_decref(said->scans);
}

static const char *matrix_locks(const char *text, const json_t *measured, json_t *said)
{
  const char *name;
  json_t *value;
  json_object_foreach(json_object_get(measured, "locks"), name, value)
  {
    enum lint_lock_mode mode = matrix_mode(json_string_value(value));
    enum lint_lock_mode ours = (enum lint_lock_mode)json_integer_value(json_object_get(said, name));
    if (mode != ours)
      text = arena_printf(matrix_arena, "%s; %s is locked %s, said %s", text, name,
                          lint_lock_name(mode), ours ? lint_lock_name(ours) : "nothing");
  }
  json_object_foreach(said, name, value)
  {
    if (!json_object_get(json_object_get(measured, "locks"), name))
      text = arena_printf(matrix_arena, "%s; %s is not locked, said %s", text, name,
                          lint_lock_name((enum lint_lock_mode)json_integer_value(value)));
  }
  return text;
}

static json_t *matrix_set(json_t *list)
{
  json_t *set = json_object(), *value;
  const char *key;
  size_t i;
  if (json_is_array(list)) {
    json_array_foreach(list, i, value)
        json_object_set_new(set, json_string_value(value), json_true());
  } else {
    json_object_foreach(list, key, value) json_object_set_new(set, key, json_true());
  }
  return set;
}

static const char *matrix_names(const char *text, json_t *list, json_t *said, const char *what)
{
  json_t *set = matrix_set(list), *value;
  const char *name;
  json_object_foreach(set, name, value) if (!json_object_get(said, name)) text =
      arena_printf(matrix_arena, "%s; %s is %s", text, name, what);
  json_object_foreach(said, name, value) if (!json_object_get(set, name)) text =
      arena_printf(matrix_arena, "%s; %s is not %s", text, name, what);
  json_decref(set);
  return text;
}

/* "" where lint says what was measured. */
static const char *matrix_compare(const json_t *measured, const struct lint_report *report)
{
  struct matrix_said said;
  matrix_gather(report, &said);
  const char *error = matrix_text(measured, "error"), *text = "";
  if ((error != NULL) != (said.fails != NULL)) {
    text = error ? arena_printf(matrix_arena, "; fails: %s", error)
                 : arena_printf(matrix_arena, "; does not fail, said %s", said.fails);
  } else if (!error) {
    text = matrix_locks(text, measured, said.locks);
    text =
        matrix_names(text, json_object_get(measured, "new_filenode"), said.rewrites, "made anew");
    text = matrix_names(text, json_object_get(measured, "seq_scans"), said.scans, "scanned");
  }
  if (*text && said.unknown)
    text = arena_printf(matrix_arena, "%s (unknown: %s)", text, said.unknown);
  matrix_free(&said);
  return text;
}

struct matrix_count {
  int pairs, agreed, unaccepted;
};

static const char *matrix_why(const struct matrix_accepted *accepted, size_t count, const char *sql)
{
  for (size_t i = 0; i < count; i++)
    if (strcmp(accepted[i].sql, sql) == 0)
      return accepted[i].why;
  return NULL;
}

static void matrix_note(struct matrix_count *count, const char *sql, const char *major,
                        const char *difference, const char *why)
{
  count->pairs++;
  count->agreed += !*difference;
  count->unaccepted += *difference && !why;
  if (*difference)
    print_message("%s on %s%s%s%s\n", sql, major, difference, why ? " -- " : "", why ? why : "");
}
