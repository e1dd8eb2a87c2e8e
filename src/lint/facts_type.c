#include "lint/facts_private.h"

/* Enums, domains and the types of columns. */

enum { DOMAIN_DEPTH_MAX = 32 };

/* ---- look-ups ---- */

struct facts_type *facts_type_at(struct lint_facts *f, struct sql_name at)
{
  struct facts_slot *slot = facts_slot_at(f, &f->types, at);
  if (!slot->item) {
    struct facts_type *type = ARENA_NEW(f->arena, struct facts_type);
    type->at = at;
    facts_bind(f, &f->types, at, type);
  }
  return slot->item;
}

static struct facts_type *made(struct lint_facts *f, struct sql_name name)
{
  const struct sql_name at = {.schema = facts_creation_schema(f, name.schema), .name = name.name};
  facts_bind(f, &f->types, at, NULL);
  return facts_type_at(f, at);
}

struct facts_type *facts_type_find(const struct lint_facts *f, const struct sql_type *type)
{
  const struct facts_slot *slot = facts_find(f, &f->types, type->name);
  return slot ? slot->item : NULL;
}

static const char *plain_serial(const char *name)
{
  static const char *const serials[][2] = {{"serial", "int4"},      {"serial4", "int4"},
                                           {"bigserial", "int8"},   {"serial8", "int8"},
                                           {"smallserial", "int2"}, {"serial2", "int2"}};
  for (size_t i = 0; i < COUNT_OF(serials); i++)
    if (strcmp(serials[i][0], name) == 0)
      return serials[i][1];
  return NULL;
}

const struct sql_type *facts_type_of(struct lint_facts *f, const struct sql_type *type)
{
  const char *plain = type->name.schema ? NULL : plain_serial(type->name.name);
  const struct facts_type *own = type->name.schema || plain ? NULL : facts_type_find(f, type);
  if (*type->name.name == '\0')
    return NULL;
  if (!plain && !own)
    return type;
  struct sql_type *copy = ARENA_NEW(f->arena, struct sql_type);
  *copy = *type;
  if (own) {
    copy->name = own->at;
  } else {
    copy->name.name = plain;
    copy->text = strcmp(plain, "int4") == 0   ? "integer"
                 : strcmp(plain, "int8") == 0 ? "bigint"
                                              : "smallint";
  }
  return copy;
}

const struct sql_type *facts_type_read(struct lint_facts *f, const char *text)
{
  struct sql_type *type = text ? map_get(f->type_texts, text) : NULL;
  if (type || !text)
    return type && type->text ? type : NULL;
  type = ARENA_NEW(f->arena, struct sql_type);
  if (sql_type_read(f->arena, text, type) < 0)
    *type = (struct sql_type){0};
  map_put(f->type_texts, text, type);
  return type->text ? type : NULL;
}

struct lint_enum *lint_facts_enum(struct lint_facts *f, struct sql_name name)
{
  const struct facts_slot *slot = facts_find(f, &f->types, name);
  struct facts_type *type = slot ? slot->item : NULL;
  if (!type) {
    const struct sql_name at = {.schema = facts_creation_schema(f, name.schema), .name = name.name};
    type = facts_type_at(f, at);
    facts_slot_at(f, &f->types, at)->firm = false;
  }
  if (!type->labels) {
    type->labels = ARENA_NEW(f->arena, struct lint_enum);
    vec_push(f->arena, &f->enums, type->labels);
  }
  return type->labels;
}

const struct lint_enum *lint_facts_known_enum(const struct lint_facts *f, struct sql_name name)
{
  const struct facts_slot *slot = facts_find(f, &f->types, name);
  const struct facts_type *type = slot && slot->firm ? slot->item : NULL;
  return type && type->labels && type->labels->known ? type->labels : NULL;
}

struct lint_enums lint_facts_enums(struct lint_facts *f)
{
  struct lint_enums enums = {0};
  for (size_t i = 0; i < f->enums.len; i++)
    if (f->enums.at[i]->added_values.len > 0)
      vec_push(f->arena, &enums, f->enums.at[i]);
  return enums;
}

struct lint_domain *lint_facts_domain(struct lint_facts *f, struct sql_name name)
{
  const struct facts_slot *slot = facts_find(f, &f->types, name);
  const struct facts_type *type = slot ? slot->item : NULL;
  return type ? type->domain : NULL;
}

/* ---- domains ---- */

static const struct lint_domain *domain_of(const struct lint_facts *f, const struct sql_type *type)
{
  const struct facts_type *own = type->array_dimensions == 0 ? facts_type_find(f, type) : NULL;
  return own ? own->domain : NULL;
}

