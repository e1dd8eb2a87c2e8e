#include "sql/digest.h"

/* Objects that are no relations, in statements that are about one of them: CREATE, DROP, ALTER,
 * COMMENT, GRANT. */

/* False: relations and what hangs on them, or nothing that is asked for. */
static bool use_kind(PgQuery__ObjectType type, enum sql_use_kind *ret)
{
  static const struct {
    PgQuery__ObjectType type;
    enum sql_use_kind kind;
  } kinds[] = {
      {PG_QUERY__OBJECT_TYPE__OBJECT_TYPE, SQL_USE_TYPE},
      {PG_QUERY__OBJECT_TYPE__OBJECT_DOMAIN, SQL_USE_TYPE},
      {PG_QUERY__OBJECT_TYPE__OBJECT_FUNCTION, SQL_USE_FUNCTION},
      {PG_QUERY__OBJECT_TYPE__OBJECT_PROCEDURE, SQL_USE_FUNCTION},
      {PG_QUERY__OBJECT_TYPE__OBJECT_ROUTINE, SQL_USE_FUNCTION},
      {PG_QUERY__OBJECT_TYPE__OBJECT_AGGREGATE, SQL_USE_FUNCTION},
      {PG_QUERY__OBJECT_TYPE__OBJECT_ROLE, SQL_USE_ROLE},
      {PG_QUERY__OBJECT_TYPE__OBJECT_TABLESPACE, SQL_USE_TABLESPACE},
      {PG_QUERY__OBJECT_TYPE__OBJECT_COLLATION, SQL_USE_COLLATION},
      {PG_QUERY__OBJECT_TYPE__OBJECT_SCHEMA, SQL_USE_SCHEMA},
      {PG_QUERY__OBJECT_TYPE__OBJECT_LANGUAGE, SQL_USE_LANGUAGE},
      {PG_QUERY__OBJECT_TYPE__OBJECT_ACCESS_METHOD, SQL_USE_ACCESS_METHOD},
      {PG_QUERY__OBJECT_TYPE__OBJECT_EXTENSION, SQL_USE_EXTENSION},
      {PG_QUERY__OBJECT_TYPE__OBJECT_FOREIGN_SERVER, SQL_USE_SERVER},
      {PG_QUERY__OBJECT_TYPE__OBJECT_FDW, SQL_USE_WRAPPER},
      {PG_QUERY__OBJECT_TYPE__OBJECT_PUBLICATION, SQL_USE_PUBLICATION},
      {PG_QUERY__OBJECT_TYPE__OBJECT_EVENT_TRIGGER, SQL_USE_EVENT_TRIGGER},
      {PG_QUERY__OBJECT_TYPE__OBJECT_STATISTIC_EXT, SQL_USE_STATISTICS},
      {PG_QUERY__OBJECT_TYPE__OBJECT_OPCLASS, SQL_USE_OPCLASS},
      {PG_QUERY__OBJECT_TYPE__OBJECT_OPFAMILY, SQL_USE_OPFAMILY},
      {PG_QUERY__OBJECT_TYPE__OBJECT_CONVERSION, SQL_USE_CONVERSION},
      {PG_QUERY__OBJECT_TYPE__OBJECT_SUBSCRIPTION, SQL_USE_SUBSCRIPTION},
      {PG_QUERY__OBJECT_TYPE__OBJECT_TSCONFIGURATION, SQL_USE_SEARCH_CONFIGURATION},
      {PG_QUERY__OBJECT_TYPE__OBJECT_TSDICTIONARY, SQL_USE_SEARCH_DICTIONARY},
      {PG_QUERY__OBJECT_TYPE__OBJECT_TSPARSER, SQL_USE_SEARCH_PARSER},
      {PG_QUERY__OBJECT_TYPE__OBJECT_TSTEMPLATE, SQL_USE_SEARCH_TEMPLATE},
  };
  for (size_t i = 0; i < COUNT_OF(kinds); i++)
    if (kinds[i].type == type) {
      *ret = kinds[i].kind;
      return true;
    }
  return false;
}

