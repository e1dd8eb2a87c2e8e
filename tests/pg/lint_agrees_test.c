/* The rules that say a table is written anew or read whole under a lock that blocks, against the
 * server: with the catalog they say it of the statements that do so, and of no other. */
#define _DEFAULT_SOURCE
#include "catalog_support.h"

#include <jansson.h>

#include "lint/observe.h"
#include "sql/tree.h"

/* ---- the server's answer ---- */

struct session_of {
  struct arena *arena;
  const char *database;
};

static int open_session(void *context, struct db_conn **ret, struct err *err)
{
  struct session_of *s = context;
  struct db_target target = support_target(s->arena);
  return db_open_other(&target, s->database, "agree test", ret, err);
}

static const char *outside(void *context, struct arena *arena, const struct sql_statement *st)
{
  UNUSED(context);
  UNUSED(arena);
  return strncmp(st->text, "ALTER SYSTEM", 12) == 0 ? "ALTER SYSTEM" : NULL;
}

static bool is_scanned(const struct lint_sight *sight, struct sql_name name)
{
  for (size_t i = 0; i < sight->scans.len; i++)
    if (strcmp(sight->scans.at[i].at.name, name.name) == 0)
      return true;
  return false;
}

/* Sequences get a new file when they are altered: no row is written. */
static bool blocks(const struct lint_sight *sight)
{
  for (size_t i = 0; i < sight->rewrites.len; i++)
    if (sight->rewrites.at[i].kind != LINT_SEQUENCE)
      return true;
  for (size_t i = 0; i < sight->locks.len; i++)
    if (sight->locks.at[i].mode >= LINT_SHARE && is_scanned(sight, sight->locks.at[i].relation))
      return true;
  return false;
}

/* ---- the rules' answer ---- */

static bool is_alarm(const struct lint_finding *finding)
{
  static const char *const alarms[] = {
      "index-create-not-concurrent",
      "index-partitioned-fanout",
      "reindex-not-concurrent",
      "unique-constraint-builds-index",
      "primary-key-builds-index",
      "primary-key-using-index-nullable",
      "exclusion-constraint",
      "check-not-valid",
      "foreign-key-not-valid",
      "not-null-scan",
      "not-null-drops-its-proof",
      "not-null-promote-unvalidated",
      "domain-constraint-scan",
      "domain-set-not-null",
      "add-column-unique",
      "add-column-check",
      "add-column-volatile-default",
      "add-column-serial",
      "add-column-identity",
      "add-column-generated-stored",
      "add-column-constrained-domain",
      "add-column-required", /* refused unless the table is empty, and then it is read */
      "type-change-rewrite",
      "type-change-index-rebuild",
      "type-change-rechecks",
      "partition-attach-scan",
      "vacuum-full",
      "cluster",
      "truncate",
      "set-logged-unlogged",
      "set-tablespace",
      "set-access-method",
      "matview-refresh-not-concurrent",
  };
  /* with NULL everywhere no row is looked up; without a default partition none is read */
  if (strcmp(finding->rule->id, "add-column-foreign-key") == 0 ||
      strcmp(finding->rule->id, "partition-create-of") == 0)
    return finding->severity == LINT_WARNING;
  for (size_t i = 0; i < COUNT_OF(alarms); i++)
    if (strcmp(alarms[i], finding->rule->id) == 0)
      return true;
  return false;
}

/* ---- both ---- */

struct agreement {
  int asked, missed, needless;
};

