#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lint_fixture.h"

/* What is found without a catalog: "" is nothing. */
static const struct {
  const char *sql, *found;
} cases[] = {
    /* tables of the same file are new */
    {"create table t (a int);\ncreate index on t (a);\nalter table t add b int not null, alter a "
     "type bigint, add unique (a);\ndrop table t;",
     ""},
    {"create table public.t (a int);\ncreate index on t (a);", ""},
    {"create table s.t (a int);\ncreate index i on t (a);", "index-create-not-concurrent:w@2"},
    {"set search_path to s;\ncreate table t (a int);\ntruncate public.t;", "truncate:e@3"},
    {"create table t as select 1;\ntruncate t;", ""},
    {"create table a (x int);\nalter table a rename to b;\ndrop table b;", ""},
    {"alter table a rename to b;\ncreate table a (x int);\ndrop table a;\ndrop table b;",
     "rename-table:w@1 drop-table:e@4"},
    {"drop table t;\ncreate table t (a int);\ntruncate t;", "drop-table:e@1"},
    {"create schema s;\nalter table s.t add primary key (a);\ndrop schema s cascade;",
     "drop-cascade:e@3"},
    {"create temp table t (a int); vacuum_x", "not-analysed:w@1"},
    {"create index i on t (a);\ndrop index i;", "index-create-not-concurrent:w@1"},
    {"create materialized view m as select 1;\nrefresh materialized view m;", ""},
    /* columns of the same file are new */
    {"alter table t add a int;\nalter table t drop a;\nalter table t add b int;\nalter table t "
     "rename b to c;\nalter table t drop c",
     ""},
    /* not null */
    {"alter table t add constraint k check (a is not null) not valid;\nalter table t validate "
     "constraint k;\nalter table t alter a set not null;",
     "constraint-validate-same-transaction:w@2"},
    {"alter table t add constraint k check (a is not null) not valid;\nalter table t alter a set "
     "not null;",
     "constraint-left-not-valid:i@1 not-null-scan:w@2"},
    {"alter table t add constraint k check (a > 0);\nalter table t alter a set not null;",
     "check-not-valid:w@1 not-null-scan:w@2"},
    {"alter table t add constraint k check (a is not null);\nalter table t alter a set not null, "
     "drop constraint k;",
     "check-not-valid:w@1 not-null-drops-its-proof:w@2"},
    {"alter table t add constraint k check (a is not null);\nalter table t drop constraint "
     "k;\nalter table t alter a set not null;",
     "check-not-valid:w@1 not-null-scan:w@3"},
    {"alter table t add a int not null default 1;\nalter table t alter a set not null;", ""},
    /* defaults */
    {"alter table t add a timestamptz default now(), add b date default current_date, add c text "
     "default 'a' || 'b', add d int default null, add e numeric default round(1.5)",
     ""},
    {"alter table t add a timestamptz default clock_timestamp()",
     "add-column-volatile-default:e@1"},
    {"alter table t add a float default 1 + random()", "add-column-volatile-default:e@1"},
    {"alter table t add a uuid default x.uuid_generate_v4()", "add-column-volatile-default:e@1"},
    {"alter table t add a int default my_function()", "add-column-volatile-default:e@1"},
    {"alter table t add a int default my.now()", "add-column-volatile-default:e@1"},
    {"alter table t add a int not null default null", "add-column-required:e@1"},
    {"alter table t add a int default nextval('s')", "add-column-serial:e@1"},
    {"alter table t add a int primary key", "add-column-required:e@1 add-column-unique:w@1"},
    {"alter table t add a int references o", "add-column-foreign-key:i@1"},
    {"alter table t add a int references o default 1", "add-column-foreign-key:w@1"},
    {"alter table t add a int not null,\n add b serial",
     "add-column-required:e@1 add-column-serial:e@2"},
    /* types that are known from the files */
    {"alter table t add a varchar(10);\nalter table t alter a type varchar(20);\nalter table t "
     "alter a type text;\nalter table t alter a type varchar;\nalter table t alter a type "
     "varchar(5)",
     "type-change-rewrite:e@5 type-change-narrows:w@5"},
    {"alter table t add a varchar(10);\nalter table t alter a type text using a::text;\nalter "
     "table t alter a type text using upper(a)",
     "type-change-rewrite:e@3"},
    {"alter table t alter a type text", "type-change-rewrite:e@1"},
    {"alter type c alter attribute a type text", ""},
    /* transactions */
    {"begin;\nvacuum t;\ncommit;", "concurrently-in-transaction:e@2"},
    {"begin;\ninsert into t (a) values (1);\ncommit;", ""},
    {"begin;\ncommit;\nbegin;\ncommit;", "transaction-nesting:e@2 transaction-nesting:e@3"},
    {"begin;", "transaction-unclosed:e@1"},
    {"begin;\nrollback;\nstart transaction;\nselect 1;",
     "transaction-nesting:e@1 transaction-nesting:e@2 transaction-unclosed:e@3"},
    {"begin isolation level serializable;\ncommit;", "transaction-nesting:e@1"},
    {"savepoint a;\nrollback to a;", "transaction-nesting:e@1 transaction-nesting:e@2"},
    {"create index concurrently i on t (a);\nselect 1", "concurrently-not-alone:w@1"},
    {"alter table t add constraint k check (a > 0) not valid;\nalter table t validate constraint "
     "k;\nvacuum t;",
     "concurrently-not-alone:w@3"},
    {"alter table t add a int;\ninsert into t (a) select 1;\nanalyze t",
     "ddl-and-backfill-together:w@2"},
    {"alter table t add a int;\ninsert into t (a) values (1);", ""},
    {"alter table t add a int;\nupdate u set x = 1 where y;", ""},
    /* enums */
    {"alter type e add value 'a';\nalter type e add value 'b';\nalter table t alter c set default "
     "'a';\ndo $$ begin update t set c = 'b' where x; end $$;",
     "enum-value-same-transaction:e@3 default-change-app-cache:i@3 enum-value-same-transaction:e@4 "
     "execute-opaque:w@4"},
    {"create type e as enum ('a');\nalter type e add value 'b';\ncreate table t (c e default 'b');",
     "enum-value-same-transaction:e@3"},
    {"alter type e add value 'b';\nselect 1", ""},
    /* data */
    {"with x as (delete from t returning *)\nselect * from x", "delete-without-where:e@1"},
    {"delete from t where true", "delete-without-where:e@1"},
    {"update t set a = 1 where a is null", ""},
    {"truncate a, b cascade",
     "truncate:e@1 truncate-cascade:e@1 truncate:e@1 truncate-cascade:e@1"},
    /* opaque */
    {"do $$ begin raise notice 'x'; end $$", "execute-opaque:i@1"},
    {"select create_hypertable('t', 'time')", "execute-opaque:i@1"},
    {"select setval('s', 1), upper('a'), set_config('a', 'b', false)", ""},
    {"select f() from t", ""},
    {"select dblink_exec('drop table t')", "execute-opaque:i@1"},
    /* partitions */
    {"create index i on only t (a)", ""},
    {"alter index i attach partition j", ""},
    {"create table p (a int);\nalter table t attach partition p for values in (1)", ""},
    {"alter table t detach partition p finalize", ""},
    /* the rest */
    {"reindex database d", "reindex-not-concurrent:w@1"},
    {"lock table a, b in share mode", "lock-table:w@1 lock-table:w@1"},
    {"set session_replication_role = replica", "disable-trigger:w@1 needs-superuser:i@1"},
    {"vacuum full", "vacuum-full:e@1"},
    {"cluster", "cluster:e@1"},
    {"drop view v", ""},
    {"drop type e", ""},
    {"alter table t drop constraint k cascade", "drop-cascade:e@1"},
    {"alter view v rename to w", "rename-table:w@1"},
    {"alter type e rename to f", ""},
    {"alter table t add constraint p primary key using index i",
     "primary-key-using-index-nullable:i@1"},
    {"alter table t add foreign key (a) references o not valid", "constraint-left-not-valid:i@1"},
};