static const char *routine_word(PgQuery__ObjectType type)
{
  switch (type) {
  case PG_QUERY__OBJECT_TYPE__OBJECT_PROCEDURE:
    return "procedure";
  case PG_QUERY__OBJECT_TYPE__OBJECT_AGGREGATE:
    return "aggregate";
  case PG_QUERY__OBJECT_TYPE__OBJECT_ROUTINE:
    return "routine";
  default:
    return "function";
  }
}

static struct sql_use *use_routine(struct digest *d, enum sql_use_way way,
                                   const PgQuery__ObjectWithArgs *routine, const char *word)
{
  struct sql_use *use = digest_add_use(d, SQL_USE_FUNCTION, way,
                                       digest_name_list(d, routine->objname, routine->n_objname));
  use->word = word;
  const char *text = "";
  for (size_t i = 0; i < routine->n_objargs && text; i++)
    text = NODE_IS(routine->objargs[i], TYPE_NAME)
               ? arena_printf(d->arena, "%s%s%s", text, i > 0 ? ", " : "",
                              digest_type(d, routine->objargs[i]->type_name).text)
               : NULL;
  use->arguments = routine->args_unspecified ? NULL : text;
  use->most = routine->args_unspecified ? -1 : (int)routine->n_objargs;
  return use;
}

static bool has_method(enum sql_use_kind kind)
{
  return kind == SQL_USE_OPCLASS || kind == SQL_USE_OPFAMILY;
}

/* Written behind the access method that it is for. */
static struct sql_use *use_of_method(struct digest *d, enum sql_use_way way, enum sql_use_kind kind,
                                     const PgQuery__List *list)
{
  if (list->n_items < 2)
    return NULL;
  struct sql_use *use =
      digest_add_use(d, kind, way, digest_name_list(d, list->items + 1, list->n_items - 1));
  use->method = digest_string_node(d, list->items[0]);
  return use;
}

/* The object of the statement, however it is written. NULL: it is none of ours. */
static struct sql_use *use_object(struct digest *d, enum sql_use_way way, PgQuery__ObjectType type,
                                  const PgQuery__Node *node)
{
  enum sql_use_kind kind;
  struct sql_name name = {0};
  if (!node || !use_kind(type, &kind))
    return NULL;
  if (NODE_IS(node, OBJECT_WITH_ARGS))
    return use_routine(d, way, node->object_with_args, routine_word(type));
  if (has_method(kind))
    return NODE_IS(node, LIST) ? use_of_method(d, way, kind, node->list) : NULL;
  if (NODE_IS(node, LIST))
    name = digest_name_list(d, node->list->items, node->list->n_items);
  else if (NODE_IS(node, TYPE_NAME))
    name = digest_name_list(d, node->type_name->names, node->type_name->n_names);
  else if (NODE_IS(node, STRING))
    name.name = digest_string_node(d, node);
  else if (NODE_IS(node, ROLE_SPEC) &&
           node->role_spec->roletype == PG_QUERY__ROLE_SPEC_TYPE__ROLESPEC_CSTRING)
    name.name = digest_string(d, node->role_spec->rolename);
  return name.name ? digest_add_use(d, kind, way, name) : NULL;
}

/* ---- what is made ---- */

/* Something new, in a schema that must be there. */
static struct sql_use *make(struct digest *d, enum sql_use_kind kind, struct sql_name name,
                            bool optional)
{
  if (name.schema)
    digest_use_named(d, SQL_USE_SCHEMA, SQL_NEEDS, name.schema);
  struct sql_use *use = digest_add_use(d, kind, SQL_MAKES, name);
  use->optional = optional;
  return use;
}

static struct sql_name plain(struct digest *d, const char *name)
{
  return (struct sql_name){.name = arena_strdup(d->arena, name)};
}

enum { ARGUMENTS_MAX = 1000 }; /* of VARIADIC */

