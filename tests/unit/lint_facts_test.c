/* The light catalog, filled by replaying statements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/lint_facts_text.h"

static struct arena *arena;
static struct lint_input input;
static struct lint_facts *facts;

static int set_up(void **state)
{
  UNUSED(state);
  arena = arena_new();
  input = (struct lint_input){0};
  facts = lint_facts_new(arena, &input);
  return 0;
}

static int tear_down(void **state)
{
  UNUSED(state);
  arena_free(arena);
  return 0;
}

static const struct sql_script *read_script(const char *sql)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct sql_script *script = NULL;
  if (sql_script_read(arena, "f.sql", sql, strlen(sql), &script, &err) < 0)
    fail_msg("%s", err.message);
  return script;
}

static void replay_as(size_t number, const char *sql)
{
  const struct sql_script *script = read_script(sql);
  for (size_t i = 0; i < script->statements.len; i++) {
    if (!script->statements.at[i].tree)
      fail_msg("%s: %s", script->statements.at[i].text, script->statements.at[i].parse_error);
    lint_facts_learn(facts, (struct lint_moment){.script = number, .statement = i},
                     script->statements.at[i].tree);
  }
}

static void replay(const char *sql)
{
  replay_as(0, sql);
}

/* Of a model of its own. */
static const char *model(const char *sql)
{
  facts = lint_facts_new(arena, &input);
  replay(sql);
  return facts_as_text(arena, facts);
}

static struct lint_relation *relation(const char *schema, const char *name)
{
  return lint_facts_relation(facts, (struct sql_name){.schema = schema, .name = name});
}

static void test_tables(void **state)
{
  UNUSED(state);
  assert_string_equal(
      model(
          "create table p (id bigserial primary key, code text unique);\n"
          "create unlogged table t (id int generated always as identity, p bigint references p, "
          "a int check (a > 0), b int, c text collate \"C\" default 'x', d int generated always as "
          "(a + b) stored, check (a > b), check (b is not null and a <> 3), unique (a, b), "
          "constraint own foreign key (a) references p (id), exclude using gist (c with =))"),
      "sequence public.p_id_seq bigint of public.p.id\n"
      "sequence public.t_id_seq unlogged integer of public.t.id\n"
      "table public.p (code text, id bigint not null default)\n"
      "  p_code_key unique(code) by p_code_key\n"
      "  p_pkey primary key(id) by p_pkey\n"
      "  index p_code_key unique btree(code) uses code for p_code_key\n"
      "  index p_pkey primary btree(id) uses id for p_pkey\n"
      "  referenced by own of public.t\n"
      "  referenced by t_p_fkey of public.t\n"
      "table public.t (a integer, b integer, c text collate C default, d integer stored from a,b, "
      "id integer not null identity, p bigint) unlogged\n"
      "  own foreign key(a) to public.p columns id\n"
      "  t_a_b_key unique(a,b) by t_a_b_key\n"
      "  t_a_check check(a)\n"
      "  t_c_excl exclude(c) by t_c_excl\n"
      "  t_check check(a,b)\n"
      "  t_check1 check(b,a) proves b\n"
      "  t_p_fkey foreign key(p) to public.p columns id\n"
      "  index t_a_b_key unique btree(a,b) uses a,b for t_a_b_key\n"
      "  index t_c_excl gist(c) uses c for t_c_excl");
  assert_string_equal(model("create table t (a int, b text default 'x' not null, check (a > 0), "
                            "unique (b));\ncreate index on t (a);\n"
                            "create table u (like t including all, c int);\n"
                            "create table v (like t)"),
                      "table public.t (a integer, b text not null default)\n"
                      "  t_a_check check(a)\n"
                      "  t_b_key unique(b) by t_b_key\n"
                      "  index t_a_idx btree(a) uses a\n"
                      "  index t_b_key unique btree(b) uses b for t_b_key\n"
                      "table public.u (a integer, b text not null default, c integer)\n"
                      "  t_a_check check(a)\n"
                      "  u_b_key unique(b) by u_b_key\n"
                      "  index u_a_idx btree(a) uses a\n"
                      "  index u_b_key unique btree(b) uses b for u_b_key\n"
                      "table public.v (a integer, b text not null)");
}

