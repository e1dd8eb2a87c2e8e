/* Who may see and do what. */
#include "lint/check.h"

#include <strings.h>

static const struct lint_rule rules[] = {
    {.id = "rls-without-policy",
     .severity = LINT_WARNING,
     .summary = "row level security is switched on without a policy",
     .hazard = "Nobody but the owner sees any row, and no query fails.",
     .lock = LOCK_AX,
     .safe = "Make the policies first, in the same transaction."},
    {.id = "privilege-change",
     .severity = LINT_WARNING,
     .summary = "privileges, policies or roles change",
     .hazard = "Too much is a leak, too little an outage; a test that runs as the owner sees "
               "neither.",
     .safe = "Have it reviewed, keep it apart from changes of tables, grant to named roles."},
    {.id = "security-definer-path",
     .severity = LINT_WARNING,
     .summary = "a SECURITY DEFINER function does not set search_path",
     .hazard = "Its caller decides which objects its names mean, and it runs with its owner's "
               "rights.",
     .safe = "Add SET search_path = ..., pg_temp to the function."},
    {.id = "extension-version",
     .severity = LINT_INFO,
     .summary = "an extension is installed or updated without a version",
     .hazard = "The machine's files decide which one it gets.",
     .safe = "Write VERSION, or UPDATE TO."},
    {.id = "needs-superuser",
     .severity = LINT_ERROR,
     .summary = "a statement that a deploying role is usually not allowed to run",
     .hazard = "It fails in production only, where the role is not a superuser.",
     .safe = "Let the administrator run it before, or give the role what it needs."},
};

/* ---- row level security ---- */

static bool has_policy(struct lint *lint, const struct lint_relation *table)
{
  for (size_t s = 0; s <= lint->now.script; s++) {
    const struct sql_statements *all = &lint->input->scripts[s]->statements;
    for (size_t i = 0; i < all->len; i++)
      if (all->at[i].tree && all->at[i].tree->policy &&
          lint_facts_relation(lint->facts, all->at[i].tree->name) == table)
        return true;
  }
  for (size_t i = 0; lint->catalog && table->object && i < lint->catalog->object_count; i++)
    if (lint->catalog->objects[i]->kind == CATALOG_POLICY &&
        lint->catalog->objects[i]->parent == table->object)
      return true;
  return false;
}

static void check_row_security(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  for (size_t i = 0; i < tree->actions.len; i++) {
    const struct sql_action *action = &tree->actions.at[i];
    if (action->kind != SQL_ENABLE_ROW_SECURITY)
      continue;
    const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
    if (!has_policy(lint, table))
      lint_add(lint, "rls-without-policy",
               (struct lint_at){.range = action->range, .relation = table},
               "%s has no policy: nobody but its owner sees a row", table->name);
  }
}

/* ---- privileges ---- */

static bool is_public(const struct sql_tree *tree)
{
  for (size_t i = 0; i < tree->grantees.len; i++)
    if (strcmp(tree->grantees.at[i], "public") == 0)
      return true;
  return false;
}

static bool is_about_new(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->object != SQL_OBJECT_TABLE && tree->object != SQL_OBJECT_SEQUENCE)
    return false;
  for (size_t i = 0; i < tree->names.len; i++)
    if (!lint_is_new(lint_facts_relation(lint->facts, tree->names.at[i])))
      return false;
  return tree->names.len > 0;
}

static void check_grant(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  bool to_all = is_public(tree) && !tree->revoke;
  struct lint_at at = {.lower = to_all ? 0 : 1};
  if (!to_all && is_about_new(lint))
    return;
  const char *object = tree->names.len > 0 ? tree->names.at[0].name : "objects";
  if (to_all)
    lint_add(lint, "privilege-change", at, "everybody gets privileges on %s", object);
  else
    lint_add(lint, "privilege-change", at, "privileges on %s change", object);
}

static void check_roles(struct lint *lint)
{
  static const struct {
    const char *node, *what;
  } changes[] = {
      {"GrantRoleStmt", "members of a role change"},
      {"AlterDefaultPrivilegesStmt", "privileges on objects made later change"},
      {"CreateRoleStmt", "a role is made"},
      {"AlterRoleStmt", "a role changes"},
      {"DropRoleStmt", "a role is dropped"},
      {"ReassignOwnedStmt", "everything that a role owns gets another owner"},
      {"AlterPolicyStmt", "a policy changes"},
  };
  for (size_t i = 0; i < COUNT_OF(changes); i++)
    if (strcmp(lint->tree->node, changes[i].node) == 0)
      lint_add(lint, "privilege-change", (struct lint_at){.lower = 1}, "%s", changes[i].what);
}