static void make_routine(struct digest *d, const PgQuery__CreateFunctionStmt *stmt)
{
  const struct sql_routine *routine = d->tree->routine;
  struct sql_use *use = make(d, SQL_USE_FUNCTION,
                             digest_name_list(d, stmt->funcname, stmt->n_funcname), stmt->replace);
  use->word = stmt->is_procedure ? "procedure" : "function";
  use->arguments = routine ? routine->signature : NULL;
  use->least = 0;
  use->most = (int)stmt->n_parameters;
  for (size_t i = 0; i < stmt->n_parameters; i++) {
    const PgQuery__FunctionParameter *p = stmt->parameters[i]->function_parameter;
    bool in = p->mode != PG_QUERY__FUNCTION_PARAMETER_MODE__FUNC_PARAM_OUT &&
              p->mode != PG_QUERY__FUNCTION_PARAMETER_MODE__FUNC_PARAM_TABLE;
    use->least += in && !p->defexpr;
    if (p->mode == PG_QUERY__FUNCTION_PARAMETER_MODE__FUNC_PARAM_VARIADIC)
      use->most = ARGUMENTS_MAX;
  }
  const char *language = routine ? routine->language : NULL;
  digest_use_named(d, SQL_USE_LANGUAGE, SQL_NEEDS, language);
  bool shell = language && (strcmp(language, "c") == 0 || strcmp(language, "internal") == 0);
  if (stmt->return_type && !stmt->return_type->pct_type && !shell)
    digest_add_use(d, SQL_USE_TYPE, SQL_NEEDS,
                   digest_name_list(d, stmt->return_type->names, stmt->return_type->n_names))
        ->dimensions = (int)stmt->return_type->n_array_bounds;
}

/* COPY, PARSER and TEMPLATE of text search: their values are types to the grammar. */
static void use_in_definition(struct digest *d, const PgQuery__DefElem *option)
{
  static const struct {
    const char *option;
    enum sql_use_kind kind;
  } kinds[] = {{"copy", SQL_USE_SEARCH_CONFIGURATION},
               {"parser", SQL_USE_SEARCH_PARSER},
               {"template", SQL_USE_SEARCH_TEMPLATE}};
  for (size_t i = 0; i < COUNT_OF(kinds); i++)
    if (strcmp(option->defname, kinds[i].option) == 0 && NODE_IS(option->arg, TYPE_NAME))
      digest_add_use(
          d, kinds[i].kind, SQL_NEEDS,
          digest_name_list(d, option->arg->type_name->names, option->arg->type_name->n_names));
}

static void make_defined(struct digest *d, const PgQuery__DefineStmt *stmt)
{
  enum sql_use_kind kind;
  if (!use_kind(stmt->kind, &kind))
    return;
  make(d, kind, digest_name_list(d, stmt->defnames, stmt->n_defnames),
       stmt->if_not_exists || stmt->replace || kind == SQL_USE_FUNCTION ||
           kind == SQL_USE_TYPE); /* a shell type is completed */
  bool search = kind == SQL_USE_SEARCH_CONFIGURATION || kind == SQL_USE_SEARCH_DICTIONARY;
  for (size_t i = 0; search && i < stmt->n_definition; i++)
    if (NODE_IS(stmt->definition[i], DEF_ELEM))
      use_in_definition(d, stmt->definition[i]->def_elem);
}

/* Types of ranges have functions of their name, which stay where and what they are. */
static void make_constructor(struct digest *d, struct sql_name name, int least, int most)
{
  struct sql_use *use = digest_add_use(d, SQL_USE_FUNCTION, SQL_MAKES, name);
  use->word = "function";
  use->optional = true;
  use->least = least;
  use->most = most;
}

static void make_range(struct digest *d, const PgQuery__CreateRangeStmt *stmt)
{
  make(d, SQL_USE_TYPE, d->tree->name, false);
  make_constructor(d, d->tree->name, 2, 3);
  for (size_t i = 0; i < stmt->n_params; i++) {
    const PgQuery__DefElem *option =
        NODE_IS(stmt->params[i], DEF_ELEM) ? stmt->params[i]->def_elem : NULL;
    if (!option || strcmp(option->defname, "multirange_type_name") != 0 ||
        !NODE_IS(option->arg, TYPE_NAME))
      continue;
    struct sql_name many =
        digest_name_list(d, option->arg->type_name->names, option->arg->type_name->n_names);
    make(d, SQL_USE_TYPE, many, false);
    make_constructor(d, many, 0, ARGUMENTS_MAX);
  }
}