static void test_indexes(void **state)
{
  UNUSED(state);
  assert_string_equal(
      model("create table t (a int, b text, c int);\n"
            "create index on t (a); create index on t (a); create index if not exists t_a_idx on t "
            "(b);\ncreate unique index on t (lower(b), (a + c), (a * 2)) include (c) where c > 0;\n"
            "create index concurrently i on t using gin (b)"),
      "table public.t (a integer, b text, c integer)\n"
      "  index i gin(b) uses b\n"
      "  index t_a_idx btree(a) uses a\n"
      "  index t_a_idx1 btree(a) uses a\n"
      "  index t_lower_expr_expr1_c_idx unique btree partial (?,?,?) uses b,a,c");
  assert_string_equal(
      model("create table "
            "a_table_with_a_name_that_is_rather_long_for_a_table (some_column_with_a_long_name int "
            "unique)"),
      "table public.a_table_with_a_name_that_is_rather_long_for_a_table "
      "(some_column_with_a_long_name integer)\n"
      "  a_table_with_a_name_that_is_ra_some_column_with_a_long_name_key "
      "unique(some_column_with_a_long_name) by "
      "a_table_with_a_name_that_is_ra_some_column_with_a_long_name_key\n"
      "  index a_table_with_a_name_that_is_ra_some_column_with_a_long_name_key unique "
      "btree(some_column_with_a_long_name) uses some_column_with_a_long_name for "
      "a_table_with_a_name_that_is_ra_some_column_with_a_long_name_key");
}

static void test_partitions(void **state)
{
  UNUSED(state);
  assert_string_equal(
      model("create table r (id int primary key);\n"
            "create table p (id int, d int references r, check (d > 0), primary key (id, d)) "
            "partition "
            "by range (d, lower('x'));\n"
            "create table p1 partition of p for values from (0) to (100);\n"
            "create table pd partition of p default;\n"
            "create table att (id int not null, d int not null);\n"
            "create unique index att_key on att (id, d);\n"
            "alter table att add primary key using index att_key;\n"
            "create index on p (d);\n"
            "alter table p attach partition att for values from (100) to (200);\n"
            "create index later on only p (id);\n"
            "alter table p detach partition p1;\n"
            "alter table p add x int"),
      "partitioned table public.p (d integer not null, id integer not null, x integer) by "
      "range(d,?) default public.pd\n"
      "  p_d_check check(d)\n"
      "  p_d_fkey foreign key(d) to public.r columns id\n"
      "  p_pkey primary key(id,d) by p_pkey\n"
      "  index later btree(id) uses id invalid\n"
      "  index p_d_idx btree(d) uses d\n"
      "  index p_pkey primary btree(id,d) uses id,d for p_pkey\n"
      "  child public.att\n"
      "  child public.pd\n"
      "table public.att (d integer not null inherited, id integer not null inherited, x integer "
      "inherited) of public.p FOR VALUES FROM (100) TO (200)\n"
      "  att_key primary key(id,d) by att_key inherited\n"
      "  p_d_check check(d) inherited\n"
      "  p_d_fkey foreign key(d) to public.r columns id inherited\n"
      "  index att_d_idx btree(d) uses d of p_d_idx\n"
      "  index att_key primary btree(id,d) uses id,d of p_pkey for att_key\n"
      "table public.p1 (d integer not null, id integer not null)\n"
      "  p1_pkey primary key(id,d) by p1_pkey\n"
      "  p_d_check check(d)\n"
      "  p_d_fkey foreign key(d) to public.r columns id\n"
      "  index p1_d_idx btree(d) uses d\n"
      "  index p1_pkey primary btree(id,d) uses id,d for p1_pkey\n"
      "table public.pd (d integer not null inherited, id integer not null inherited, x integer "
      "inherited) of public.p DEFAULT\n"
      "  p_d_check check(d) inherited\n"
      "  p_d_fkey foreign key(d) to public.r columns id inherited\n"
      "  pd_pkey primary key(id,d) by pd_pkey inherited\n"
      "  index pd_d_idx btree(d) uses d of p_d_idx\n"
      "  index pd_pkey primary btree(id,d) uses id,d of p_pkey for pd_pkey\n"
      "table public.r (id integer not null)\n"
      "  r_pkey primary key(id) by r_pkey\n"
      "  index r_pkey primary btree(id) uses id for r_pkey\n"
      "  referenced by p_d_fkey of public.att\n"
      "  referenced by p_d_fkey of public.p\n"
      "  referenced by p_d_fkey of public.p1\n"
      "  referenced by p_d_fkey of public.pd");
}

