/* The parts of the catalog that need no server, on catalogs made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalog/model.h"

static struct catalog_object *make(struct arena *arena, enum catalog_kind kind,
                                   const char *identity)
{
  static uint32_t next_oid = 20000;
  struct catalog_object *o = ARENA_NEW(arena, struct catalog_object);
  o->kind = kind;
  o->class_oid = 1000 + (uint32_t)kind;
  o->oid = next_oid++;
  o->identity = o->name = arena_strdup(arena, identity);
  return o;
}

static void needs(struct arena *arena, struct catalog_object *o, struct catalog_object *needed)
{
  struct catalog_object **grown = arena_alloc(arena, (o->depends_on_count + 1) * sizeof(*grown));
  for (size_t i = 0; i < o->depends_on_count; i++)
    grown[i] = o->depends_on[i];
  grown[o->depends_on_count++] = needed;
  o->depends_on = grown;
}

static void test_graph_order(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct graph *g = graph_new(arena, 5);
  size_t order[5], component[5];
  graph_edge(g, 0, 4); /* 0 needs 4 */
  graph_edge(g, 4, 2);
  graph_edge(g, 1, 1); /* itself: ignored */
  assert_int_equal(graph_order(g, order), 5);
  static const size_t expected[] = {1, 2, 3, 4, 0};
  assert_memory_equal(order, expected, sizeof(expected));
  assert_false(graph_components(g, component));
}

static void test_graph_circles(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct graph *g = graph_new(arena, 6);
  size_t order[6], component[6];
  graph_edge(g, 0, 1);
  graph_edge(g, 1, 2);
  graph_edge(g, 2, 0);
  graph_edge(g, 3, 0);
  graph_edge(g, 4, 5);
  graph_edge(g, 5, 4);
  assert_int_equal(graph_order(g, order), 0);
  assert_true(graph_components(g, component));
  assert_true(component[0] == component[1] && component[1] == component[2]);
  assert_true(component[4] == component[5] && component[4] != component[0]);
  assert_true(component[3] != component[0] && component[3] != component[4]);
}

static void test_sort(void **state)
{
  UNUSED(state);
  CLEANUP(err_clear) struct err err = ERR_INIT;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct catalog_object *view = make(arena, CATALOG_VIEW, "v");
  struct catalog_object *table = make(arena, CATALOG_TABLE, "t");
  struct catalog_object *column = make(arena, CATALOG_COLUMN, "t.c");
  struct catalog_object *function = make(arena, CATALOG_FUNCTION, "f()");
  struct catalog_object *outside = make(arena, CATALOG_ENUM, "e");
  column->parent = table;
  needs(arena, column, table);
  needs(arena, column, view); /* so its table needs the view, too */
  needs(arena, view, function);
  needs(arena, function, outside); /* not among the objects */
  struct catalog_object *all[] = {column, table, view, function};
  struct catalog_objects sorted;
  assert_int_equal(catalog_sort(arena, all, COUNT_OF(all), &sorted, &err), 0);
  struct catalog_object *expected[] = {function, view, table, column};
  assert_int_equal(sorted.len, COUNT_OF(expected));
  assert_memory_equal(sorted.at, expected, sizeof(expected));
  assert_int_equal(catalog_sort(arena, NULL, 0, &sorted, &err), 0);
  assert_int_equal(sorted.len, 0);
  needs(arena, function, table);
  assert_int_equal(catalog_sort(arena, all, COUNT_OF(all), &sorted, &err), -1);
  assert_int_equal(err.code, ERR_REFUSED);
  assert_non_null(strstr(err.message, "function f()"));
  assert_non_null(strstr(err.message, "view v"));
}

static void assert_statements(struct arena *arena, const struct catalog_object *o, const char *from,
                              const char *to, const char *expected)
{
  struct strings found = catalog_acl_statements(arena, o, from, to);
  CLEANUP(text_clear) struct text text = TEXT_INIT;
  for (size_t i = 0; i < found.len; i++)
    text_printf(&text, "%s;", found.at[i]);
  assert_string_equal(text.data, expected);
}

static void test_acl(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct catalog_object *t = make(arena, CATALOG_TABLE, "public.t");
  t->default_acl = "own=arwdDxt/own";
  assert_statements(arena, t, NULL, NULL, "");
  assert_statements(arena, t, NULL, "own=arwdDxt/own\na=r/own\n=rw/own",
                    "GRANT SELECT ON TABLE public.t TO a;"
                    "GRANT SELECT, UPDATE ON TABLE public.t TO PUBLIC;");
  assert_statements(arena, t, "own=arwdDxt/own\na=r/own", NULL,
                    "REVOKE SELECT ON TABLE public.t FROM a;");
  assert_statements(arena, t, NULL, "",
                    "REVOKE SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON TABLE "
                    "public.t FROM own;");
  assert_statements(arena, t, "a=r/own", "a=r*w/own",
                    "GRANT UPDATE ON TABLE public.t TO a;"
                    "GRANT SELECT ON TABLE public.t TO a WITH GRANT OPTION;");
  assert_statements(arena, t, "a=r*w/own", "a=r/own",
                    "REVOKE UPDATE ON TABLE public.t FROM a;"
                    "REVOKE GRANT OPTION FOR SELECT ON TABLE public.t FROM a;");
  /* two grantors count as one grantee; names are quoted as the server does it */
  assert_statements(arena, t, "", "\"we\"\"ird = role/x\"=r/own\n\"we\"\"ird = role/x\"=w/b",
                    "GRANT SELECT, UPDATE ON TABLE public.t TO \"we\"\"ird = role/x\";");
  struct catalog_object *c = make(arena, CATALOG_COLUMN, "Odd");
  c->parent = t;
  c->default_acl = "";
  assert_statements(arena, c, NULL, "a=rw/own",
                    "GRANT SELECT (\"Odd\"), UPDATE (\"Odd\") ON TABLE public.t TO a;");
}