static void compare(struct arena *arena, const char *database, const struct catalog *catalog,
                    const char *setup, const char *sql, struct agreement *a)
{
  struct err err = ERR_INIT;
  struct session_of session = {arena, database};
  struct lint_shadow shadow = {open_session, outside, &session};
  struct lint_observation *seen;
  struct lint_report report;
  struct sql_script *script, *before;
  const char *all = setup ? arena_printf(arena, "%s;\n%s", setup, sql) : sql;
  OK(sql_script_read(arena, "a.sql", all, strlen(all), &script, &err));
  OK(sql_script_read(arena, "a.sql", setup ? setup : "", setup ? strlen(setup) : 0, &before, &err));
  struct lint_input input = {.scripts = &script, .count = 1, .catalog = catalog};
  OK(lint_scripts(arena, &(struct lint_settings){0}, &input, &report, &err));
  OK(lint_observe(arena, &shadow, &input, &seen, &err));
  bool server = false, rules = false;
  const char *said = "";
  for (size_t i = before->statements.len; i < seen->scripts[0].len; i++) {
    if (seen->scripts[0].at[i].fails || seen->scripts[0].at[i].unseen)
      return;
    server = server || blocks(&seen->scripts[0].at[i]);
  }
  for (size_t i = 0; i < report.findings.len; i++) {
    const struct lint_finding *finding = &report.findings.at[i];
    if (finding->start.offset < strlen(all) - strlen(sql) || !is_alarm(finding))
      continue;
    rules = true;
    said = arena_printf(arena, "%s %s", said, finding->rule->id);
  }
  a->asked++;
  if (server == rules)
    return;
  print_message("%s: %s:%s\n", server ? "missed" : "needless", all, said);
  a->missed += server;
  a->needless += rules;
}

static const char world[] =
    "create function vol() returns int language plpgsql volatile as 'begin return 1; end';"
    "create function sta() returns int language plpgsql stable as 'begin return 1; end';"
    "create domain plain_domain as text; create domain checked as int check (value > 0);"
    "create domain twice as checked; create domain required as int not null;"
    "create domain rolled as int default (random() * 6)::int;"
    "create domain stamped as timestamptz default now(); create domain used as int;"
    "create domain unused as int;"
    "create table r (id int primary key, v varchar(10), w varchar(10), x text, n int, m int not "
    "null, u int, d used, ts timestamp, tz timestamptz, i inet, c cidr, nu numeric(10,2), ch "
    "char(5), j json, constraint n_set check (n is not null), constraint both_set check (u is not "
    "null and u > 0));"
    "create index r_v on r (v); create index r_part on r (m) where w is not null;"
    "create index r_expr on r (lower(x)); create unique index r_n on r (n);"
    "create unique index r_u on r (u); create unique index r_m on r (m);"
    "create table k (id int primary key, a varchar(5) check (a <> ''), b int references r (id), "
    "e varchar(5)); alter table k add constraint later check (e <> '') not valid;"
    "create table p (a int not null, b varchar(5), constraint b_set check (b is not null)) "
    "partition by range (a); create table p1 partition of p for values from (0) to (10);"
    "create table q (a int not null, b varchar(5)) partition by range (a);"
    "create table q1 partition of q for values from (0) to (10);"
    "create table q_rest partition of q default; create table bare (a int) partition by list (a);"
    "create table loose (a int not null, b varchar(5), constraint b_set check (b is not null));"
    "create table fits (a int not null, b varchar(5), constraint b_set check (b is not null),"
    " constraint bound check (a >= 20 and a < 30));"
    "create table base (a int, v varchar(5)); create table derived () inherits (base);"
    "create unlogged table ul (a int); create table ser (a serial, b int generated always as "
    "identity)";

struct statement {
  const char *setup, *sql;
};