static void test_alter(void **state)
{
  UNUSED(state);
  assert_string_equal(
      model("create table t (a int, b text, c varchar(5), d int);\n"
            "create unique index u on t (a);\n"
            "alter table t add e serial, add column if not exists b int, alter a type bigint, "
            "alter b "
            "set not null, alter b set default 'x', alter c type text collate \"C\", add "
            "constraint k "
            "check (d > 0) not valid, add unique using index u, drop column if exists nowhere;\n"
            "alter table t validate constraint k, add constraint n check (d is not null), set "
            "unlogged, enable row level security;\n"
            "create policy p on t using (true); create policy q on t using (true);\n"
            "drop policy q on t;\n"
            "create rule r as on delete to t do nothing;\n"
            "alter table t rename column d to dd; alter table t rename constraint k to kk;\n"
            "alter index u rename to uu;\n"
            "create trigger g before insert on t execute function f();\n"
            "create trigger h before insert on t execute function f(); drop trigger h on t;\n"
            "create schema s; alter table t set schema s; alter table s.t rename to t2"),
      "sequence s.t_e_seq unlogged integer of s.t2.e\n"
      "table s.t2 (a bigint, b text not null default, c text collate C, dd integer, e integer not "
      "null default) unlogged row security\n"
      "  kk check(dd)\n"
      "  n check(dd) proves dd\n"
      "  uu unique(a) by uu\n"
      "  index uu unique btree(a) uses a for uu\n"
      "  policy p\n"
      "  rule r\n"
      "  trigger g calls f");
}

static void test_drops(void **state)
{
  UNUSED(state);
  static const char before[] =
      "create table t (a int primary key, b int, c serial, check (a > b), unique (b, c));\n"
      "create index i on t (b); create table r (t int references t, o int references t (a));\n"
      "create view v as select a from t; create view w as select * from v;\n"
      "create view x as select b from t;\n";
  assert_string_equal(model(arena_printf(arena, "%salter table t drop b cascade", before)),
                      "sequence public.t_c_seq integer of public.t.c\n"
                      "table public.r (o integer, t integer)\n"
                      "  r_o_fkey foreign key(o) to public.t columns a\n"
                      "  r_t_fkey foreign key(t) to public.t columns a\n"
                      "table public.t (a integer not null, c integer not null default)\n"
                      "  t_pkey primary key(a) by t_pkey\n"
                      "  index t_pkey primary btree(a) uses a for t_pkey\n"
                      "  read by public.v\n"
                      "  referenced by r_o_fkey of public.r\n"
                      "  referenced by r_t_fkey of public.r\n"
                      "view public.v (a)\n"
                      "  read by public.w\n"
                      "view public.w (a)");
  assert_string_equal(model(arena_printf(arena, "%sdrop table t cascade", before)),
                      "table public.r (o integer, t integer)");
  assert_true(relation(NULL, "t")->dropped);
  model(before);
  const struct sql_script *script = read_script("alter table t drop constraint t_pkey cascade");
  struct lint_lost lost;
  lint_facts_lost(facts, script->statements.at[0].tree, &lost);
  assert_int_equal(lost.constraints.len, 3);
  assert_int_equal(lost.relations.len, 1);
  assert_string_equal(lost.relations.at[0]->at.name, "t_pkey");
  assert_false(lost.relations.at[0]->dropped);
  assert_string_equal(model("create schema s create table t (a int) create view v as select a from "
                            "t;\ndrop schema s cascade"),
                      "");
  assert_string_equal(model("create type e as enum ('a'); create table t (a int, b e, c e[]);\n"
                            "drop type e cascade"),
                      "table public.t (a integer)");
  assert_string_equal(model("create table p (a int) partition by list (a);\n"
                            "create table q partition of p for values in (1); drop table p"),
                      "");
}

static void test_names(void **state)
{
  UNUSED(state);
  replay("create schema a; create schema b; set search_path to b, a;\n"
         "create table t (x int); create table a.u (y int); alter table u add z int;\n"
         "create temp table t (temporary int); alter table t add more int");
  assert_string_equal(relation_text(arena, relation("b", "t")), "table b.t (x integer)");
  assert_string_equal(relation_text(arena, relation("a", "u")), "table a.u (y integer, z integer)");
  assert_string_equal(relation_text(arena, relation(NULL, "t")),
                      "table pg_temp.t (more integer, temporary integer) temporary");
  replay("drop table pg_temp.t; reset search_path");
  assert_string_equal(relation_text(arena, relation(NULL, "t")), "incomplete unknown public.t");
  replay("select pg_catalog.set_config('search_path', 'a', false)");
  assert_string_equal(relation_text(arena, relation(NULL, "u")),
                      "table a.u (y integer, z integer)");
  replay_as(1, "select 1");
  assert_string_equal(relation_text(arena, relation(NULL, "u")), "incomplete unknown public.u");
}