static void test_cases(void **state)
{
  UNUSED(state);
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct fixture f = {0};
    const char *found = lint_one(&f, cases[i].sql);
    if (strcmp(found, cases[i].found) != 0)
      fail_msg("%s\n  found:    %s\n  expected: %s", cases[i].sql, found, cases[i].found);
  }
}

static void test_several_files(void **state)
{
  UNUSED(state);
  struct fixture f = {0};
  const char *files[] = {"create table t (a int)",
                         "select 1;\ncreate index on t (a);\ncreate index on u (a)",
                         "drop table t; savepoint a"};
  lint_files(&f, files, 3);
  /* what an earlier file made is in use by then, unless a catalog says that it is not there */
  assert_string_equal(lint_text(&f), "index-create-not-concurrent:w@2 "
                                     "index-create-not-concurrent:w@3 drop-table:e@1 "
                                     "transaction-nesting:e@1");
  assert_string_equal(f.report.findings.at[1].file, "2.sql");
  assert_string_equal(f.report.findings.at[2].file, "3.sql");
  assert_int_equal(f.report.files, 3);
  assert_int_equal(f.report.statements, 6);
  assert_int_equal(f.report.errors, 2);
  assert_int_equal(f.report.warnings, 2);
  assert_int_equal(f.report.infos, 0);
}