static const struct statement statements[] = {
    /* columns */
    {NULL, "alter table r add z int"},
    {NULL, "alter table r add z int default 5"},
    {NULL, "alter table r add z int not null default 5"},
    {NULL, "alter table r add z int default null"},
    {NULL, "alter table r add z timestamptz default now()"},
    {NULL, "alter table r add z timestamptz default clock_timestamp()"},
    {NULL, "alter table r add z uuid default gen_random_uuid()"},
    {NULL, "alter table r add z int default vol()"},
    {NULL, "alter table r add z int default sta()"},
    {NULL, "alter table r add z serial"},
    {NULL, "alter table r add z int generated by default as identity"},
    {NULL, "alter table r add z int generated always as (id * 2) stored"},
    {NULL, "alter table r add z plain_domain"},
    {NULL, "alter table r add z checked"},
    {NULL, "alter table r add z twice"},
    {NULL, "alter table r add z checked[]"},
    {NULL, "alter table r add z rolled"},
    {NULL, "alter table r add z rolled default 1"},
    {NULL, "alter table r add z rolled default null"},
    {NULL, "alter table r add z stamped"},
    {NULL, "alter table r add z int unique"},
    {NULL, "alter table r add z int check (z > 0)"},
    {NULL, "alter table r add z int references r (id)"},
    {NULL, "alter table k add z int default 1 references r (id)"},
    {NULL, "alter table r add if not exists v serial"},
    {NULL, "alter table r drop v"},
    {NULL, "alter table r alter v set default 'x', alter w drop default"},
    {NULL, "alter table r alter m drop not null"},
    {NULL, "alter table p add z int default vol()"},
    {NULL, "alter table base add z int default vol()"},
    {NULL, "alter table bare add z int default 1"},
    {NULL, "alter table ser alter b drop identity"},
    {NULL, "alter table r alter m add generated always as identity"},
    /* not null */
    {NULL, "alter table r alter v set not null"},
    {NULL, "alter table r alter n set not null"},
    {NULL, "alter table r alter u set not null"},
    {NULL, "alter table r alter m set not null"},
    {NULL, "alter table r alter id set not null"},
    {NULL, "alter table r alter n set not null, drop constraint n_set"},
    {NULL, "alter table p alter b set not null"},
    {NULL, "alter table q alter b set not null"},
    {NULL, "alter table base alter a set not null"},
    {NULL, "alter table r add z int default 1, alter z set not null"},
    {"alter table r add constraint v_set check (v is not null) not valid",
     "alter table r alter v set not null"},
    {"alter table r add constraint v_set check (v is not null) not valid;"
     "alter table r validate constraint v_set",
     "alter table r alter v set not null"},
    /* constraints */
    {NULL, "alter table r add check (m > 0)"},
    {NULL, "alter table r add check (m > 0) not valid"},
    {NULL, "alter table p add check (a > 0)"},
    {NULL, "alter table k add foreign key (id) references r (id)"},
    {NULL, "alter table k add foreign key (id) references r (id) not valid"},
    {NULL, "alter table r add unique (m)"},
    {NULL, "alter table r add constraint z unique using index r_m"},
    {NULL, "alter table loose add primary key (a)"},
    {"create unique index loose_a on loose (a); create unique index loose_b on loose (b)",
     "alter table loose add primary key using index loose_a"},
    {"create unique index loose_a on loose (a); create unique index loose_b on loose (b)",
     "alter table loose add primary key using index loose_b"},
    {"alter table loose drop constraint b_set; create unique index loose_b on loose (b)",
     "alter table loose add primary key using index loose_b"},
    {NULL, "alter table loose add exclude (a with =)"},
    {NULL, "alter table k validate constraint later"},
    {NULL, "alter table k drop constraint k_b_fkey"},
    {NULL, "alter domain used add check (value > 0)"},
    {NULL, "alter domain used add check (value > 0) not valid"},
    {NULL, "alter domain used set not null"},
    {NULL, "alter domain unused add check (value > 0)"},
    {NULL, "alter domain unused set not null"},
    /* types */
    {NULL, "alter table r alter v type varchar(20)"},
    {NULL, "alter table r alter v type text"},
    {NULL, "alter table r alter v type varchar(5)"},
    {NULL, "alter table r alter w type varchar(20)"},
    {NULL, "alter table r alter w type varchar(10)"},
    {NULL, "alter table r alter x type varchar"},
    {NULL, "alter table r alter x type plain_domain"},
    {NULL, "alter table r alter v type varchar(20) collate \"C\""},
    {NULL, "alter table r alter v type varchar(20) using v"},
    {NULL, "alter table r alter v type varchar(20) using v::varchar(20)"},
    {NULL, "alter table r alter v type varchar(20) using upper(v)"},
    {NULL, "alter table r alter m type bigint"},
    {NULL, "alter table r alter m type int"},
    {NULL, "alter table r alter m type checked"},
    {"set timezone = 'Europe/Berlin'", "alter table r alter ts type timestamptz"},
    {"set timezone = 'UTC'", "alter table r alter ts type timestamptz"},
    {NULL, "alter table r alter ts type timestamp(3)"},
    {NULL, "alter table r alter ts type timestamp(6)"},
    {NULL, "alter table r alter c type inet"},
    {NULL, "alter table r alter i type cidr"},
    {NULL, "alter table r alter nu type numeric(12,2)"},
    {NULL, "alter table r alter nu type numeric(12,3)"},
    {NULL, "alter table r alter nu type numeric"},
    {NULL, "alter table r alter ch type text"},
    {NULL, "alter table r alter j type jsonb"},
    {NULL, "alter table k alter a type varchar(10)"},
    {NULL, "alter table k alter e type varchar(10)"},
    {NULL, "alter table k alter b type bigint"},
    {NULL, "alter table r alter id type bigint"},
    {NULL, "alter table p alter b type varchar(10)"},
    {NULL, "alter table q alter b type varchar(10)"},
    {NULL, "alter table q alter b type int using b::int"},
    {NULL, "alter table base alter v type varchar(10)"},
    {NULL, "alter table base alter a type bigint"},
    /* indexes */
    {NULL, "create index z on r (w)"},
    {NULL, "create index if not exists r_v on r (w)"},
    {NULL, "create index z on p (b)"},
    {NULL, "create index z on only p (b)"},
    {NULL, "create index z on bare (a)"},
    {NULL, "create index z on only base (a)"},
    {NULL, "drop index r_v"},
    {NULL, "reindex index r_v"},
    {NULL, "reindex table r"},
    /* partitions and inheritance */
    {NULL, "create table z partition of p for values from (20) to (30)"},
    {NULL, "create table z partition of q for values from (20) to (30)"},
    {NULL, "create table z partition of bare default"},
    {NULL, "alter table p attach partition loose for values from (20) to (30)"},
    {NULL, "alter table p attach partition fits for values from (20) to (30)"},
    {NULL, "alter table q attach partition fits for values from (20) to (30)"},
    {"create table young (like q)",
     "alter table q attach partition young for values from (20) to (30)"},
    {"create table young (like p including constraints)",
     "alter table p attach partition young for values from (20) to (30)"},
    /* proofs: of the default partition, with OR, with lists */
    {"alter table q_rest add check (a is not null and (a < 20 or a >= 30))",
     "alter table q attach partition fits for values from (20) to (30)"},
    {"alter table q_rest add check (a < 20 or a >= 30)",
     "create table z partition of q for values from (20) to (30)"},
    {"alter table q_rest add check (a < 20 or a > 30)",
     "create table z partition of q for values from (20) to (30)"},
    {"alter table q_rest add check (a < 20 or a > 25)",
     "create table z partition of q for values from (20) to (30)"},
    {"alter table q_rest add check (not (a >= 20 and a < 30))",
     "create table z partition of q for values from (20) to (30)"},
    {"alter table q_rest add check (a not between 10 and 40)",
     "create table z partition of q for values from (20) to (30)"},
    {"alter table q_rest add check (a > 100)",
     "create table z partition of q for values from (20) to (30)"},
    {"alter table q_rest add check (a in (1, 2, 50))",
     "create table z partition of q for values from (20) to (30)"},
    {"alter table q_rest add check (a in (1, 25, 50))",
     "create table z partition of q for values from (20) to (30)"},
    {"alter table q_rest add check (a < 20 or a >= 30) not valid",
     "create table z partition of q for values from (20) to (30)"},
    {"create table l (c text) partition by list (c); create table l_rest partition of l default;"
     "alter table l_rest add check (c in ('a', 'b'))",
     "create table z partition of l for values in ('c')"},
    {"create table l (c text) partition by list (c); create table l_rest partition of l default;"
     "alter table l_rest add check (c in ('a', 'b'))",
     "create table z partition of l for values in ('b', 'c')"},
    {"create table l (c text) partition by list (c); create table l_rest partition of l default;"
     "alter table l_rest add check (c not in ('c', 'd'))",
     "create table z partition of l for values in ('c', 'd')"},
    {"create table l (c int) partition by list (c); create table l_rest partition of l default;"
     "alter table l_rest add check (c <> 3 and c <> 4)",
     "create table z partition of l for values in (3, 4)"},
    {"create table l (c text) partition by list (c);"
     "create table o (c text not null, check (c = 'a' or c = 'b'))",
     "alter table l attach partition o for values in ('a', 'b')"},
    {"create table l (c text) partition by list (c);"
     "create table o (c text not null, check (c = any (array['a', 'b'])))",
     "alter table l attach partition o for values in ('a', 'b', 'c')"},
    {"create table l (c text) partition by list (c);"
     "create table o (c text, check (c is not null and c in ('a', 'b')))",
     "alter table l attach partition o for values in ('a', 'b')"},
    {"create table l (c text) partition by list (c);"
     "create table o (c text, check (c in ('a', 'b')))",
     "alter table l attach partition o for values in ('a', 'b')"},
    {"create table g (a int) partition by range (a);"
     "create table o (a int not null, check (a in (20, 21, 22)))",
     "alter table g attach partition o for values from (20) to (30)"},
    {"create table g (a int) partition by range (a);"
     "create table o (a int not null, check ((a >= 20 and a < 25) or (a >= 25 and a < 30)))",
     "alter table g attach partition o for values from (20) to (30)"},
    {"create table g (a int) partition by range (a);"
     "create table o (a int not null, check (a = 20 or a = 35))",
     "alter table g attach partition o for values from (20) to (30)"},
    {"create table g (a int) partition by range (a);"
     "create table o (a int not null, check (not (a < 20 or a >= 30)))",
     "alter table g attach partition o for values from (20) to (30)"},
    {"create table g (a date) partition by range (a);"
     "create table o (a date not null, check (a >= '2024-01-05' and a < '2024-01-20'))",
     "alter table g attach partition o for values from ('2024-01-01') to ('2024-02-01')"},
    {"create table g (a date) partition by range (a);"
     "create table o (a date not null, check (a >= '2024-01-05' and a < '2024-02-20'))",
     "alter table g attach partition o for values from ('2024-01-01') to ('2024-02-01')"},
    {"create table g (a date not null) partition by range (a);"
     "create table g_rest partition of g default;"
     "alter table g_rest add check (a < '2024-01-01' or a >= '2024-03-01')",
     "create table z partition of g for values from ('2024-01-01') to ('2024-02-01')"},
    {"create table g (a int) partition by range (a);"
     "create table o (a int not null, check (a < 30))",
     "alter table g attach partition o for values from (minvalue) to (30)"},
    {NULL, "alter table p detach partition p1"},
    {NULL, "drop table p1"},
    {NULL, "alter table derived no inherit base"},
    {"create table parent (a int not null, b varchar(5))",
     "alter table loose inherit parent; alter table parent add check (a > 0)"},
    {"create table parent (a int not null, b varchar(5)) partition by range (a);"
     "alter table parent attach partition fits for values from (20) to (30)",
     "alter table parent alter b type text; alter table parent add check (a > 1)"},
    /* the rest */
    {NULL, "alter table r set logged"},
    {NULL, "alter table ul set logged"},
    {NULL, "alter table r set (fillfactor = 70)"},
    {NULL, "alter table r alter v set statistics 100"},
};

