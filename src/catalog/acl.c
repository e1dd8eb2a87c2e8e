/* Privileges: from one acl text to another. An acl text is aclitems, one a line:
 * "grantee=privileges/grantor", where the grantee is empty for PUBLIC and a privilege letter
 * followed by * can be granted on. */
#include "catalog/model.h"

static const struct {
  char letter;
  const char *word;
} privileges[] = {{'r', "SELECT"},   {'a', "INSERT"},     {'w', "UPDATE"},  {'d', "DELETE"},
                  {'D', "TRUNCATE"}, {'x', "REFERENCES"}, {'t', "TRIGGER"}, {'m', "MAINTAIN"},
                  {'U', "USAGE"},    {'C', "CREATE"},     {'c', "CONNECT"}, {'T', "TEMPORARY"},
                  {'X', "EXECUTE"}};

struct acl_entry {
  const char *grantee;      /* "" = PUBLIC */
  uint32_t held, grantable; /* bits: index in privileges */
};
VEC_TYPE(acl, struct acl_entry);

static struct acl_entry *entry_of(struct arena *arena, struct acl *acl, const char *grantee)
{
  for (size_t i = 0; i < acl->len; i++)
    if (strcmp(acl->at[i].grantee, grantee) == 0)
      return &acl->at[i];
  struct acl_entry *entry = vec_add(arena, acl);
  entry->grantee = grantee;
  return entry;
}

/* Unquotes a role name; returns where it ends. */
static const char *read_role(struct arena *arena, const char *p, const char **ret_name)
{
  CLEANUP(text_clear) struct text name = TEXT_INIT;
  for (bool quoted = false; *p && (quoted || (*p != '=' && *p != '/' && *p != '\n')); p++) {
    if (*p == '"' && quoted && p[1] == '"')
      text_putc(&name, *p++);
    else if (*p == '"')
      quoted = !quoted;
    else
      text_putc(&name, *p);
  }
  *ret_name = arena_strdup(arena, name.data);
  return p;
}

static struct acl read_acl(struct arena *arena, const char *text)
{
  struct acl acl = {0};
  const char *name;
  for (const char *p = text; p && *p;) {
    p = read_role(arena, p, &name);
    struct acl_entry *entry = entry_of(arena, &acl, name);
    for (p += *p == '='; *p && *p != '/' && *p != '\n'; p++)
      for (size_t i = 0; i < COUNT_OF(privileges); i++)
        if (privileges[i].letter == *p) {
          entry->held |= 1U << i;
          if (p[1] == '*')
            entry->grantable |= 1U << i;
        }
    p = read_role(arena, p + (*p == '/'), &name);
    p += *p == '\n';
  }
  return acl;
}

struct acl_target {
  struct arena *arena;
  char *name;    /* what follows ON: "TABLE public.orders" */
  char *column;  /* privileges of one column: its name; else NULL */
  char *prefix;  /* before GRANT and REVOKE */
  bool database; /* the current one: names are written as for format() */
  struct strings *statements;
};

static struct acl_target target_of(struct arena *arena, const struct catalog_object *o)
{
  struct acl_target t = {.arena = arena, .prefix = arena_strdup(arena, "")};
  switch (o->kind) {
  case CATALOG_DATABASE:
    t.name = arena_strdup(arena, "DATABASE %1$I");
    t.database = true;
    break;
  case CATALOG_COLUMN:
    t.name = arena_printf(arena, "TABLE %s", o->parent ? o->parent->identity : "");
    t.column = sql_ident(arena, o->name);
    break;
  case CATALOG_DEFAULT_ACL:
    t.name = arena_strdup(arena, o->name);
    t.prefix = arena_printf(arena, "ALTER DEFAULT PRIVILEGES FOR ROLE %s %s%s%s",
                            sql_ident(arena, catalog_get(o, "role")), o->schema ? "IN SCHEMA " : "",
                            o->schema ? sql_ident(arena, o->schema) : "", o->schema ? " " : "");
    break;
  case CATALOG_FUNCTION:
    t.name = catalog_reference(arena, o);
    break;
  default:
    t.name = arena_printf(arena, "%s %s", catalog_ops(o->kind)->grant_name, o->identity);
  }
  return t;
}

