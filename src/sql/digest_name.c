#include "sql/digest.h"
#include "sql/scan.h"

const char *digest_string(struct digest *d, const char *s)
{
  return s && *s ? arena_strdup(d->arena, s) : NULL;
}

struct sql_name digest_range_var(struct digest *d, const PgQuery__RangeVar *relation)
{
  if (!relation)
    return (struct sql_name){0};
  return (struct sql_name){.schema = digest_string(d, relation->schemaname),
                           .name = digest_string(d, relation->relname),
                           .only = !relation->inh};
}

const char *digest_string_node(struct digest *d, const PgQuery__Node *node)
{
  return NODE_IS(node, STRING) ? arena_strdup(d->arena, node->string->sval) : NULL;
}

struct sql_name digest_name_list(struct digest *d, PgQuery__Node *const *nodes, size_t count)
{
  struct sql_name name = {0};
  if (count > 0)
    name.name = digest_string_node(d, nodes[count - 1]);
  if (count > 1)
    name.schema = digest_string_node(d, nodes[count - 2]);
  if (!name.name)
    name.name = "?";
  return name;
}

const char *digest_last_name(struct digest *d, PgQuery__Node *const *nodes, size_t count)
{
  return count > 0 ? digest_string_node(d, nodes[count - 1]) : NULL;
}

static const char *name_part(struct digest *d, const char *text, struct sql_token token)
{
  bool quoted = token.kind == SQL_TOKEN_QUOTED;
  char *part = arena_strndup(d->arena, text + token.start + (quoted ? 1 : 0),
                             token.end - token.start - (quoted ? 2 : 0));
  for (char *c = part; !quoted && *c; c++)
    if (*c >= 'A' && *c <= 'Z')
      *c = (char)(*c - 'A' + 'a');
  return part;
}

struct sql_name digest_written_name(struct digest *d, const char *text)
{
  struct sql_name name = {0};
  if (!text)
    return name;
  struct sql_scan scan = sql_scan_begin(text, strlen(text));
  struct sql_token token = sql_scan_next_code(&scan);
  while (token.kind == SQL_TOKEN_WORD || token.kind == SQL_TOKEN_QUOTED) {
    name.schema = name.name;
    name.name = name_part(d, text, token);
    token = sql_scan_next_code(&scan);
    if (!sql_token_is_char(&scan, token, '.'))
      break;
    token = sql_scan_next_code(&scan);
  }
  return token.kind == SQL_TOKEN_END ? name : (struct sql_name){0};
}

void digest_strings(struct digest *d, PgQuery__Node *const *nodes, size_t count,
                    struct strings *ret)
{
  for (size_t i = 0; i < count; i++) {
    const char *s = digest_string_node(d, nodes[i]);
    if (s)
      vec_push(d->arena, ret, s);
  }
}

static const struct {
  const char *internal, *spoken;
} type_names[] = {
    {"int2", "smallint"},
    {"int4", "integer"},
    {"int8", "bigint"},
    {"float4", "real"},
    {"float8", "double precision"},
    {"bool", "boolean"},
    {"varchar", "character varying"},
    {"bpchar", "character"},
    {"varbit", "bit varying"},
    {"timestamptz", "timestamp with time zone"},
    {"timetz", "time with time zone"},
    {"timestamp", "timestamp without time zone"},
    {"time", "time without time zone"},
};

enum { INTERVAL_DIGITS = 6 }; /* where no fewer are written */

static const char *type_text(struct digest *d, const struct sql_type *type)
{
  struct text t = TEXT_INIT;
  const char *name = type->name.name;
  for (size_t i = 0; i < COUNT_OF(type_names) && !type->name.schema; i++)
    if (strcmp(type_names[i].internal, name) == 0)
      name = type_names[i].spoken;
  if (type->name.schema)
    text_printf(&t, "%s.", type->name.schema);
  text_puts(&t, name);
  for (int i = 0; i < type->modifier_count; i++)
    text_printf(&t, "%s%d", i == 0 ? "(" : ",", type->modifiers[i]);
  if (type->modifier_count > 0)
    text_puts(&t, ")");
  for (int i = 0; i < type->array_dimensions; i++)
    text_puts(&t, "[]");
  char *result = arena_strdup(d->arena, t.data);
  text_clear(&t);
  return result;
}

static void digest_modifiers(const PgQuery__TypeName *type, struct sql_type *ret)
{
  bool interval = !ret->name.schema && strcmp(ret->name.name, "interval") == 0;
  if (interval && type->n_typmods == 1)
    ret->modifiers[1] = INTERVAL_DIGITS;
  for (size_t i = 0; i < type->n_typmods; i++) {
    const PgQuery__Node *node = type->typmods[i];
    bool plain = NODE_IS(node, A_CONST) && i < SQL_TYPE_MODIFIERS_MAX &&
                 node->a_const->val_case == PG_QUERY__A__CONST__VAL_IVAL;
    if (plain)
      ret->modifiers[i] = node->a_const->ival->ival;
    if (plain && !interval)
      ret->modifier_count++;
    else
      ret->odd_modifiers = true;
  }
}

struct sql_type digest_type(struct digest *d, const PgQuery__TypeName *type)
{
  struct sql_type result = {.name = digest_name_list(d, type->names, type->n_names)};
  if (result.name.schema && strcmp(result.name.schema, "pg_catalog") == 0)
    result.name.schema = NULL;
  digest_modifiers(type, &result);
  result.array_dimensions = (int)type->n_array_bounds;
  result.text = type_text(d, &result);
  return result;
}

struct sql_options digest_options(struct digest *d, PgQuery__Node *const *nodes, size_t count)
{
  struct sql_options options = {0};
  for (size_t i = 0; i < count; i++) {
    if (!NODE_IS(nodes[i], DEF_ELEM))
      continue;
    const PgQuery__DefElem *element = nodes[i]->def_elem;
    const char *space = digest_string(d, element->defnamespace);
    const char *name = arena_strdup(d->arena, element->defname);
    struct sql_option *option = vec_add(d->arena, &options);
    option->name = space ? arena_printf(d->arena, "%s.%s", space, name) : name;
    option->value = digest_value(d, element->arg);
  }
  return options;
}

const char *digest_role(struct digest *d, const PgQuery__RoleSpec *role)
{
  if (!role)
    return NULL;
  switch (role->roletype) {
  case PG_QUERY__ROLE_SPEC_TYPE__ROLESPEC_CSTRING:
    return arena_strdup(d->arena, role->rolename);
  case PG_QUERY__ROLE_SPEC_TYPE__ROLESPEC_CURRENT_ROLE:
    return "current_role";
  case PG_QUERY__ROLE_SPEC_TYPE__ROLESPEC_CURRENT_USER:
    return "current_user";
  case PG_QUERY__ROLE_SPEC_TYPE__ROLESPEC_SESSION_USER:
    return "session_user";
  default:
    return "public";
  }
}

struct strings digest_roles(struct digest *d, PgQuery__Node *const *nodes, size_t count)
{
  struct strings roles = {0};
  for (size_t i = 0; i < count; i++)
    if (NODE_IS(nodes[i], ROLE_SPEC))
      vec_push(d->arena, &roles, digest_role(d, nodes[i]->role_spec));
  return roles;
}

const char *digest_collation(struct digest *d, const PgQuery__CollateClause *clause)
{
  return clause ? digest_last_name(d, clause->collname, clause->n_collname) : NULL;
}