/* The server sees more proofs than the rules: there they warn without need, and miss nothing. */
static const struct statement beyond[] = {
    {"create table wide (a numeric) partition by range (a);"
     "create table w (a numeric, check (a is not null and a >= (1 + 1) and a < 9))",
     "alter table wide attach partition w for values from (2) to (9)"},
};

static struct agreement compare_all(const struct statement *all, size_t count)
{
  struct err err = ERR_INIT;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct agreement a = {0};
  support_create(arena, "agree");
  struct db_conn *conn = support_open(arena, "agree");
  OK(db_exec(conn, world, &err));
  const struct catalog *catalog = support_read(arena, conn);
  db_close(conn);
  for (size_t i = 0; i < count; i++) {
    CLEANUP(arena_freep) struct arena *own = arena_new();
    support_copy(own, "agree", "agree_copy");
    compare(own, "agree_copy", catalog, all[i].setup, all[i].sql, &a);
    support_drop(own, "agree_copy");
  }
  support_drop(arena, "agree");
  print_message("%d statements, %d missed, %d needless\n", a.asked, a.missed, a.needless);
  return a;
}

static void test_own(void **state)
{
  UNUSED(state);
  struct agreement a = compare_all(statements, COUNT_OF(statements));
  assert_true(a.asked > (int)COUNT_OF(statements) * 9 / 10);
  assert_int_equal(a.missed + a.needless, 0);
}

static void test_beyond(void **state)
{
  UNUSED(state);
  struct agreement a = compare_all(beyond, COUNT_OF(beyond));
  assert_int_equal(a.asked, COUNT_OF(beyond));
  assert_int_equal(a.missed, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_own),
      cmocka_unit_test(test_beyond),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
