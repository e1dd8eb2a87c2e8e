/* store_fixture.h: a fresh place in a temporary directory for each test, and short words for
 * what should and should not work. Include the cmocka headers first.
 */
#pragma once

#include "base/base.h"
#include "base/fs.h"
#include "store/place.h"

struct fixture {
  struct arena *arena;
  char *dir;           /* removed after the test */
  struct place *place; /* dir/store */
  struct err err;      /* clear between calls */
};

static inline int set_up(void **state)
{
  struct fixture *f = x_calloc(1, sizeof(*f));
  f->arena = arena_new();
  *state = f;
  if (fs_temp_dir(f->arena, "belay-store-", &f->dir, &f->err) < 0)
    return -1;
  return place_open(arena_printf(f->arena, "file:%s/store", f->dir), &f->place, &f->err);
}

static inline int tear_down(void **state)
{
  struct fixture *f = *state;
  place_close(f->place);
  err_clear(&f->err);
  int status = fs_remove_tree(f->dir, &f->err);
  arena_free(f->arena);
  free(f);
  return status;
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static inline void ok(struct fixture *f, int status)
{
  if (status < 0)
    fail_msg("%s", f->err.message);
}

static inline void fails(struct fixture *f, int status, enum err_code code, const char *part)
{
  assert_int_equal(status, -1);
  if (f->err.code != code || !strstr(f->err.message, part))
    fail_msg("%s: \"%s\" does not say \"%s\"", err_code_name(f->err.code), f->err.message, part);
  err_clear(&f->err);
}

/* Same, and the hint. */
static inline void fails_with_hint(struct fixture *f, int status, enum err_code code,
                                   const char *part, const char *hint)
{
  if (status < 0 && (!f->err.hint || !strstr(f->err.hint, hint)))
    fail_msg("\"%s\": the hint is \"%s\"", f->err.message, f->err.hint ? f->err.hint : "");
  fails(f, status, code, part);
}

static inline char *path_of(struct fixture *f, const char *name)
{
  return fs_join(f->arena, f->dir, name);
}