static char *role_name(const struct acl_target *t, const char *role)
{
  if (!*role)
    return arena_strdup(t->arena, "PUBLIC");
  if (!t->database)
    return sql_ident(t->arena, role);
  if (strcmp(role, "pg_database_owner") == 0)
    return arena_strdup(t->arena, "%2$I");
  return catalog_escape_percent(t->arena, sql_ident(t->arena, role));
}

static char *privilege_list(const struct acl_target *t, uint32_t bits)
{
  CLEANUP(text_clear) struct text list = TEXT_INIT;
  for (size_t i = 0; i < COUNT_OF(privileges); i++) {
    if (!(bits & (1U << i)))
      continue;
    text_printf(&list, "%s%s", list.len ? ", " : "", privileges[i].word);
    if (t->column)
      text_printf(&list, " (%s)", t->column);
  }
  return arena_strdup(t->arena, list.data);
}

static void add(const struct acl_target *t, const char *before, uint32_t bits, const char *after)
{
  if (!bits)
    return;
  char *sql = arena_printf(t->arena, "%s%s%s ON %s %s", t->prefix, before, privilege_list(t, bits),
                           t->name, after);
  vec_push(t->arena, t->statements, t->database ? catalog_for_database(t->arena, sql) : sql);
}

static void revoke(const struct acl_target *t, const struct acl_entry *from,
                   const struct acl_entry *to)
{
  char *after = arena_printf(t->arena, "FROM %s", role_name(t, from->grantee));
  add(t, "REVOKE ", from->held & ~to->held, after);
  add(t, "REVOKE GRANT OPTION FOR ", from->grantable & ~to->grantable & to->held, after);
}

static void grant(const struct acl_target *t, const struct acl_entry *from,
                  const struct acl_entry *to)
{
  char *role = role_name(t, to->grantee);
  uint32_t grantable = to->grantable & ~from->grantable;
  add(t, "GRANT ", to->held & ~from->held & ~grantable, arena_printf(t->arena, "TO %s", role));
  add(t, "GRANT ", grantable, arena_printf(t->arena, "TO %s WITH GRANT OPTION", role));
}

static struct strings transition(struct acl_target *t, const char *from, const char *to)
{
  struct strings statements = {0};
  t->statements = &statements;
  struct acl before = read_acl(t->arena, from), after = read_acl(t->arena, to);
  for (size_t i = 0; i < before.len; i++)
    revoke(t, &before.at[i], entry_of(t->arena, &after, before.at[i].grantee));
  for (size_t i = 0; i < after.len; i++)
    grant(t, entry_of(t->arena, &before, after.at[i].grantee), &after.at[i]);
  return statements;
}

struct strings catalog_acl_statements(struct arena *arena, const struct catalog_object *object,
                                      const char *from, const char *to)
{
  struct acl_target t = target_of(arena, object);
  return transition(&t, from ? from : object->default_acl, to ? to : object->default_acl);
}

struct strings catalog_acl_statements_on(struct arena *arena, const char *name, const char *from,
                                         const char *to)
{
  struct acl_target t = {
      .arena = arena, .name = arena_strdup(arena, name), .prefix = arena_strdup(arena, "")};
  return transition(&t, from, to);
}

char *catalog_acl_sql(struct arena *arena, const struct catalog_object *object,
                      const char *from_acl)
{
  struct strings statements =
      catalog_acl_statements(arena, object, from_acl, catalog_get(object, "acl"));
  CLEANUP(text_clear) struct text sql = TEXT_INIT;
  for (size_t i = 0; i < statements.len; i++)
    text_printf(&sql, "%s;\n", statements.at[i]);
  return arena_strdup(arena, sql.data);
}
