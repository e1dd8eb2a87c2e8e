#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "catalog/model.h"

static const struct {
  const char *text, *canonical;
} cases[] = {
    {"CHECK ((a > 0))", "CHECK ((a > 0))"},
    {"CHECK (((a)::text = ANY ((ARRAY['x'::character varying, 'y'::character varying])::text[])))",
     "CHECK (((a)::text = ANY (ARRAY[('x'::character varying)::text, ('y'::character "
     "varying)::text])))"},
    /* quotes, brackets and commas inside elements */
    {"x = ANY ((ARRAY['it''s, (ARRAY['::character varying])::text[])",
     "x = ANY (ARRAY[('it''s, (ARRAY['::character varying)::text])"},
    {"x = ANY ((ARRAY[f(1, 2), a[3]])::bigint[])",
     "x = ANY (ARRAY[(f(1, 2))::bigint, (a[3])::bigint])"},
    {"(ARRAY[1])::double precision[]", "ARRAY[(1)::double precision]"},
    {"(ARRAY[a])::\"odd (type\"[]", "ARRAY[(a)::\"odd (type\"]"},
    /* text, not expressions */
    {"'(ARRAY[1])::text[]'", "'(ARRAY[1])::text[]'"},
    /* other shapes stay */
    {"(ARRAY[1, 2])", "(ARRAY[1, 2])"},
    {"(ARRAY[1])::text", "(ARRAY[1])::text"},
    {"(ARRAY[1", "(ARRAY[1"},
};

static void texts_become_lasting(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    const char *once = catalog_canonical(arena, cases[i].text);
    assert_string_equal(once, cases[i].canonical);
    assert_string_equal(catalog_canonical(arena, once), once);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(texts_become_lasting)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