static bool is_constrained(const struct lint_domain *domain)
{
  bool constrained = domain->not_null;
  for (size_t i = 0; i < domain->constraints.len; i++)
    constrained = constrained || !domain->constraints.at[i]->dropped;
  return constrained;
}

/* Below all its domains; *ret_constrained: one of them refuses values. */
static struct sql_type base_type(const struct lint_facts *f, struct sql_type type,
                                 bool *ret_constrained)
{
  *ret_constrained = false;
  for (int depth = 0; depth < DOMAIN_DEPTH_MAX; depth++) {
    const struct lint_domain *domain = domain_of(f, &type);
    if (!domain)
      break;
    *ret_constrained = *ret_constrained || is_constrained(domain);
    type = domain->base;
  }
  return type;
}

bool lint_facts_type_is_constrained(struct lint_facts *f, const struct sql_type *type)
{
  bool constrained;
  base_type(f, *type, &constrained);
  return constrained;
}

static bool leads_to(const struct lint_facts *f, struct sql_type type,
                     const struct lint_domain *domain)
{
  type.array_dimensions = 0;
  for (int depth = 0; depth < DOMAIN_DEPTH_MAX; depth++) {
    const struct lint_domain *own = domain_of(f, &type);
    if (!own || own == domain)
      return own == domain;
    type = own->base;
    type.array_dimensions = 0;
  }
  return false;
}

static bool uses_domain(const struct lint_facts *f, const struct lint_relation *relation,
                        const struct lint_domain *domain)
{
  for (size_t i = 0; i < relation->columns.len; i++) {
    const struct lint_column *column = relation->columns.at[i];
    bool own = column->type && !column->dropped && column->type->name.schema;
    if (own && leads_to(f, *column->type, domain))
      return true;
  }
  return false;
}

struct lint_relations lint_facts_domain_users(struct lint_facts *f, struct sql_name name)
{
  struct lint_relations users = {0};
  const struct lint_domain *domain = lint_facts_domain(f, name);
  for (size_t i = 0; domain && i < f->all.len; i++) {
    struct lint_relation *relation = f->all.at[i];
    bool holds_rows = relation->kind != LINT_VIEW && relation->kind != LINT_COMPOSITE &&
                      relation->kind != LINT_INDEX && relation->kind != LINT_SEQUENCE;
    if (holds_rows && !relation->dropped && uses_domain(f, relation, domain))
      vec_push(f->arena, &users, relation);
  }
  return users;
}

static const char *domain_constraint_name(struct lint_facts *f, const struct facts_type *type)
{
  const char *name = arena_printf(f->arena, "%s_check", type->at.name);
  for (int n = 1;; n++) {
    bool taken = false;
    for (size_t i = 0; i < type->domain->constraints.len; i++)
      taken = taken || strcmp(type->domain->constraints.at[i]->name, name) == 0;
    if (!taken)
      return name;
    name = arena_printf(f->arena, "%s_check%d", type->at.name, n);
  }
}

void facts_add_domain_constraint(struct lint_facts *f, struct facts_type *type,
                                 const struct sql_constraint *from)
{
  struct lint_constraint *constraint = ARENA_NEW(f->arena, struct lint_constraint);
  constraint->name = from->name ? from->name : domain_constraint_name(f, type);
  constraint->kind = from->kind;
  constraint->definition = from->text;
  constraint->added = facts_is_news(f);
  constraint->added_at = f->now;
  constraint->valid = !from->not_valid;
  constraint->enforced = true;
  facts_read_check(f, &from->check, constraint);
  vec_push(f->arena, &type->domain->constraints, constraint);
}

void facts_make_domain(struct lint_facts *f, struct sql_name name, const struct sql_domain *from)
{
  struct facts_type *type = made(f, name);
  struct lint_domain *domain = ARENA_NEW(f->arena, struct lint_domain);
  type->domain = domain;
  const struct sql_type *base = facts_type_of(f, &from->type);
  *domain = (struct lint_domain){.at = type->at,
                                 .base = base ? *base : from->type,
                                 .not_null = from->not_null,
                                 .has_default = from->default_value,
                                 .default_value = from->default_value,
                                 .created = facts_is_news(f),
                                 .created_at = f->now};
  for (size_t i = 0; i < from->constraints.len; i++)
    facts_add_domain_constraint(f, type, &from->constraints.at[i]);
}

