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
  const char *grantor;      /* NULL: the owner */
  uint32_t held, grantable; /* bits: index in privileges */
};
VEC_TYPE(acl, struct acl_entry);

static bool same_role(const char *a, const char *b)
{
  return a == b || (a && b && strcmp(a, b) == 0);
}

static struct acl_entry *entry_of(struct arena *arena, struct acl *acl, const char *grantee,
                                  const char *grantor)
{
  for (size_t i = 0; i < acl->len; i++)
    if (strcmp(acl->at[i].grantee, grantee) == 0 && same_role(acl->at[i].grantor, grantor))
      return &acl->at[i];
  struct acl_entry *entry = vec_add(arena, acl);
  entry->grantee = grantee;
  entry->grantor = grantor;
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

/* owner: NULL, when it does not matter by whom something was granted. */
static struct acl read_acl(struct arena *arena, const char *text, const char *owner)
{
  struct acl acl = {0};
  const char *grantee, *grantor;
  for (const char *p = text; p && *p;) {
    struct acl_entry granted = {0};
    p = read_role(arena, p, &grantee);
    for (p += *p == '='; *p && *p != '/' && *p != '\n'; p++)
      for (size_t i = 0; i < COUNT_OF(privileges); i++)
        if (privileges[i].letter == *p) {
          granted.held |= 1U << i;
          if (p[1] == '*')
            granted.grantable |= 1U << i;
        }
    p = read_role(arena, p + (*p == '/'), &grantor);
    p += *p == '\n';
    bool by_owner = !owner || strcmp(grantor, owner) == 0;
    struct acl_entry *entry = entry_of(arena, &acl, grantee, by_owner ? NULL : grantor);
    entry->held |= granted.held;
    entry->grantable |= granted.grantable;
  }
  return acl;
}

struct acl_target {
  struct arena *arena;
  char *name;        /* what follows ON: "TABLE public.orders" */
  char *column;      /* privileges of one column: its name; else NULL */
  char *prefix;      /* before GRANT and REVOKE */
  bool database;     /* the current one: names are written as for format() */
  const char *owner; /* NULL: everything is granted by whoever runs the statement */
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

/* A grant by another than the owner is the basis of what that role granted on: made as that role,
 * in one statement, so that the role is given back whatever happens. */
static char *as_grantor(const struct acl_target *t, const char *grantor, const char *sql)
{
  char *body = arena_printf(t->arena,
                            "DECLARE\n  before text := pg_catalog.current_setting('role');\nBEGIN\n"
                            "  SET LOCAL ROLE %s;\n  %s;\n"
                            "  PERFORM pg_catalog.set_config('role', before, true);\nEND",
                            sql_ident(t->arena, grantor), sql);
  return arena_printf(t->arena, "DO %s", catalog_dollar_quote(t->arena, body));
}

static void add(const struct acl_target *t, const char *before, uint32_t bits,
                const struct acl_entry *entry, const char *after)
{
  if (!bits)
    return;
  char *sql =
      arena_printf(t->arena, "%s%s%s ON %s %s %s%s", t->prefix, before, privilege_list(t, bits),
                   t->name, *before == 'R' ? "FROM" : "TO", role_name(t, entry->grantee), after);
  if (entry->grantor)
    sql = as_grantor(t, entry->grantor, sql);
  vec_push(t->arena, t->statements, t->database ? catalog_for_database(t->arena, sql) : sql);
}

static void revoke(const struct acl_target *t, const struct acl_entry *from,
                   const struct acl_entry *to)
{
  add(t, "REVOKE ", from->held & ~to->held, from, "");
  add(t, "REVOKE GRANT OPTION FOR ", from->grantable & ~to->grantable & to->held, from, "");
}

static void grant(const struct acl_target *t, const struct acl_entry *from,
                  const struct acl_entry *to)
{
  uint32_t grantable = to->grantable & ~from->grantable;
  add(t, "GRANT ", to->held & ~from->held & ~grantable, to, "");
  add(t, "GRANT ", grantable, to, " WITH GRANT OPTION");
}

static struct strings transition(struct acl_target *t, const char *from, const char *to)
{
  struct strings statements = {0};
  t->statements = &statements;
  struct acl before = read_acl(t->arena, from, t->owner);
  struct acl after = read_acl(t->arena, to, t->owner);
  for (size_t i = 0; i < before.len; i++) {
    struct acl_entry e = before.at[i];
    revoke(t, &e, entry_of(t->arena, &after, e.grantee, e.grantor));
  }
  for (size_t i = 0; i < after.len; i++) {
    struct acl_entry e = after.at[i];
    grant(t, entry_of(t->arena, &before, e.grantee, e.grantor), &e);
  }
  return statements;
}

static struct strings from_acl_to_acl(struct acl_target *t, const struct catalog_object *object,
                                      const char *from, const char *to)
{
  return transition(t, from ? from : object->default_acl, to ? to : object->default_acl);
}

struct strings catalog_acl_statements(struct arena *arena, const struct catalog_object *object,
                                      const char *from, const char *to)
{
  struct acl_target t = target_of(arena, object);
  return from_acl_to_acl(&t, object, from, to);
}

struct strings catalog_acl_statements_new(struct arena *arena, const struct catalog_object *object)
{
  const struct catalog_object *owned = object->kind == CATALOG_COLUMN ? object->parent : object;
  struct acl_target t = target_of(arena, object);
  t.owner = owned ? catalog_get(owned, "owner") : NULL;
  return from_acl_to_acl(&t, object, NULL, catalog_get_written(arena, object, "acl"));
}

struct strings catalog_acl_statements_on(struct arena *arena, const char *name, const char *column,
                                         const char *from, const char *to)
{
  struct acl_target t = {.arena = arena,
                         .name = arena_strdup(arena, name),
                         .column = *column ? arena_strdup(arena, column) : NULL,
                         .prefix = arena_strdup(arena, "")};
  return transition(&t, from, to);
}

struct strings catalog_acl_statements_on_new(struct arena *arena, const char *name,
                                             const char *owner, const char *from, const char *to)
{
  struct acl_target t = {.arena = arena,
                         .name = arena_strdup(arena, name),
                         .prefix = arena_strdup(arena, ""),
                         .owner = owner};
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