static void test_new(void **state)
{
  UNUSED(state);
  replay_as(0, "create table t (a int); create schema s");
  assert_true(lint_is_new(relation(NULL, "t")));
  assert_true(lint_facts_schema_is_new(facts, "s"));
  assert_true(lint_is_new(relation("s", "anything")));
  lint_facts_at(facts, (struct lint_moment){.script = 1});
  assert_false(lint_is_new(relation(NULL, "t"))); /* there is no catalog: it may be in use */
  assert_true(relation(NULL, "t")->complete);
  assert_false(lint_facts_schema_is_new(facts, "s"));
  /* with a catalog that does not have it */
  struct catalog empty = {.server_version = 160001};
  input.catalog = &empty;
  facts = lint_facts_new(arena, &input);
  assert_int_equal(lint_facts_major(facts), 16);
  replay_as(0, "create table t (a int)");
  lint_facts_at(facts, (struct lint_moment){.script = 1});
  assert_true(lint_is_new(relation(NULL, "t")));
  /* history is not made by the scripts */
  input = (struct lint_input){.known = 1, .target_major = 14};
  facts = lint_facts_new(arena, &input);
  assert_int_equal(lint_facts_major(facts), 14);
  replay_as(0, "create table t (a int); create table s.only (a int)");
  assert_false(lint_is_new(relation(NULL, "t")));
  assert_false(relation(NULL, "t")->created);
  assert_string_equal(relation(NULL, "only")->at.schema, "s");
  replay_as(1, "create table if not exists t (b int); create table u (a int)");
  assert_false(lint_is_new(relation(NULL, "t")));
  assert_true(lint_is_new(relation(NULL, "u")));
}

static bool is_free(const char *from, const char *to)
{
  struct sql_type a, b;
  assert_int_equal(sql_type_read(arena, from, &a), 0);
  assert_int_equal(sql_type_read(arena, to, &b), 0);
  return lint_facts_type_change_is_free(facts, &a, &b);
}

static void test_types(void **state)
{
  UNUSED(state);
  replay("create domain plain as varchar(10); create domain narrow as text check (value <> '');\n"
         "create domain outer_one as narrow; create type mood as enum ('a')");
  assert_true(is_free("varchar(5)", "plain") && is_free("plain", "text"));
  assert_true(!is_free("text", "narrow") && !is_free("text", "outer_one"));
  assert_true(is_free("narrow", "text") && is_free("mood", "public.mood"));
  assert_true(!is_free("mood", "text") && !is_free("text", "plain"));
  assert_true(is_free("bit(5)", "varbit") && !is_free("bit(5)", "varbit(5)"));
  assert_false(is_free("timestamp", "timestamptz"));
  replay("set timezone = 'UTC'");
  assert_true(is_free("timestamp", "timestamptz") && is_free("timestamptz", "timestamp(6)"));
  assert_false(is_free("timestamp", "timestamptz(3)"));
  replay("set time zone 'Europe/Berlin'");
  assert_false(is_free("timestamp", "timestamptz"));
  replay("begin; set local timezone = utc");
  assert_true(is_free("timestamp", "timestamptz"));
  replay("commit");
  assert_false(is_free("timestamp", "timestamptz"));
  replay("alter domain narrow drop constraint narrow_check");
  assert_true(is_free("text", "outer_one"));
  replay("alter domain outer_one add check (value <> 'x') not valid");
  assert_false(is_free("text", "outer_one"));
  replay(
      "create table t (a outer_one, b int); create table u (a narrow[]); create table v (a int)");
  assert_int_equal(lint_facts_domain_users(facts, (struct sql_name){.name = "narrow"}).len, 2);
  replay("alter domain narrow rename to slim; create schema s; alter domain slim set schema s");
  assert_int_equal(
      lint_facts_domain_users(facts, (struct sql_name){.schema = "s", .name = "slim"}).len, 2);
  assert_null(lint_facts_domain(facts, (struct sql_name){.name = "narrow"}));
  assert_true(lint_facts_domain(facts, (struct sql_name){.name = "outer_one"})->created);
}

static enum lint_volatility volatility(const char *function)
{
  return lint_facts_volatility(facts, (struct sql_name){.name = function});
}

