/* Statements that make an object, but for what only its kind knows (kinds/). */
#include "catalog/model.h"

void catalog_write(struct catalog_writer *w, const char *sql)
{
  if (!*sql)
    return;
  vec_push(w->arena, w->script,
           ((struct catalog_statement){
               .section = w->section,
               .purpose = w->purpose,
               .object = w->object,
               .sql = arena_printf(w->arena, "%s;\n", sql),
           }));
}

void catalog_writef(struct catalog_writer *w, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  char *sql = arena_vprintf(w->arena, fmt, args);
  va_end(args);
  catalog_write(w, sql);
}

void catalog_write_for(struct catalog_writer *w, enum catalog_purpose purpose, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  char *sql = arena_vprintf(w->arena, fmt, args);
  va_end(args);
  enum catalog_purpose before = w->purpose;
  w->purpose = purpose;
  catalog_write(w, sql);
  w->purpose = before;
}

const char *catalog_purpose_name(enum catalog_purpose purpose)
{
  static const char *const names[CATALOG_PURPOSE_COUNT] = {
#define X(name, word) [name] = (word),
      CATALOG_PURPOSES(X)
#undef X
  };
  return names[purpose];
}

int catalog_write_object(struct catalog_writer *w, const struct catalog_object *object,
                         struct err *err)
{
  w->object = object;
  return catalog_ops(object->kind)->create(w, object, err);
}

char *catalog_qualified(struct arena *arena, const struct catalog_object *o)
{
  return sql_qualified(arena, o->schema, o->name);
}

char *catalog_reference_on(struct arena *arena, const struct catalog_object *o)
{
  return arena_printf(arena, "%s ON %s", sql_ident(arena, o->name),
                      o->parent ? o->parent->identity : "");
}

/* NULL when statements cannot name it (a database, default privileges). */
char *catalog_reference(struct arena *arena, const struct catalog_object *o)
{
  const struct catalog_kind_ops *ops = catalog_ops(o->kind);
  const char *sql_name = o->kind == CATALOG_FUNCTION ? catalog_get(o, "routine")
                         : catalog_is_foreign(o)     ? "FOREIGN TABLE"
                                                     : ops->sql_name;
  if (!sql_name)
    return NULL;
  return arena_printf(arena, "%s %s", sql_name,
                      ops->reference ? ops->reference(arena, o) : o->identity);
}

char *catalog_dollar_quote(struct arena *arena, const char *body)
{
  char *tag = arena_strdup(arena, "$belay$");
  const char *before_tag = arena_printf(arena, "%s$", body); /* "x$belay" would end the tag early */
  for (int i = 1; strstr(before_tag, tag); i++)
    tag = arena_printf(arena, "$belay%d$", i);
  return arena_printf(arena, "%s%s%s", tag, body, tag);
}

char *catalog_for_database(struct arena *arena, const char *statement_format)
{
  char *body = arena_printf(
      arena,
      "BEGIN EXECUTE format(%s, current_database(), (SELECT pg_get_userbyid(datdba) FROM "
      "pg_catalog.pg_database WHERE datname = current_database())); END",
      sql_literal(arena, statement_format));
  return arena_printf(arena, "DO %s", catalog_dollar_quote(arena, body));
}

char *catalog_escape_percent(struct arena *arena, const char *s)
{
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  for (; *s; s++) {
    if (*s == '%')
      text_putc(&t, '%');
    text_putc(&t, *s);
  }
  return arena_strdup(arena, t.data);
}

/* The sequence of an identity column belongs to the owner of the table, always. */
static char *owner_statement(struct arena *arena, const struct catalog_object *o)
{
  const char *owner = catalog_get(o, "owner");
  char *reference = catalog_reference(arena, o);
  if (!owner || !reference || (o->kind == CATALOG_SEQUENCE && catalog_get(o, "identity")))
    return arena_strdup(arena, "");
  return arena_printf(arena, "ALTER %s OWNER TO %s", reference, sql_ident(arena, owner));
}