/* Without FAMILY there may be one of its name; else it is made. */
static void make_opclass(struct digest *d, const PgQuery__CreateOpClassStmt *stmt)
{
  const char *method = digest_string(d, stmt->amname);
  struct sql_name name = digest_name_list(d, stmt->opclassname, stmt->n_opclassname);
  bool own = stmt->n_opfamilyname == 0;
  struct sql_use *use =
      digest_add_use(d, SQL_USE_OPFAMILY, own ? SQL_MAKES : SQL_NEEDS,
                     own ? name : digest_name_list(d, stmt->opfamilyname, stmt->n_opfamilyname));
  use->method = method;
  use->optional = own;
  make(d, SQL_USE_OPCLASS, name, false)->method = method;
  digest_use_named(d, SQL_USE_ACCESS_METHOD, SQL_NEEDS, method);
}

static void make_opfamily(struct digest *d, const PgQuery__CreateOpFamilyStmt *stmt)
{
  make(d, SQL_USE_OPFAMILY, digest_name_list(d, stmt->opfamilyname, stmt->n_opfamilyname), false)
      ->method = digest_string(d, stmt->amname);
  digest_use_named(d, SQL_USE_ACCESS_METHOD, SQL_NEEDS, stmt->amname);
}

static void make_extension(struct digest *d, const PgQuery__CreateExtensionStmt *stmt)
{
  make(d, SQL_USE_EXTENSION, plain(d, stmt->extname), stmt->if_not_exists);
  digest_add_use(d, SQL_USE_EXTENSION_FILES, SQL_NEEDS, plain(d, stmt->extname));
  for (size_t i = 0; i < stmt->n_options; i++)
    if (NODE_IS(stmt->options[i], DEF_ELEM) &&
        strcmp(stmt->options[i]->def_elem->defname, "schema") == 0)
      digest_use_named(d, SQL_USE_SCHEMA, SQL_NEEDS,
                       digest_string_node(d, stmt->options[i]->def_elem->arg));
}

static void use_roles(struct digest *d, PgQuery__Node *const *nodes, size_t count,
                      enum sql_use_way way, bool optional)
{
  for (size_t i = 0; i < count; i++) {
    struct sql_use *use = use_object(d, way, PG_QUERY__OBJECT_TYPE__OBJECT_ROLE, nodes[i]);
    if (use)
      use->optional = optional;
  }
}

/* Roles in options: IN ROLE, ROLE, ADMIN; FOR ROLE of default privileges, and its IN SCHEMA. */
static void use_in_options(struct digest *d, PgQuery__Node *const *options, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    const PgQuery__DefElem *option = NODE_IS(options[i], DEF_ELEM) ? options[i]->def_elem : NULL;
    if (!option || !NODE_IS(option->arg, LIST))
      continue;
    const PgQuery__List *list = option->arg->list;
    if (strcmp(option->defname, "schemas") == 0)
      for (size_t k = 0; k < list->n_items; k++)
        digest_use_named(d, SQL_USE_SCHEMA, SQL_NEEDS, digest_string_node(d, list->items[k]));
    else
      use_roles(d, list->items, list->n_items, SQL_NEEDS, false);
  }
}

static void make_role(struct digest *d, const PgQuery__CreateRoleStmt *stmt)
{
  make(d, SQL_USE_ROLE, plain(d, stmt->role), false);
  use_in_options(d, stmt->options, stmt->n_options);
}

/* ---- what is changed ---- */