static struct lint_constraint *domain_constraint(struct lint_domain *domain, const char *name)
{
  for (size_t i = domain->constraints.len; i-- > 0;)
    if (name && strcmp(domain->constraints.at[i]->name, name) == 0)
      return domain->constraints.at[i];
  return NULL;
}

static void learn_alter_domain(struct lint_facts *f, const struct sql_tree *tree)
{
  const struct facts_slot *slot = facts_find(f, &f->types, tree->name);
  struct facts_type *type = slot ? slot->item : NULL;
  struct lint_domain *domain = type ? type->domain : NULL;
  const struct sql_action *action = tree->actions.at;
  if (!domain || tree->actions.len != 1)
    return;
  struct lint_constraint *constraint = domain_constraint(domain, action->name);
  switch (action->kind) {
  case SQL_SET_NOT_NULL:
  case SQL_DROP_NOT_NULL:
    domain->not_null = action->kind == SQL_SET_NOT_NULL;
    break;
  case SQL_SET_DEFAULT:
  case SQL_DROP_DEFAULT:
    domain->has_default = action->kind == SQL_SET_DEFAULT;
    domain->default_value = action->value;
    break;
  case SQL_ADD_CONSTRAINT:
    if (action->constraint)
      facts_add_domain_constraint(f, type, action->constraint);
    break;
  case SQL_DROP_CONSTRAINT:
    if (constraint)
      constraint->dropped = true;
    break;
  case SQL_VALIDATE_CONSTRAINT:
    if (constraint)
      constraint->valid = true;
    break;
  default:
    break;
  }
}

/* ---- statements ---- */

static void learn_enum_value(struct lint_facts *f, const struct sql_tree *tree)
{
  struct lint_enum *labels = lint_facts_enum(f, tree->name);
  if (tree->member)
    facts_strings_add(f, &labels->values, tree->member);
  if (!facts_is_news(f))
    return;
  if (labels->added_at.script != f->now.script)
    labels->added_values = (struct strings){0};
  vec_push(f->arena, &labels->added_values, tree->member);
  labels->added_at = f->now;
}

void facts_learn_type(struct lint_facts *f, const struct sql_tree *tree)
{
  if (tree->kind == SQL_CREATE_ENUM) {
    struct facts_type *type = made(f, tree->name);
    type->labels = ARENA_NEW(f->arena, struct lint_enum);
    *type->labels = (struct lint_enum){.known = true,
                                       .values = facts_strings_copy(f, &tree->values),
                                       .created = facts_is_news(f),
                                       .created_at = f->now};
    vec_push(f->arena, &f->enums, type->labels);
  } else if (tree->kind == SQL_ALTER_ENUM) {
    learn_enum_value(f, tree);
  } else if (tree->kind == SQL_ALTER_DOMAIN) {
    learn_alter_domain(f, tree);
  } else if (tree->domain) {
    facts_make_domain(f, tree->name, tree->domain);
  } else {
    made(f, tree->name);
  }
}

void facts_rename_label(struct lint_facts *f, const struct sql_tree *tree)
{
  struct lint_enum *labels = lint_facts_enum(f, tree->name);
  facts_strings_rename(&labels->values, tree->member, tree->new_name);
}

/* The type under its new name; NULL: it is another type. */
static const struct sql_type *renamed(struct lint_facts *f, const struct sql_type *type,
                                      struct sql_name from, struct sql_name to)
{
  if (!type || !type->name.schema || strcmp(type->name.schema, from.schema) != 0 ||
      strcmp(type->name.name, from.name) != 0)
    return NULL;
  struct sql_type *copy = ARENA_NEW(f->arena, struct sql_type);
  *copy = *type;
  copy->name = to;
  copy->text =
      arena_printf(f->arena, "%s.%s%s", to.schema, to.name, type->array_dimensions > 0 ? "[]" : "");
  return copy;
}

static void rename_uses(struct lint_facts *f, struct sql_name from, struct sql_name to)
{
  for (size_t i = 0; i < f->all.len; i++)
    for (size_t j = 0; j < f->all.at[i]->columns.len; j++) {
      struct lint_column *column = f->all.at[i]->columns.at[j];
      const struct sql_type *type = renamed(f, column->type, from, to);
      column->type = type ? type : column->type;
    }
  for (size_t i = 0; i < map_len(f->types.by_key); i++) {
    const struct facts_slot *slot = map_value_at(f->types.by_key, i);
    const struct facts_type *user = slot->item;
    const struct sql_type *type =
        user && user->domain ? renamed(f, &user->domain->base, from, to) : NULL;
    if (type)
      user->domain->base = *type;
  }
}

