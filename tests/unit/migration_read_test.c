#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/fs.h"
#include "migration/migration.h"

struct fixture {
  struct arena *arena;
  char *dir;
};

static int setup(void **state)
{
  struct fixture *f = x_calloc(1, sizeof(*f));
  struct err err = ERR_INIT;
  f->arena = arena_new();
  assert_int_equal(fs_temp_dir(f->arena, "belay-migrations-", &f->dir, &err), 0);
  *state = f;
  return 0;
}

static int teardown(void **state)
{
  struct fixture *f = *state;
  struct err err = ERR_INIT;
  fs_remove_tree(f->dir, &err);
  err_clear(&err);
  arena_free(f->arena);
  free(f);
  return 0;
}

static void put_bytes(struct fixture *f, const char *name, const char *bytes, size_t len)
{
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  const char *path = fs_join(f->arena, f->dir, name);
  assert_int_equal(fs_mkdirs(fs_dirname(f->arena, path), 0700, &err), 0);
  assert_int_equal(fs_write_atomic(path, bytes, len, 0600, &err), 0);
}

static void put(struct fixture *f, const char *name, const char *content)
{
  put_bytes(f, name, content, strlen(content));
}

/* The error of reading the fixture's directory, with the directory's own path cut out. */
static void check_refused(struct fixture *f, const char *format, const char *message)
{
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  struct migrations files;
  if (migration_format_find(format)->read_dir(f->arena, f->dir, &files, &err) == 0)
    fail_msg("was read: %s", message);
  assert_int_equal(err.code, ERR_USAGE);
  CLEANUP(text_clear)
  struct text cut = TEXT_INIT;
  for (const char *p = err.message; *p; p++) {
    if (strncmp(p, f->dir, strlen(f->dir)) == 0) {
      text_puts(&cut, "DIR");
      p += strlen(f->dir);
    }
    if (*p)
      text_putc(&cut, *p);
    else
      break;
  }
  assert_string_equal(cut.data, message);
}

static void check_names(struct fixture *f, const char *format, const char *expected)
{
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  struct migrations files;
  if (migration_format_find(format)->read_dir(f->arena, f->dir, &files, &err) < 0)
    fail_msg("%s", err.message);
  CLEANUP(text_clear)
  struct text names = TEXT_INIT;
  for (size_t i = 0; i < files.len; i++)
    text_printf(&names, "%s%s", i ? " " : "", files.at[i].name);
  assert_string_equal(names.data, expected);
}