static void use_renamed(struct digest *d, const PgQuery__RenameStmt *stmt)
{
  enum sql_use_kind kind;
  struct sql_use *old = NULL;
  if (!use_kind(stmt->rename_type, &kind)) {
    if (stmt->rename_type == PG_QUERY__OBJECT_TYPE__OBJECT_DOMCONSTRAINT)
      use_object(d, SQL_NEEDS, PG_QUERY__OBJECT_TYPE__OBJECT_DOMAIN, stmt->object);
    else if (stmt->relation)
      digest_add_use(d, SQL_USE_TYPE, SQL_MAKES, plain(d, stmt->newname))->optional = true;
    return;
  }
  if (stmt->object)
    old = use_object(d, SQL_DROPS, stmt->rename_type, stmt->object);
  else
    digest_use_named(d, kind, SQL_DROPS, stmt->subname);
  const struct sql_name *name =
      d->tree->uses.len ? &d->tree->uses.at[d->tree->uses.len - 1].name : NULL;
  if (!name)
    return;
  struct sql_name to = {.schema = name->schema, .name = digest_string(d, stmt->newname)};
  const char *word = old ? old->word : NULL, *method = old ? old->method : NULL;
  struct sql_use *new = digest_add_use(d, kind, SQL_MAKES, to);
  new->word = word;
  new->method = method;
  new->optional = kind == SQL_USE_FUNCTION;
  new->least = 0;
  new->most = ARGUMENTS_MAX;
}

static void use_moved(struct digest *d, const PgQuery__AlterObjectSchemaStmt *stmt)
{
  struct sql_use *old = use_object(d, SQL_DROPS, stmt->object_type, stmt->object);
  struct sql_name to = {.schema = digest_string(d, stmt->newschema)};
  const char *word = NULL, *method = NULL;
  enum sql_use_kind kind = SQL_USE_TYPE;
  if (old) {
    to.name = old->name.name;
    kind = old->kind;
    word = old->word;
    method = old->method;
  } else if (stmt->relation) {
    to.name = digest_string(d, stmt->relation->relname);
  }
  digest_use_named(d, SQL_USE_SCHEMA, SQL_NEEDS, stmt->newschema);
  if (!to.name || kind == SQL_USE_EXTENSION)
    return;
  struct sql_use *new = digest_add_use(d, kind, SQL_MAKES, to);
  new->word = word;
  new->method = method;
  new->optional = true; /* moving it to where it is does nothing */
  new->least = 0;
  new->most = ARGUMENTS_MAX;
}

static void use_dropped(struct digest *d, const PgQuery__DropStmt *stmt)
{
  for (size_t i = 0; i < stmt->n_objects; i++) {
    struct sql_use *use = use_object(d, SQL_DROPS, stmt->remove_type, stmt->objects[i]);
    if (use)
      use->optional = stmt->missing_ok;
  }
}

static void use_granted(struct digest *d, const PgQuery__GrantStmt *stmt)
{
  bool all = stmt->targtype == PG_QUERY__GRANT_TARGET_TYPE__ACL_TARGET_ALL_IN_SCHEMA;
  if (stmt->targtype == PG_QUERY__GRANT_TARGET_TYPE__ACL_TARGET_DEFAULTS)
    return;
  for (size_t i = 0; i < stmt->n_objects; i++)
    use_object(d, SQL_NEEDS, all ? PG_QUERY__OBJECT_TYPE__OBJECT_SCHEMA : stmt->objtype,
               stmt->objects[i]);
}

static void use_granted_roles(struct digest *d, const PgQuery__GrantRoleStmt *stmt)
{
  for (size_t i = 0; i < stmt->n_granted_roles; i++)
    if (NODE_IS(stmt->granted_roles[i], ACCESS_PRIV))
      digest_use_named(d, SQL_USE_ROLE, SQL_NEEDS, stmt->granted_roles[i]->access_priv->priv_name);
}

static void use_trigger_function(struct digest *d, PgQuery__Node *const *names, size_t count)
{
  struct sql_use *use =
      digest_add_use(d, SQL_USE_FUNCTION, SQL_NEEDS, digest_name_list(d, names, count));
  use->word = "function";
  use->arguments = "";
  use->least = use->most = 0;
}