static void check_policy(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  if (!lint_is_new(table))
    lint_add(lint, "privilege-change", (struct lint_at){.relation = table, .lower = 1},
             "policy %s of %s %s", tree->member, table->name,
             tree->kind == SQL_DROP ? "is dropped" : "is made");
}

/* ---- functions ---- */

static bool sets_path(const struct sql_routine *routine)
{
  for (size_t i = 0; i < routine->settings.len; i++)
    if (routine->settings.at[i] && strcmp(routine->settings.at[i], "search_path") == 0)
      return true;
  return false;
}

/* ALTER FUNCTION ... SET search_path behind it. */
static bool gets_path_later(const struct lint *lint)
{
  const struct sql_statements *all = &lint->script->statements;
  for (size_t i = lint->now.statement + 1; i < all->len; i++) {
    const struct sql_tree *tree = all->at[i].tree;
    if (tree && tree->kind == SQL_ALTER_ROUTINE && tree->routine && tree->name.name &&
        strcmp(tree->name.name, lint->tree->name.name) == 0 && sets_path(tree->routine))
      return true;
  }
  return false;
}

/* A body that is no string is read when the function is made: its names are settled then. */
static void check_routine(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct sql_routine *routine = tree->routine;
  bool settled = tree->kind == SQL_CREATE_OTHER && !routine->body;
  if (routine->security_definer && !settled && !sets_path(routine) && !gets_path_later(lint))
    lint_add(lint, "security-definer-path", (struct lint_at){0},
             "%s runs with its owner's rights and its caller's search_path", tree->name.name);
}

/* ---- extensions and superusers ---- */

static bool has_option(const struct sql_tree *tree, const char *name)
{
  for (size_t i = 0; i < tree->options.len; i++)
    if (strcmp(tree->options.at[i].name, name) == 0)
      return true;
  return false;
}

static void check_extension(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->kind == SQL_DROP || has_option(tree, "new_version"))
    return;
  bool updates = tree->kind == SQL_ALTER_EXTENSION && strcmp(tree->node, "AlterExtensionStmt") == 0;
  if (updates)
    lint_add(lint, "extension-version", (struct lint_at){0},
             "extension %s is updated to whatever version is there", tree->name.name);
  else if (tree->kind == SQL_CREATE_OTHER)
    lint_add(lint, "extension-version", (struct lint_at){0},
             "extension %s is installed in whatever version is there", tree->name.name);
}

/* Extensions that whoever may CREATE in the database may install: those of PostgreSQL itself. */
static bool is_trusted(const char *extension)
{
  static const char *const names[] = {"btree_gin",  "btree_gist",
                                      "citext",     "cube",
                                      "dict_int",   "fuzzystrmatch",
                                      "hstore",     "intarray",
                                      "isn",        "jsonb_plperl",
                                      "lo",         "ltree",
                                      "pgcrypto",   "pg_trgm",
                                      "plperl",     "plpgsql",
                                      "pltcl",      "seg",
                                      "tablefunc",  "tcn",
                                      "unaccent",   "tsm_system_rows",
                                      "uuid-ossp",  "tsm_system_time",
                                      "bool_plperl"};
  for (size_t i = 0; extension && i < COUNT_OF(names); i++)
    if (strcmp(extension, names[i]) == 0)
      return true;
  return false;
}

static bool is_c_function(const struct sql_tree *tree)
{
  const char *language = tree->routine ? tree->routine->language : NULL;
  return language && (strcmp(language, "c") == 0 || strcmp(language, "internal") == 0);
}

/* As far as is known: what is not might have some. */
static bool has_foreign_keys(const struct lint *lint, const struct lint_relation *table)
{
  for (size_t i = 0; i < table->constraints.len; i++)
    if (table->constraints.at[i]->kind == SQL_FOREIGN_KEY && !table->constraints.at[i]->dropped)
      return true;
  return lint_facts_referencing(lint->facts, table).len > 0 ||
         (!table->complete && !lint_is_new(table));
}

/* IF NOT EXISTS of one that is there does nothing. */
static bool is_installed(const struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  for (size_t i = 0; lint->catalog && tree->if_not_exists && i < lint->catalog->object_count; i++)
    if (lint->catalog->objects[i]->kind == CATALOG_EXTENSION &&
        strcmp(lint->catalog->objects[i]->name, tree->name.name) == 0)
      return true;
  return false;
}