static void test_prisma_directory(void **state)
{
  struct fixture *f = *state;
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  put(f, "migration_lock.toml", "# Please do not edit\nprovider = \"postgresql\" # x\n");
  put(f, "20260102_b/migration.sql", "SELECT 2;");
  put(f, "20260101_a/migration.sql", "abc");
  put(f, "zzz/migration.sql", "");
  put(f, "Zzz/migration.sql", "-- bytewise order: upper case first");
  put(f, "20260101_a/notes.txt", "ignored");
  put(f, ".git/config", "ignored");
  put(f, "README.md", "ignored");
  check_names(f, "prisma", "20260101_a 20260102_b Zzz zzz");
  struct migrations files;
  assert_int_equal(migration_format_find("prisma")->read_dir(f->arena, f->dir, &files, &err), 0);
  assert_string_equal(files.at[0].bytes, "abc");
  assert_int_equal(files.at[0].len, 3);
  assert_string_equal(files.at[0].path, fs_join(f->arena, f->dir, "20260101_a/migration.sql"));
  assert_string_equal(files.at[0].checksum,
                      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_prisma_errors(void **state)
{
  struct fixture *f = *state;
  put(f, "1_a/migration.sql", "SELECT 1;");
  put(f, "2_b/README.md", "");
  check_refused(f, "prisma", "DIR/2_b: the migration has no migration.sql (P3015)");
  put_bytes(f, "2_b/migration.sql", "S\0E\0", 4);
  check_refused(f, "prisma", "DIR/2_b/migration.sql: holds NUL bytes, so it is not SQL text");
  put(f, "migration_lock.toml", "provider = \"mysql\"\n");
  check_refused(f, "prisma",
                "DIR/migration_lock.toml: the migrations are for mysql, not for "
                "postgresql (P3019)");
  put(f, "migration_lock.toml", "# nothing\nprovider = postgresql\n");
  check_refused(f, "prisma", "DIR/migration_lock.toml: has no line provider = \"...\"");
  f->dir = fs_join(f->arena, f->dir, "absent");
  check_refused(f, "prisma", "DIR: no such migrations directory");
  f->dir = fs_dirname(f->arena, f->dir);
}

static void test_plain_directory(void **state)
{
  struct fixture *f = *state;
  put(f, "002_b.sql", "SELECT 2;");
  put(f, "001_a.sql", "SELECT 1;");
  put(f, "003_c/up.sql", "SELECT 3;");
  put(f, "003_c/down.sql", "SELECT -3;");
  put(f, "010_d.up.sql", "SELECT 4;");
  put(f, "seed.txt", "ignored");
  put(f, ".hidden.sql", "ignored");
  check_names(f, "plain", "001_a 002_b 003_c 010_d");
  put(f, "a-b.sql", "");
  put(f, "a.sql", "");
  check_names(f, "plain", "001_a 002_b 003_c 010_d a a-b");
}

static void test_plain_errors(void **state)
{
  static const struct {
    const char *file, *content, *message;
  } rows[] = {
      {"003_c/readme", "", "DIR/003_c: the migration has no up.sql"},
      {"004_x.down.sql", "",
       "DIR/004_x.down.sql: is a down file (golang-migrate and others), which the format plain "
       "would apply as well"},
      {"U1__x.sql", "",
       "DIR/U1__x.sql: is an undo file (Flyway), which the format plain would apply as well"},
      {"R__views.sql", "",
       "DIR/R__views.sql: is a repeatable file (Flyway), which the format plain would apply as "
       "well"},
      {"005_x.sql", "-- migrate:up\nSELECT 1;\n-- MIGRATE:DOWN\nSELECT 2;\n",
       "DIR/005_x.sql: holds a down part (dbmate), which the format plain would apply as well"},
      {"005_x.sql", "-- +goose Up\nSELECT 1;\n-- +goose Down\n",
       "DIR/005_x.sql: holds a down part (goose), which the format plain would apply as well"},
      {"9_x.sql", "", "DIR: by name 010_y comes before 9_x, by number after it"},
      {"010_y/up.sql", "",
       "DIR: two migrations are called 010_y: DIR/010_y/up.sql and DIR/010_y.sql"},
  };
  struct fixture *f = *state;
  const char *top = f->dir;
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    CLEANUP(err_clear)
    struct err err = ERR_INIT;
    f->dir = fs_join(f->arena, top, "case");
    put(f, "010_y.sql", "");
    put(f, rows[i].file, rows[i].content);
    if (strstr(rows[i].message, "two migrations")) {
      struct migrations files;
      assert_int_equal(migration_format_find("plain")->read_dir(f->arena, f->dir, &files, &err),
                       -1);
      assert_non_null(strstr(err.message, "two migrations are called 010_y: "));
    } else {
      check_refused(f, "plain", rows[i].message);
    }
    assert_int_equal(fs_remove_tree(f->dir, &err), 0);
  }
  f->dir = fs_dirname(f->arena, f->dir);
}

static const char *format_name(struct fixture *f, const char *sub, const char *named)
{
  CLEANUP(err_clear)
  struct err err = ERR_INIT;
  const struct migration_format *format;
  if (migration_format_of(fs_join(f->arena, f->dir, sub), named, &format, &err) < 0) {
    assert_int_equal(err.code, ERR_USAGE);
    assert_non_null(err.hint);
    return NULL;
  }
  return format->name;
}

static void test_formats(void **state)
{
  struct fixture *f = *state;
  put(f, "lock/migration_lock.toml", "");
  put(f, "prisma/1_a/migration.sql", "");
  put(f, "plain/1_a.sql", "");
  put(f, "updown/1_a/up.sql", "");
  put(f, "neither/README.md", "");
  assert_string_equal(format_name(f, "lock", NULL), "prisma");
  assert_string_equal(format_name(f, "prisma", NULL), "prisma");
  assert_string_equal(format_name(f, "plain", NULL), "plain");
  assert_string_equal(format_name(f, "updown", NULL), "plain");
  assert_string_equal(format_name(f, "neither", "prisma"), "prisma");
  assert_null(format_name(f, "neither", NULL));
  assert_null(format_name(f, "absent", NULL));
  assert_null(format_name(f, "absent", "prisma"));
  assert_null(format_name(f, "plain", "flyway"));
  assert_null(migration_format_find("flyway"));
  const struct migration_format *prisma = migration_format_find("prisma");
  assert_string_equal(prisma->ledger_table, "_prisma_migrations");
  assert_int_equal(prisma->lock_key, 72707369);
  assert_string_equal(migration_format_find("plain")->ledger_table, "belay_migrations");
  assert_int_equal(migration_format_find("plain")->lock_key, 0);
}

static void test_find_dir(void **state)
{
  struct fixture *f = *state;
  assert_null(migration_find_dir(f->arena, f->dir));
  put(f, "migrations/README.md", "");
  assert_null(migration_find_dir(f->arena, f->dir));
  put(f, "db/migrations/1.sql", "");
  assert_string_equal(migration_find_dir(f->arena, f->dir),
                      fs_join(f->arena, f->dir, "db/migrations"));
  put(f, "prisma/migrations/migration_lock.toml", "");
  assert_string_equal(migration_find_dir(f->arena, f->dir),
                      fs_join(f->arena, f->dir, "prisma/migrations"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_prisma_directory), TEST(test_prisma_errors), TEST(test_plain_directory),
      TEST(test_plain_errors),     TEST(test_formats),       TEST(test_find_dir),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