static void use_setting(struct digest *d, const PgQuery__VariableSetStmt *stmt)
{
  bool role = strcmp(stmt->name, "role") == 0;
  if ((!role && strcmp(stmt->name, "session_authorization") != 0) || stmt->n_args != 1)
    return;
  const char *value = digest_value(d, stmt->args[0]);
  if (value && !(role && strcmp(value, "none") == 0))
    digest_use_named(d, SQL_USE_ROLE, SQL_NEEDS, value);
}

static void use_language_of_do(struct digest *d, const PgQuery__DoStmt *stmt)
{
  for (size_t i = 0; i < stmt->n_args; i++)
    if (NODE_IS(stmt->args[i], DEF_ELEM) &&
        strcmp(stmt->args[i]->def_elem->defname, "language") == 0)
      digest_use_named(d, SQL_USE_LANGUAGE, SQL_NEEDS,
                       digest_string_node(d, stmt->args[i]->def_elem->arg));
}

/* ---- all ---- */

#define IS(kind_of) (message->descriptor == &pg_query__##kind_of##__descriptor)
#define AS(type) ((const PgQuery__##type *)(const void *)message)

static bool use_made(struct digest *d, const ProtobufCMessage *message)
{
  const struct sql_tree *tree = d->tree;
  if (IS(create_function_stmt))
    make_routine(d, AS(CreateFunctionStmt));
  else if (IS(define_stmt))
    make_defined(d, AS(DefineStmt));
  else if (IS(create_enum_stmt) || IS(create_domain_stmt) || IS(composite_type_stmt))
    make(d, SQL_USE_TYPE, tree->name, false);
  else if (IS(create_range_stmt))
    make_range(d, AS(CreateRangeStmt));
  else if (IS(create_op_class_stmt))
    make_opclass(d, AS(CreateOpClassStmt));
  else if (IS(create_op_family_stmt))
    make_opfamily(d, AS(CreateOpFamilyStmt));
  else if (IS(create_conversion_stmt))
    make(d, SQL_USE_CONVERSION,
         digest_name_list(d, AS(CreateConversionStmt)->conversion_name,
                          AS(CreateConversionStmt)->n_conversion_name),
         false);
  else if (IS(create_subscription_stmt))
    make(d, SQL_USE_SUBSCRIPTION, plain(d, AS(CreateSubscriptionStmt)->subname), false);
  else if (IS(create_role_stmt))
    make_role(d, AS(CreateRoleStmt));
  else if (IS(create_extension_stmt))
    make_extension(d, AS(CreateExtensionStmt));
  else if (IS(create_schema_stmt))
    make(d, SQL_USE_SCHEMA, tree->name, tree->if_not_exists);
  else if (IS(create_fdw_stmt))
    make(d, SQL_USE_WRAPPER, plain(d, AS(CreateFdwStmt)->fdwname), false);
  else if (IS(create_publication_stmt))
    make(d, SQL_USE_PUBLICATION, tree->name, false);
  else if (IS(create_stats_stmt) && tree->name.name && strcmp(tree->name.name, "?") != 0)
    make(d, SQL_USE_STATISTICS, tree->name, tree->if_not_exists);
  else if (IS(create_plang_stmt))
    make(d, SQL_USE_LANGUAGE, plain(d, AS(CreatePLangStmt)->plname), AS(CreatePLangStmt)->replace);
  else if (IS(create_am_stmt))
    make(d, SQL_USE_ACCESS_METHOD, plain(d, AS(CreateAmStmt)->amname), false);
  else if (IS(create_table_space_stmt))
    make(d, SQL_USE_TABLESPACE, plain(d, AS(CreateTableSpaceStmt)->tablespacename), false);
  else if (IS(create_seq_stmt) && tree->name.schema)
    digest_use_named(d, SQL_USE_SCHEMA, SQL_NEEDS, tree->name.schema);
  else
    return false;
  return true;
}