static struct catalog catalog_of(struct arena *arena, struct catalog_object **objects, size_t count,
                                 bool indexed)
{
  struct catalog c = {.objects = objects, .object_count = count};
  if (indexed)
    catalog_build_index(arena, &c);
  return c;
}

/* Look-ups work with and without the index. */
static void test_lookups(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  for (int indexed = 0; indexed < 2; indexed++) {
    struct catalog_object *t = make(arena, CATALOG_TABLE, "t"),
                          *u = make(arena, CATALOG_TABLE, "u");
    struct catalog_object *b = make(arena, CATALOG_COLUMN, "t.b");
    struct catalog_object *a = make(arena, CATALOG_COLUMN, "t.a");
    b->parent = a->parent = t;
    b->oid = a->oid = t->oid;
    b->subid = 1;
    a->subid = 2;
    struct catalog_object *all[] = {t, u, a, b};
    struct catalog c = catalog_of(arena, all, COUNT_OF(all), indexed);
    assert_ptr_equal(catalog_find_name(&c, CATALOG_TABLE, "u"), u);
    assert_null(catalog_find_name(&c, CATALOG_VIEW, "u"));
    assert_null(catalog_find_name(&c, CATALOG_TABLE, "x"));
    assert_ptr_equal(catalog_find(&c, CATALOG_COLUMN, t->oid, 2), a);
    assert_null(catalog_find(&c, CATALOG_COLUMN, t->oid, 3));
    assert_null(catalog_find(&c, CATALOG_INDEX, t->oid, 0));
    struct catalog_objects children = catalog_children(arena, &c, t, CATALOG_COLUMN);
    assert_int_equal(children.len, 2);
    assert_ptr_equal(children.at[0], b); /* position order */
    assert_ptr_equal(children.at[1], a);
    assert_int_equal(catalog_children(arena, &c, u, CATALOG_COLUMN).len, 0);
    assert_int_equal(catalog_children(arena, &c, t, CATALOG_INDEX).len, 0);
  }
}

static void test_properties(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct catalog_object *o = make(arena, CATALOG_TABLE, "t");
  assert_null(catalog_get(o, "owner"));
  catalog_set(arena, o, "owner", "me");
  catalog_set(arena, o, "acl", "");
  catalog_set(arena, o, "zebra", NULL);
  catalog_set(arena, o, "owner", "you");
  assert_int_equal(o->property_count, 3);
  assert_string_equal(catalog_get(o, "owner"), "you");
  assert_true(catalog_is(o, "acl", ""));
  assert_null(catalog_get(o, "zebra"));
  assert_false(catalog_is(o, "zebra", "x"));
  assert_string_equal(o->properties[0].name, "acl"); /* sorted */
  struct strings strings = catalog_json_strings(arena, "[\"a\", \"b \\\"c\\\"\"]");
  assert_int_equal(strings.len, 2);
  assert_string_equal(strings.at[1], "b \"c\"");
  assert_int_equal(catalog_json_strings(arena, NULL).len, 0);
  assert_int_equal(catalog_json_strings(arena, "not json").len, 0);
}

/* Where one text ends and the next begins counts; an absent property is as none. */
static void test_fingerprint(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  static const char *const texts[][2] = {{"ab", "c"}, {"a", "bc"}, {"abc", ""}, {"abc", NULL}};
  char hex[COUNT_OF(texts)][65];
  for (size_t i = 0; i < COUNT_OF(texts); i++) {
    struct catalog_object *o = make(arena, CATALOG_TABLE, "t");
    catalog_set(arena, o, "x", texts[i][0]);
    catalog_set(arena, o, "y", texts[i][1]);
    struct catalog c = catalog_of(arena, &o, 1, true);
    catalog_fingerprint(&c, 0, hex[i]);
    assert_int_equal(strlen(hex[i]), 64);
    for (size_t k = 0; k < i; k++)
      assert_string_not_equal(hex[i], hex[k]);
  }
  struct catalog_object *o = make(arena, CATALOG_TABLE, "t");
  catalog_set(arena, o, "x", "abc");
  struct catalog c = catalog_of(arena, &o, 1, true);
  char without[65];
  catalog_fingerprint(&c, 0, without);
  assert_string_equal(without, hex[3]);
}

static void test_dollar_quote(void **state)
{
  UNUSED(state);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  assert_string_equal(catalog_dollar_quote(arena, "x"), "$belay$x$belay$");
  assert_string_equal(catalog_dollar_quote(arena, "$belay$ $belay1$"),
                      "$belay2$$belay$ $belay1$$belay2$");
  assert_string_equal(catalog_dollar_quote(arena, "x$belay"), "$belay1$x$belay$belay1$");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_graph_order), cmocka_unit_test(test_graph_circles),
      cmocka_unit_test(test_sort),        cmocka_unit_test(test_acl),
      cmocka_unit_test(test_lookups),     cmocka_unit_test(test_properties),
      cmocka_unit_test(test_fingerprint), cmocka_unit_test(test_dollar_quote),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
