#include "backup/marks.h"

#include <jansson.h>

#include "base/json.h"

static const char lead[] = "belay {";

/* The table that the object belongs to. */
static const char *table_of(const struct catalog *c, const struct catalog_statement *s)
{
  const struct catalog_object *o = s->object;
  if (o->parent)
    return o->parent->identity;
  if (o->kind == CATALOG_TABLE && s->purpose == CATALOG_FOR_ATTACH)
    return catalog_get(o, "partition_of");
  const char *owned_by = o->kind == CATALOG_SEQUENCE ? catalog_get(o, "owned_by") : NULL;
  const struct catalog_object *column =
      owned_by ? catalog_find_name(c, CATALOG_COLUMN, owned_by) : NULL;
  return column && column->parent ? column->parent->identity : NULL;
}

static void key_optional(struct jw *w, const char *key, const char *value)
{
  if (value)
    jw_key_string(w, key, value);
}

void mark_write(struct text *out, struct arena *arena, const struct catalog *c,
                const struct catalog_statement *s)
{
  const struct catalog_object *o = s->object;
  struct strings needs = catalog_statement_needs(arena, c, s);
  char *index, *constraint;
  text_puts(out, "-- belay ");
  struct jw w = jw_begin(out);
  jw_object(&w);
  jw_key_string(&w, "kind", catalog_kind_name(o->kind));
  jw_key_string(&w, "object", o->identity);
  jw_key_string(&w, "for", catalog_purpose_name(s->purpose));
  key_optional(&w, "table", table_of(c, s));
  key_optional(&w, "references", catalog_get(o, "referenced"));
  if (needs.len) {
    jw_key(&w, "needs");
    jw_array(&w);
    for (size_t i = 0; i < needs.len; i++)
      jw_string(&w, needs.at[i]);
    jw_end(&w);
  }
  if (s->purpose == CATALOG_FOR_CREATE && catalog_split_constraint(arena, o, &index, &constraint)) {
    jw_key_string(&w, "split_index", index);
    jw_key_string(&w, "split_constraint", constraint);
  }
  jw_end(&w);
  text_putc(out, '\n');
}

static void write_plain(struct text *out, const char *kind, const char *object, const char *purpose,
                        const char *table)
{
  text_puts(out, "-- belay ");
  struct jw w = jw_begin(out);
  jw_object(&w);
  jw_key_string(&w, "kind", kind);
  jw_key_string(&w, "object", object);
  jw_key_string(&w, "for", purpose);
  key_optional(&w, "table", table);
  jw_end(&w);
  text_putc(out, '\n');
}

void mark_write_value(struct text *out, const char *sequence, const char *table)
{
  write_plain(out, catalog_kind_name(CATALOG_SEQUENCE), sequence, "value", table);
}

void mark_write_large_objects(struct text *out, enum catalog_purpose purpose, const char *objects,
                              const char *sql)
{
  write_plain(out, "large object", objects, catalog_purpose_name(purpose), NULL);
  text_printf(out, "%s;\n", sql);
}

bool mark_is(const char *comment)
{
  return strncmp(comment, lead, strlen(lead)) == 0;
}

static const char *get(struct arena *arena, const json_t *json, const char *key)
{
  return arena_strdup(arena, json_string_value(json_object_get(json, key)));
}

int mark_read(struct arena *arena, const char *comment, struct mark *ret, struct err *err)
{
  json_error_t why;
  json_t *json = json_loads(comment + strlen(lead) - 1, 0, &why);
  if (!json)
    return err_set(err, ERR_DAMAGED, "a mark in the schema is not JSON: %s (%.100s)", why.text,
                   comment);
  struct mark mark = {
      .kind = get(arena, json, "kind"),
      .object = get(arena, json, "object"),
      .purpose = get(arena, json, "for"),
      .table = get(arena, json, "table"),
      .references = get(arena, json, "references"),
      .split_index = get(arena, json, "split_index"),
      .split_constraint = get(arena, json, "split_constraint"),
  };
  const json_t *needs = json_object_get(json, "needs");
  for (size_t i = 0; i < json_array_size(needs); i++) {
    const char *title = json_string_value(json_array_get(needs, i));
    if (title)
      vec_push(arena, &mark.needs, arena_strdup(arena, title));
  }
  json_decref(json);
  if (!mark.kind || !mark.object || !mark.purpose)
    return err_set(err, ERR_DAMAGED, "a mark in the schema lacks kind, object or purpose: %.100s",
                   comment);
  *ret = mark;
  return 0;
}

char *mark_title(struct arena *arena, const struct mark *mark)
{
  return arena_printf(arena, "%s %s", mark->kind, mark->object);
}

bool mark_is_for(const struct mark *mark, enum catalog_purpose purpose)
{
  return mark->kind && strcmp(mark->purpose, catalog_purpose_name(purpose)) == 0;
}

bool mark_is_kind(const struct mark *mark, enum catalog_kind kind)
{
  return mark->kind && strcmp(mark->kind, catalog_kind_name(kind)) == 0;
}