static void test_places(void **state)
{
  UNUSED(state);
  struct fixture f = {0};
  lint_one(&f, "select 1;\nalter table only s.\"T\"\n  add x int,\n  drop column b cascade;");
  assert_int_equal(f.report.findings.len, 2);
  const struct lint_finding *finding = &f.report.findings.at[0];
  assert_string_equal(finding->rule->id, "drop-column");
  assert_string_equal(finding->message, "column b of s.\"T\" is dropped");
  assert_string_equal(finding->relation, "s.\"T\"");
  assert_int_equal(finding->start.line, 4);
  assert_int_equal(finding->start.column, 3);
  assert_int_equal(finding->end.column, 24);
  assert_int_equal(finding->depth, LINT_STATIC);
  assert_null(finding->detail);
}

static void test_not_analysed(void **state)
{
  UNUSED(state);
  struct fixture f = {0};
  assert_string_equal(lint_one(&f, "select 1;\nselect a b\n c from x;\ncommit garbage;"),
                      "not-analysed:w@3 transaction-nesting:e@4");
  assert_int_equal(f.report.not_analysed, 1);
  assert_string_equal(f.report.findings.at[0].message,
                      "not understood: syntax error at or near \"c\"");
  assert_int_equal(f.report.findings.at[0].start.column, 2);
}

/* Our parser's word is the server's where it is not older. */
static void test_syntax_error(void **state)
{
  UNUSED(state);
  struct fixture f = {.target_major = 13};
  assert_string_equal(lint_one(&f, "select 1;\nselect a b\n c from x;"), "syntax-error:e@3");
  assert_int_equal(f.report.not_analysed, 1);
  assert_string_equal(f.report.findings.at[0].message, "syntax error at or near \"c\"");
  assert_int_equal(f.report.findings.at[0].start.column, 2);
  f.target_major = sql_parser_major() + 1;
  assert_string_equal(lint_one(&f, "select a b c from x;"), "not-analysed:w@1");
}

static void test_settings(void **state)
{
  UNUSED(state);
  struct fixture f = {0};
  struct lint_setting off = {"drop-table", LINT_OFF}, info = {"truncate", LINT_INFO};
  vec_push(arena, &f.settings.rules, off);
  vec_push(arena, &f.settings.rules, info);
  f.settings.fail_on = LINT_WARNING;
  assert_string_equal(lint_one(&f, "drop table a; truncate b"), "truncate:i@1");
  assert_false(lint_fails(&f.settings, &f.report));
  f.settings.fail_on = LINT_INFO;
  assert_true(lint_fails(&f.settings, &f.report));
  f.settings.fail_on = LINT_OFF;
  assert_false(lint_fails(&f.settings, &f.report));

  struct lint_settings wrong = {0};
  struct lint_setting unknown = {"drop-tabel", LINT_OFF};
  vec_push(arena, &wrong.rules, unknown);
  CLEANUP(err_clear) struct err err = ERR_INIT;
  assert_int_equal(lint_scripts(arena, &wrong, &(struct lint_input){0}, &f.report, &err), -1);
  assert_int_equal(err.code, ERR_USAGE);
  assert_string_equal(err.hint, "Did you mean \"drop-table\"?");
}

static void test_severity_names(void **state)
{
  UNUSED(state);
  enum lint_severity severity = LINT_INFO;
  assert_true(lint_severity_parse("error", &severity));
  assert_int_equal(severity, LINT_ERROR);
  assert_true(lint_severity_parse("off", &severity));
  assert_int_equal(severity, LINT_OFF);
  assert_false(lint_severity_parse("fatal", &severity));
  assert_string_equal(lint_severity_name(LINT_WARNING), "warning");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_cases),          cmocka_unit_test(test_several_files),
      cmocka_unit_test(test_places),         cmocka_unit_test(test_not_analysed),
      cmocka_unit_test(test_syntax_error),   cmocka_unit_test(test_settings),
      cmocka_unit_test(test_severity_names),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