static void test_functions(void **state)
{
  UNUSED(state);
  replay(
      "create function inlined() returns int language sql as 'select 1';\n"
      "create function deeper() returns int language sql as 'select inlined() + 1';\n"
      "create function rolls() returns float language sql as 'select random()';\n"
      "create function above() returns float language sql as 'select rolls()';\n"
      "create function stable_one() returns int language plpgsql stable as 'begin return 1; end';\n"
      "create function opaque() returns int language plpgsql as 'begin return 1; end';\n"
      "create function pinned() returns int language sql set search_path = '' as 'select 1';\n"
      "create function two(int) returns int immutable language sql as 'select 1';\n"
      "create function two(text) returns float language sql as 'select random()'");
  assert_int_equal(volatility("inlined"), LINT_NOT_VOLATILE);
  assert_int_equal(volatility("deeper"), LINT_NOT_VOLATILE);
  assert_int_equal(volatility("rolls"), LINT_VOLATILE);
  assert_int_equal(volatility("above"), LINT_VOLATILE);
  assert_int_equal(volatility("stable_one"), LINT_NOT_VOLATILE);
  assert_int_equal(volatility("opaque"), LINT_VOLATILE);
  assert_int_equal(volatility("pinned"), LINT_VOLATILE);
  assert_int_equal(volatility("two"), LINT_VOLATILE);
  assert_int_equal(volatility("nobody_knows"), LINT_VOLATILITY_UNKNOWN);
  assert_int_equal(volatility("now"), LINT_NOT_VOLATILE);
  replay("create or replace function opaque() returns int language plpgsql immutable as 'begin "
         "return 1; end'; alter function stable_one() volatile; drop function inlined();\n"
         "alter function rolls() rename to dice");
  assert_int_equal(volatility("opaque"), LINT_NOT_VOLATILE);
  assert_int_equal(volatility("stable_one"), LINT_VOLATILE);
  assert_int_equal(volatility("inlined"), LINT_VOLATILITY_UNKNOWN);
  assert_int_equal(volatility("dice"), LINT_VOLATILE);
}

static void test_questions(void **state)
{
  UNUSED(state);
  replay("create table t (a int, b text, c varchar(5), k text collate \"C\");\n"
         "alter table t add constraint p check (a is not null and a > 0) not valid;\n"
         "create index plain on t (c); create index part on t (a) where c > '';\n"
         "create index own on t (k collate \"C\")");
  struct lint_relation *t = relation(NULL, "t");
  const struct sql_tree *set =
      read_script("alter table t alter a set not null")->statements.at[0].tree;
  assert_false(lint_facts_proves_not_null(facts, t, "a", set));
  replay("alter table t validate constraint p");
  assert_true(lint_facts_proves_not_null(facts, t, "a", set));
  set = read_script("alter table t alter a set not null, drop constraint p")->statements.at[0].tree;
  assert_false(lint_facts_proves_not_null(facts, t, "a", set));
  const struct sql_action *to_text =
      read_script("alter table t alter c type text")->statements.at[0].tree->actions.at;
  const struct sql_action *collated = read_script("alter table t alter c type text collate \"C\"")
                                          ->statements.at[0]
                                          .tree->actions.at;
  const struct lint_column *c = lint_facts_column(facts, t, "c");
  assert_true(lint_facts_index_is_kept(facts, relation(NULL, "plain"), c, to_text));
  assert_false(lint_facts_index_is_kept(facts, relation(NULL, "plain"), c, collated));
  assert_false(lint_facts_index_is_kept(facts, relation(NULL, "part"), c, to_text));
  assert_true(lint_facts_index_is_kept(facts, relation(NULL, "own"), c, to_text));
  assert_true(lint_facts_index_is_kept(facts, relation(NULL, "own"),
                                       lint_facts_column(facts, t, "k"), to_text));
}

static void test_queries(void **state)
{
  UNUSED(state);
  assert_string_equal(
      model("create table t (a int, b text); create view v as select a, b || 'x' as c from t;\n"
            "create materialized view m as select * from t; create unique index on m (a);\n"
            "create or replace view v as select a from m; create table made as select * from t;\n"
            "create table half as select t.*, 1 from t, m; select a into sel from t;\n"
            "create sequence q as smallint; alter sequence q as int owned by t.a;\n"
            "create type pair as (x int, y text); create table typed of pair;\n"
            "create table parent (a int check (a > 0)); create table child (b int) inherits "
            "(parent);\n"
            "alter table parent add c int; alter table parent drop a"),
      "composite public.pair (x integer, y text)\n"
      "incomplete table public.half (?column? integer)\n"
      "matview public.m (a, b)\n"
      "  index m_a_idx unique btree(a) uses a\n"
      "  read by public.v\n"
      "sequence public.q integer of public.t.a\n"
      "table public.child (b integer, c integer inherited)\n"
      "table public.made (a integer, b text)\n"
      "table public.parent (c integer)\n"
      "  child public.child\n"
      "table public.sel (a integer)\n"
      "table public.t (a integer, b text)\n"
      "  read by public.m\n"
      "table public.typed (x integer, y text)\n"
      "view public.v (a, c)");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_tables, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_indexes, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_partitions, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_alter, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_drops, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_new, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_types, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_functions, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_questions, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_queries, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