/* COMMENT ON DATABASE needs the name, which the model does not have. */
static char *comment_statement(struct arena *arena, const struct catalog_object *o)
{
  char *value = sql_literal(arena, catalog_get(o, "comment"));
  char *reference = catalog_reference(arena, o);
  if (reference)
    return arena_printf(arena, "COMMENT ON %s IS %s", reference, value);
  if (o->kind != CATALOG_DATABASE)
    return arena_strdup(arena, "");
  return catalog_for_database(arena, arena_printf(arena, "COMMENT ON DATABASE %%1$I IS %s",
                                                  catalog_escape_percent(arena, value)));
}

void catalog_write_owner(struct catalog_writer *w, const struct catalog_object *o)
{
  catalog_write_for(w, CATALOG_FOR_OWNER, "%s", owner_statement(w->arena, o));
}

void catalog_write_acl(struct catalog_writer *w, const struct catalog_object *o)
{
  if (!catalog_get(o, "acl"))
    return;
  struct strings statements = catalog_acl_statements_new(w->arena, o);
  for (size_t i = 0; i < statements.len; i++)
    catalog_write_for(w, CATALOG_FOR_PRIVILEGES, "%s", statements.at[i]);
}

void catalog_write_comment(struct catalog_writer *w, const struct catalog_object *o)
{
  if (catalog_get(o, "comment"))
    catalog_write_for(w, CATALOG_FOR_COMMENT, "%s", comment_statement(w->arena, o));
  catalog_write_labels(w, o);
}

void catalog_write_labels(struct catalog_writer *w, const struct catalog_object *o)
{
  struct strings labels = catalog_label_statements(w->arena, o, NULL);
  for (size_t i = 0; i < labels.len; i++)
    catalog_write_for(w, CATALOG_FOR_LABEL, "%s", labels.at[i]);
}

char *catalog_foreign_options(struct arena *arena, const char *options)
{
  return options ? arena_printf(arena, " OPTIONS (%s)", options) : arena_strdup(arena, "");
}

int catalog_create_by_definition(struct catalog_writer *w, const struct catalog_object *o,
                                 struct err *err)
{
  UNUSED(err);
  catalog_write(w, catalog_get(o, "definition"));
  catalog_write_owner(w, o);
  catalog_write_acl(w, o);
  catalog_write_comment(w, o);
  return 0;
}

static char *ended(struct arena *arena, const char *statement)
{
  return arena_printf(arena, "%s%s", statement, *statement ? ";\n" : "");
}

char *catalog_owner_sql(struct arena *arena, const struct catalog_object *object)
{
  return ended(arena, owner_statement(arena, object));
}

char *catalog_comment_sql(struct arena *arena, const struct catalog_object *object)
{
  return ended(arena, comment_statement(arena, object));
}

char *catalog_drop_object(struct arena *arena, const struct catalog_object *object)
{
  const struct catalog_kind_ops *ops = catalog_ops(object->kind);
  char *reference = ops->drop ? NULL : catalog_reference(arena, object);
  char *sql = ops->drop   ? ops->drop(arena, object)
              : reference ? arena_printf(arena, "DROP %s", reference)
                          : NULL;
  return sql && *sql ? arena_printf(arena, "%s;", sql) : NULL;
}

enum catalog_section catalog_section_of(const struct catalog_object *o)
{
  /* A CHECK that is not validated comes after the rows, which need not satisfy it. */
  if (o->kind == CATALOG_CONSTRAINT && !catalog_is(o, "validated", "f") &&
      ((o->parent && o->parent->kind == CATALOG_DOMAIN) || catalog_is(o, "type", "c")))
    return CATALOG_PRE_DATA;
  return catalog_ops(o->kind)->section;
}

int catalog_create_object(struct arena *arena, const struct catalog *c,
                          const struct catalog_object *object, struct catalog_script *ret,
                          struct err *err)
{
  struct catalog_script script = *ret;
  struct catalog_writer w = {
      .arena = arena, .catalog = c, .script = &script, .section = catalog_section_of(object)};
  if (catalog_write_object(&w, object, err) < 0)
    return -1;
  *ret = script;
  return 0;
}