/* DISABLE TRIGGER ALL, not USER. */
static bool disables_all(const struct lint *lint)
{
  const struct sql_actions *actions = &lint->tree->actions;
  for (size_t i = 0; i < actions->len; i++) {
    const struct sql_action *action = &actions->at[i];
    const char *end = lint->statement->text + action->range.end;
    if (action->kind == SQL_DISABLE_TRIGGER && !action->name && action->range.end > 3 &&
        strncasecmp(end - 3, "all", 3) == 0)
      return has_foreign_keys(lint, lint_facts_relation(lint->facts, lint->tree->name));
  }
  return false;
}

/* NULL: an ordinary role may run it, if it owns what it changes. */
static const char *superuser_statement(const struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  static const struct {
    const char *node, *what;
  } statements[] = {
      {"AlterSystemStmt", "ALTER SYSTEM"},
      {"CreateTableSpaceStmt", "CREATE TABLESPACE"},
      {"CreateAmStmt", "CREATE ACCESS METHOD"},
      {"CreateEventTrigStmt", "CREATE EVENT TRIGGER"},
      {"CreateFdwStmt", "CREATE FOREIGN DATA WRAPPER"},
      {"CreateOpClassStmt", "CREATE OPERATOR CLASS"},
      {"CreateOpFamilyStmt", "CREATE OPERATOR FAMILY"},
      {"CreatePLangStmt", "CREATE LANGUAGE"},
  };
  for (size_t i = 0; i < COUNT_OF(statements); i++)
    if (strcmp(tree->node, statements[i].node) == 0)
      return statements[i].what;
  if (strcmp(tree->node, "CreateExtensionStmt") == 0 && !is_trusted(tree->name.name) &&
      !is_installed(lint))
    return "CREATE EXTENSION of one that is not trusted";
  if (is_c_function(tree))
    return "a function in C";
  if (disables_all(lint))
    return "DISABLE TRIGGER of triggers that enforce foreign keys";
  if (tree->kind == SQL_SET && tree->setting &&
      strcmp(tree->setting, "session_replication_role") == 0)
    return "session_replication_role";
  return NULL;
}

static bool needs_owner(const struct sql_tree *tree)
{
  return tree->kind == SQL_ALTER_TABLE || tree->kind == SQL_CREATE_INDEX ||
         (tree->kind == SQL_DROP && tree->object == SQL_OBJECT_TABLE) ||
         (tree->kind == SQL_RENAME &&
          (tree->object == SQL_OBJECT_TABLE || tree->object == SQL_OBJECT_COLUMN));
}

static bool may_act_as(const struct lint_session *session, const char *owner)
{
  for (size_t i = 0; i < session->member_of.len; i++)
    if (strcmp(session->member_of.at[i], owner) == 0)
      return true;
  return strcmp(session->role, owner) == 0;
}

static void check_superuser(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  const struct lint_session *session = lint->input->session;
  bool known = session && session->role;
  const char *what = superuser_statement(lint);
  if (known && session->superuser)
    return;
  if (what && known)
    lint_add(lint, "needs-superuser", (struct lint_at){.lower = 1}, /* it can have been granted */
             "%s needs a superuser, and %s is none", what, session->role);
  else if (what)
    lint_add(lint, "needs-superuser", (struct lint_at){.lower = 2}, "%s needs a superuser", what);
  if (!known || !needs_owner(tree))
    return;
  const struct lint_relation *table = lint_facts_relation(lint->facts, tree->name);
  if (table->owner && !lint_is_new(table) && !may_act_as(session, table->owner))
    lint_add(lint, "needs-superuser", (struct lint_at){.relation = table},
             "%s belongs to %s, and %s is no member of that role", table->name, table->owner,
             session->role);
}

static void check(struct lint *lint)
{
  const struct sql_tree *tree = lint->tree;
  if (tree->kind == SQL_GRANT && strcmp(tree->node, "GrantStmt") == 0)
    check_grant(lint);
  else if (tree->kind == SQL_ALTER_TABLE)
    check_row_security(lint);
  else if (tree->policy || (tree->kind == SQL_DROP && tree->object == SQL_OBJECT_POLICY))
    check_policy(lint);
  else if (tree->object == SQL_OBJECT_EXTENSION)
    check_extension(lint);
  else
    check_roles(lint);
  if (tree->routine)
    check_routine(lint);
  check_superuser(lint);
}

const struct lint_family lint_family_security = {rules, COUNT_OF(rules), .statement = check};