static bool use_foreign(struct digest *d, const ProtobufCMessage *message)
{
  if (IS(create_foreign_server_stmt)) {
    make(d, SQL_USE_SERVER, d->tree->name, d->tree->if_not_exists);
    digest_use_named(d, SQL_USE_WRAPPER, SQL_NEEDS, d->tree->member);
  } else if (IS(create_foreign_table_stmt)) {
    digest_use_named(d, SQL_USE_SERVER, SQL_NEEDS, AS(CreateForeignTableStmt)->servername);
  } else if (IS(create_user_mapping_stmt)) {
    digest_use_named(d, SQL_USE_SERVER, SQL_NEEDS, AS(CreateUserMappingStmt)->servername);
  } else if (IS(alter_user_mapping_stmt)) {
    digest_use_named(d, SQL_USE_SERVER, SQL_NEEDS, AS(AlterUserMappingStmt)->servername);
  } else if (IS(drop_user_mapping_stmt)) {
    if (!AS(DropUserMappingStmt)->missing_ok)
      digest_use_named(d, SQL_USE_SERVER, SQL_NEEDS, AS(DropUserMappingStmt)->servername);
  } else if (IS(import_foreign_schema_stmt)) {
    digest_use_named(d, SQL_USE_SERVER, SQL_NEEDS, AS(ImportForeignSchemaStmt)->server_name);
    digest_use_named(d, SQL_USE_SCHEMA, SQL_NEEDS, AS(ImportForeignSchemaStmt)->local_schema);
  } else if (IS(alter_fdw_stmt)) {
    digest_use_named(d, SQL_USE_WRAPPER, SQL_NEEDS, AS(AlterFdwStmt)->fdwname);
  } else if (IS(alter_foreign_server_stmt)) {
    digest_use_named(d, SQL_USE_SERVER, SQL_NEEDS, AS(AlterForeignServerStmt)->servername);
  } else if (IS(create_event_trig_stmt)) {
    const PgQuery__CreateEventTrigStmt *stmt = AS(CreateEventTrigStmt);
    make(d, SQL_USE_EVENT_TRIGGER, plain(d, stmt->trigname), false);
    use_trigger_function(d, stmt->funcname, stmt->n_funcname);
  } else if (IS(create_trig_stmt)) {
    use_trigger_function(d, AS(CreateTrigStmt)->funcname, AS(CreateTrigStmt)->n_funcname);
  } else {
    return false;
  }
  return true;
}

static bool use_roles_of(struct digest *d, const ProtobufCMessage *message)
{
  if (IS(drop_role_stmt))
    use_roles(d, AS(DropRoleStmt)->roles, AS(DropRoleStmt)->n_roles, SQL_DROPS,
              AS(DropRoleStmt)->missing_ok);
  else if (IS(grant_role_stmt))
    use_granted_roles(d, AS(GrantRoleStmt));
  else if (IS(alter_role_stmt))
    use_in_options(d, AS(AlterRoleStmt)->options, AS(AlterRoleStmt)->n_options);
  else if (IS(alter_default_privileges_stmt))
    use_in_options(d, AS(AlterDefaultPrivilegesStmt)->options,
                   AS(AlterDefaultPrivilegesStmt)->n_options);
  else if (IS(variable_set_stmt))
    use_setting(d, AS(VariableSetStmt));
  else
    return false;
  return true;
}

/* The dictionaries that a configuration gets. */
static void use_mapping(struct digest *d, const PgQuery__AlterTSConfigurationStmt *stmt)
{
  digest_add_use(d, SQL_USE_SEARCH_CONFIGURATION, SQL_NEEDS,
                 digest_name_list(d, stmt->cfgname, stmt->n_cfgname));
  for (size_t i = 0; i < stmt->n_dicts; i++)
    if (NODE_IS(stmt->dicts[i], LIST))
      digest_add_use(
          d, SQL_USE_SEARCH_DICTIONARY, SQL_NEEDS,
          digest_name_list(d, stmt->dicts[i]->list->items, stmt->dicts[i]->list->n_items));
}