/* A composite type is a relation, too. */
static struct lint_relation *find_composite(struct lint_facts *f, struct sql_name name)
{
  const struct facts_slot *slot = facts_find(f, &f->relations, name);
  struct lint_relation *relation = slot ? slot->item : NULL;
  return relation && relation->kind == LINT_COMPOSITE ? relation : NULL;
}

void facts_rename_type(struct lint_facts *f, const struct sql_tree *tree)
{
  const struct facts_slot *slot = facts_find(f, &f->types, tree->name);
  struct facts_type *type = slot ? slot->item : NULL;
  struct lint_relation *composite = find_composite(f, tree->name);
  if (!type && !composite)
    return;
  if (tree->object == SQL_OBJECT_DOMAIN_CONSTRAINT) {
    struct lint_constraint *constraint =
        type && type->domain ? domain_constraint(type->domain, tree->member) : NULL;
    if (constraint)
      constraint->name = tree->new_name;
    return;
  }
  struct sql_name to = type ? type->at : composite->at;
  *(tree->kind == SQL_SET_SCHEMA ? &to.schema : &to.name) = tree->new_name;
  rename_uses(f, type ? type->at : composite->at, to);
  if (composite)
    facts_move(f, composite, to.schema, to.name);
  if (!type)
    return;
  facts_bind(f, &f->types, type->at, NULL);
  facts_bind(f, &f->types, to, type);
  type->at = to;
  if (type->domain)
    type->domain->at = to;
}

void facts_drop_types(struct lint_facts *f, const struct sql_tree *tree)
{
  for (size_t i = 0; i < tree->names.len; i++) {
    const struct facts_slot *slot = facts_find(f, &f->types, tree->names.at[i]);
    const struct facts_type *type = slot ? slot->item : NULL;
    if (type)
      facts_bind(f, &f->types, type->at, NULL);
  }
}

/* ---- what a change of type means ---- */

bool lint_facts_type_change_is_free(const struct lint_facts *f, const struct sql_type *from,
                                    const struct sql_type *to)
{
  const struct facts_type *own = facts_type_find(f, to);
  bool same = own ? own == facts_type_find(f, from) &&
                        (from->array_dimensions > 0) == (to->array_dimensions > 0)
                  : strcmp(from->text, to->text) == 0;
  if (same && !from->odd_modifiers && !to->odd_modifiers)
    return true;
  bool from_constrained, to_constrained;
  struct sql_type from_base = base_type(f, *from, &from_constrained);
  struct sql_type to_base = base_type(f, *to, &to_constrained);
  if (domain_of(f, from)) { /* the limit below it is not seen: a limit that is written is new */
    from_base.modifier_count = 0;
    from_base.odd_modifiers = false;
  }
  return !to_constrained && lint_known_type_widens(&from_base, &to_base, f->utc);
}

static bool same_operators(const struct sql_type *a, const struct sql_type *b)
{
  static const char *const groups[][2] = {
      {"text", "varchar"}, {"varchar", "text"}, {"cidr", "inet"}};
  if (strcmp(a->name.name, b->name.name) == 0)
    return true;
  for (size_t i = 0; i < COUNT_OF(groups); i++)
    if (strcmp(groups[i][0], a->name.name) == 0 && strcmp(groups[i][1], b->name.name) == 0)
      return true;
  return false;
}

static bool same_collation(const char *a, const char *b)
{
  a = a ? a : "default";
  b = b ? b : "default";
  return strcmp(a, b) == 0;
}

bool lint_facts_index_is_kept(const struct lint_facts *f, const struct lint_relation *index,
                              const struct lint_column *column, const struct sql_action *change)
{
  if (!facts_strings_hold(&index->index_uses, column->name))
    return true;
  if (index->partial || facts_strings_hold(&index->index_columns, "") || !index->index_valid)
    return false; /* what has expressions or a predicate is always built anew */
  if (!facts_strings_hold(&index->index_columns, column->name))
    return true; /* INCLUDE */
  if (!column->type || !change->type)
    return false;
  bool constrained, own = false, own_class = false;
  for (size_t i = 0; i < index->index_keys.len; i++) {
    const struct sql_key *key = &index->index_keys.at[i];
    if (!key->column || strcmp(key->column, column->name) != 0)
      continue;
    own = key->collation;
    own_class = key->opclass;
  }
  struct sql_type from = base_type(f, *column->type, &constrained);
  struct sql_type to = base_type(f, *change->type, &constrained);
  return (own || same_collation(column->collation, change->collation)) &&
         (own_class || same_operators(&from, &to));
}