/* ALTER of what has a statement of its own. False: it is none of these. */
static bool use_altered(struct digest *d, const ProtobufCMessage *message)
{
  if (IS(alter_op_family_stmt)) {
    const PgQuery__AlterOpFamilyStmt *stmt = AS(AlterOpFamilyStmt);
    digest_add_use(d, SQL_USE_OPFAMILY, SQL_NEEDS,
                   digest_name_list(d, stmt->opfamilyname, stmt->n_opfamilyname))
        ->method = digest_string(d, stmt->amname);
  } else if (IS(alter_tsconfiguration_stmt)) {
    use_mapping(d, AS(AlterTSConfigurationStmt));
  } else if (IS(alter_tsdictionary_stmt)) {
    const PgQuery__AlterTSDictionaryStmt *stmt = AS(AlterTSDictionaryStmt);
    digest_add_use(d, SQL_USE_SEARCH_DICTIONARY, SQL_NEEDS,
                   digest_name_list(d, stmt->dictname, stmt->n_dictname));
  } else if (IS(alter_stats_stmt)) {
    const PgQuery__AlterStatsStmt *stmt = AS(AlterStatsStmt);
    digest_add_use(d, SQL_USE_STATISTICS, SQL_NEEDS,
                   digest_name_list(d, stmt->defnames, stmt->n_defnames))
        ->optional = stmt->missing_ok;
  } else if (IS(alter_event_trig_stmt)) {
    digest_use_named(d, SQL_USE_EVENT_TRIGGER, SQL_NEEDS, AS(AlterEventTrigStmt)->trigname);
  } else if (IS(alter_subscription_stmt)) {
    digest_use_named(d, SQL_USE_SUBSCRIPTION, SQL_NEEDS, AS(AlterSubscriptionStmt)->subname);
  } else if (IS(drop_subscription_stmt)) {
    digest_add_use(d, SQL_USE_SUBSCRIPTION, SQL_DROPS, plain(d, AS(DropSubscriptionStmt)->subname))
        ->optional = AS(DropSubscriptionStmt)->missing_ok;
  } else {
    return false;
  }
  return true;
}

static void use_changed(struct digest *d, const ProtobufCMessage *message)
{
  if (IS(drop_stmt)) {
    use_dropped(d, AS(DropStmt));
  } else if (IS(rename_stmt)) {
    use_renamed(d, AS(RenameStmt));
  } else if (IS(alter_object_schema_stmt)) {
    use_moved(d, AS(AlterObjectSchemaStmt));
  } else if (IS(comment_stmt)) {
    use_object(d, SQL_NEEDS, AS(CommentStmt)->objtype, AS(CommentStmt)->object);
  } else if (IS(alter_owner_stmt)) {
    use_object(d, SQL_NEEDS, AS(AlterOwnerStmt)->object_type, AS(AlterOwnerStmt)->object);
  } else if (IS(grant_stmt)) {
    use_granted(d, AS(GrantStmt));
  } else if (IS(alter_function_stmt)) {
    use_routine(d, SQL_NEEDS, AS(AlterFunctionStmt)->func,
                routine_word(AS(AlterFunctionStmt)->objtype));
  } else if (IS(alter_enum_stmt) || IS(alter_domain_stmt)) {
    digest_add_use(d, SQL_USE_TYPE, SQL_NEEDS, d->tree->name);
  } else if (IS(alter_extension_stmt)) {
    digest_use_named(d, SQL_USE_EXTENSION, SQL_NEEDS, AS(AlterExtensionStmt)->extname);
  } else if (IS(alter_publication_stmt)) {
    digest_use_named(d, SQL_USE_PUBLICATION, SQL_NEEDS, AS(AlterPublicationStmt)->pubname);
  } else if (IS(alter_table_move_all_stmt)) {
    const PgQuery__AlterTableMoveAllStmt *stmt = AS(AlterTableMoveAllStmt);
    digest_use_named(d, SQL_USE_TABLESPACE, SQL_NEEDS, stmt->orig_tablespacename);
    digest_use_named(d, SQL_USE_TABLESPACE, SQL_NEEDS, stmt->new_tablespacename);
  } else if (IS(do_stmt)) {
    use_language_of_do(d, AS(DoStmt));
  }
}

void digest_use_objects(struct digest *d, const ProtobufCMessage *message)
{
  if (!use_made(d, message) && !use_foreign(d, message) && !use_roles_of(d, message) &&
      !use_altered(d, message))
    use_changed(d, message);
}
