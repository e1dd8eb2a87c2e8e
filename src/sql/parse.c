#include "sql/parse.h"

#include <pthread.h>

#include "sql/depth.h"
#include "sql/digest.h"
#include "sql/newer.h"
#include "sql/scan.h"

/* ---- small statements ---- */

static bool option_is_on(PgQuery__Node *const *options, size_t count, const char *name)
{
  for (size_t i = 0; i < count; i++) {
    if (!NODE_IS(options[i], DEF_ELEM) || strcmp(options[i]->def_elem->defname, name) != 0)
      continue;
    const PgQuery__Node *value = options[i]->def_elem->arg;
    if (NODE_IS(value, INTEGER))
      return value->integer->ival != 0;
    if (NODE_IS(value, BOOLEAN))
      return value->boolean->boolval;
    return !NODE_IS(value, STRING) ||
           !(strcmp(value->string->sval, "false") == 0 || strcmp(value->string->sval, "off") == 0);
  }
  return false;
}

static void digest_relations(struct digest *d, PgQuery__Node *const *nodes, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    const PgQuery__Node *node = nodes[i];
    if (NODE_IS(node, VACUUM_RELATION) && node->vacuum_relation->relation)
      vec_push(d->arena, &d->tree->names, digest_range_var(d, node->vacuum_relation->relation));
    else if (NODE_IS(node, RANGE_VAR))
      vec_push(d->arena, &d->tree->names, digest_range_var(d, node->range_var));
  }
  if (d->tree->names.len > 0)
    d->tree->name = d->tree->names.at[0];
}

static void digest_reads(struct digest *d, const ProtobufCMessage *message,
                         const PgQuery__Node *where)
{
  digest_walk_relations(d, message, &d->tree->reads, &d->tree->read_columns);
  d->tree->where = digest_new_expression(d, where);
}

static void digest_locking(struct digest *d, const PgQuery__SelectStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->locks_rows = stmt->n_locking_clause > 0;
  for (size_t i = 0; i < stmt->n_locking_clause; i++) {
    const PgQuery__LockingClause *clause = stmt->locking_clause[i]->locking_clause;
    if (clause->n_locked_rels == 0) { /* all */
      tree->locked.len = 0;
      return;
    }
    for (size_t k = 0; k < clause->n_locked_rels; k++)
      if (NODE_IS(clause->locked_rels[k], RANGE_VAR))
        vec_push(d->arena, &tree->locked,
                 digest_string(d, clause->locked_rels[k]->range_var->relname));
  }
}

static void digest_select(struct digest *d, const PgQuery__SelectStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  if (stmt->into_clause) {
    digest_select_into(d, stmt);
    return;
  }
  tree->kind = SQL_SELECT;
  digest_locking(d, stmt);
  digest_walk_changes(d, &stmt->base);
  digest_reads(d, &stmt->base, stmt->where_clause);
  if (stmt->n_from_clause == 0)
    for (size_t i = 0; i < stmt->n_target_list; i++)
      digest_walk_functions(d, stmt->target_list[i], &tree->functions);
}

/* The first word of a PL/pgSQL body that changes schema or data, or hides what it runs. Strings in
 * it are not read, but EXECUTE announces those. */
static const char *find_verb(const char *body)
{
  static const char *const verbs[] = {"execute", "drop",     "alter",  "create", "truncate",
                                      "delete",  "update",   "insert", "merge",  "call",
                                      "commit",  "rollback", "grant",  "revoke", "perform"};
  struct sql_scan scan = sql_scan_begin(body, strlen(body));
  struct sql_token token;
  do {
    token = sql_scan_next_code(&scan);
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
      if (sql_token_is(&scan, token, verbs[i]))
        return verbs[i];
  } while (token.kind != SQL_TOKEN_END && token.kind != SQL_TOKEN_BAD);
  return NULL;
}

static void digest_do(struct digest *d, const PgQuery__DoStmt *stmt)
{
  d->tree->kind = SQL_DO;
  for (size_t i = 0; i < stmt->n_args; i++)
    if (NODE_IS(stmt->args[i], DEF_ELEM) && strcmp(stmt->args[i]->def_elem->defname, "as") == 0)
      d->tree->body = digest_string_node(d, stmt->args[i]->def_elem->arg);
  if (d->tree->body)
    d->tree->body_verb = find_verb(d->tree->body);
}

static void digest_reindex(struct digest *d, const PgQuery__ReindexStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_REINDEX;
  tree->concurrently = option_is_on(stmt->params, stmt->n_params, "concurrently");
  tree->name = stmt->relation ? digest_range_var(d, stmt->relation)
                              : (struct sql_name){.name = digest_string(d, stmt->name)};
  switch (stmt->kind) {
  case PG_QUERY__REINDEX_OBJECT_TYPE__REINDEX_OBJECT_INDEX:
    tree->object = SQL_OBJECT_INDEX;
    break;
  case PG_QUERY__REINDEX_OBJECT_TYPE__REINDEX_OBJECT_TABLE:
    tree->object = SQL_OBJECT_TABLE;
    break;
  case PG_QUERY__REINDEX_OBJECT_TYPE__REINDEX_OBJECT_SCHEMA:
    tree->object = SQL_OBJECT_SCHEMA;
    break;
  default:
    tree->object = SQL_OBJECT_DATABASE;
  }
}

static void digest_lock(struct digest *d, const PgQuery__LockStmt *stmt)
{
  static const char *const modes[] = {
      "",      "ACCESS SHARE",        "ROW SHARE", "ROW EXCLUSIVE",   "SHARE UPDATE EXCLUSIVE",
      "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"};
  d->tree->kind = SQL_LOCK;
  digest_relations(d, stmt->relations, stmt->n_relations);
  d->tree->member =
      stmt->mode > 0 && (size_t)stmt->mode < COUNT_OF(modes) ? modes[stmt->mode] : NULL;
}

/* ---- statements that only have a kind and perhaps a name ---- */

static void digest_create_other(struct digest *d, const PgQuery__Node *node)
{
  struct sql_tree *tree = d->tree;
  const char *name = node->select_stmt->base.descriptor->short_name;
  if (strncmp(name, "Create", 6) == 0 || strcmp(name, "DefineStmt") == 0) {
    tree->kind = SQL_CREATE_OTHER;
    if (NODE_IS(node, DEFINE_STMT))
      tree->name = digest_name_list(d, node->define_stmt->defnames, node->define_stmt->n_defnames);
  }
}

static void digest_set(struct digest *d, const PgQuery__VariableSetStmt *stmt)
{
  struct sql_tree *tree = d->tree;
  tree->kind = SQL_SET;
  tree->setting = digest_string(d, stmt->name);
  tree->local = stmt->is_local;
  tree->reset = stmt->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_SET_DEFAULT ||
                stmt->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_RESET ||
                stmt->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_RESET_ALL;
  for (size_t i = 0; i < stmt->n_args; i++) {
    const char *value = digest_value(d, stmt->args[i]);
    vec_push(d->arena, &tree->values, value ? value : "?");
  }
}

static void digest_maintenance(struct digest *d, const PgQuery__Node *node)
{
  struct sql_tree *tree = d->tree;
  switch (node->node_case) {
  case PG_QUERY__NODE__NODE_VACUUM_STMT:
    tree->kind = SQL_VACUUM;
    tree->vacuum = node->vacuum_stmt->is_vacuumcmd;
    tree->full = option_is_on(node->vacuum_stmt->options, node->vacuum_stmt->n_options, "full");
    digest_relations(d, node->vacuum_stmt->rels, node->vacuum_stmt->n_rels);
    break;
  case PG_QUERY__NODE__NODE_CLUSTER_STMT:
    tree->kind = SQL_CLUSTER;
    tree->index_name = digest_string(d, node->cluster_stmt->indexname);
    tree->name = digest_range_var(d, node->cluster_stmt->relation);
    tree->member = digest_string(d, node->cluster_stmt->indexname);
    break;
  case PG_QUERY__NODE__NODE_REFRESH_MAT_VIEW_STMT:
    tree->kind = SQL_REFRESH;
    tree->name = digest_range_var(d, node->refresh_mat_view_stmt->relation);
    tree->concurrently = node->refresh_mat_view_stmt->concurrent;
    tree->with_data = !node->refresh_mat_view_stmt->skip_data;
    break;
  case PG_QUERY__NODE__NODE_REINDEX_STMT:
    digest_reindex(d, node->reindex_stmt);
    break;
  case PG_QUERY__NODE__NODE_LOCK_STMT:
    digest_lock(d, node->lock_stmt);
    break;
  case PG_QUERY__NODE__NODE_VARIABLE_SET_STMT:
    digest_set(d, node->variable_set_stmt);
    break;
  case PG_QUERY__NODE__NODE_TRANSACTION_STMT:
    tree->kind = SQL_TRANSACTION;
    break;
  case PG_QUERY__NODE__NODE_DO_STMT:
    digest_do(d, node->do_stmt);
    break;
  case PG_QUERY__NODE__NODE_EXECUTE_STMT:
    tree->kind = SQL_EXECUTE;
    tree->name.name = digest_string(d, node->execute_stmt->name);
    break;
  case PG_QUERY__NODE__NODE_PREPARE_STMT:
    tree->name.name = digest_string(d, node->prepare_stmt->name);
    digest_inside(d, node->prepare_stmt->query);
    break;
  case PG_QUERY__NODE__NODE_DECLARE_CURSOR_STMT:
    digest_inside(d, node->declare_cursor_stmt->query);
    break;
  case PG_QUERY__NODE__NODE_CALL_STMT:
    tree->kind = SQL_CALL;
    tree->name = digest_name_list(d, node->call_stmt->funccall->funcname,
                                  node->call_stmt->funccall->n_funcname);
    break;
  default:
    digest_create_other(d, node);
  }
}

static void digest_data(struct digest *d, const PgQuery__Node *node)
{
  struct sql_tree *tree = d->tree;
  switch (node->node_case) {
  case PG_QUERY__NODE__NODE_SELECT_STMT:
    digest_select(d, node->select_stmt);
    break;
  case PG_QUERY__NODE__NODE_INSERT_STMT:
    tree->kind = SQL_INSERT;
    tree->name = digest_range_var(d, node->insert_stmt->relation);
    digest_walk_changes(d, &node->insert_stmt->base);
    digest_reads(d, &node->insert_stmt->base, NULL);
    break;
  case PG_QUERY__NODE__NODE_UPDATE_STMT:
    tree->kind = SQL_UPDATE;
    tree->name = digest_range_var(d, node->update_stmt->relation);
    digest_walk_changes(d, &node->update_stmt->base);
    digest_reads(d, &node->update_stmt->base, node->update_stmt->where_clause);
    break;
  case PG_QUERY__NODE__NODE_DELETE_STMT:
    tree->kind = SQL_DELETE;
    tree->name = digest_range_var(d, node->delete_stmt->relation);
    digest_walk_changes(d, &node->delete_stmt->base);
    digest_reads(d, &node->delete_stmt->base, node->delete_stmt->where_clause);
    break;
  case PG_QUERY__NODE__NODE_MERGE_STMT:
    tree->kind = SQL_MERGE;
    tree->name = digest_range_var(d, node->merge_stmt->relation);
    digest_walk_changes(d, &node->merge_stmt->base);
    digest_reads(d, &node->merge_stmt->base, NULL);
    break;
  case PG_QUERY__NODE__NODE_COPY_STMT:
    tree->kind = SQL_COPY;
    tree->from = node->copy_stmt->is_from;
    tree->name = digest_range_var(d, node->copy_stmt->relation);
    digest_walk_changes(d, &node->copy_stmt->base);
    digest_reads(d, &node->copy_stmt->base, NULL);
    break;
  case PG_QUERY__NODE__NODE_EXPLAIN_STMT:
    tree->analyze =
        option_is_on(node->explain_stmt->options, node->explain_stmt->n_options, "analyze");
    if (tree->analyze)
      digest_walk_changes(d, &node->explain_stmt->base);
    digest_reads(d, &node->explain_stmt->base, NULL);
    digest_inside(d, node->explain_stmt->query);
    break;
  case PG_QUERY__NODE__NODE_TRUNCATE_STMT:
    tree->kind = SQL_TRUNCATE;
    tree->cascade = node->truncate_stmt->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE;
    tree->restart = node->truncate_stmt->restart_seqs;
    digest_relations(d, node->truncate_stmt->relations, node->truncate_stmt->n_relations);
    break;
  default:
    digest_maintenance(d, node);
  }
}

static void digest_relation(struct digest *d, const PgQuery__Node *node)
{
  struct sql_tree *tree = d->tree;
  switch (node->node_case) {
  case PG_QUERY__NODE__NODE_CREATE_STMT:
    digest_create_table(d, node->create_stmt);
    break;
  case PG_QUERY__NODE__NODE_CREATE_FOREIGN_TABLE_STMT:
    digest_create_table(d, node->create_foreign_table_stmt->base_stmt);
    tree->object = SQL_OBJECT_FOREIGN_TABLE;
    tree->member = digest_string(d, node->create_foreign_table_stmt->servername);
    break;
  case PG_QUERY__NODE__NODE_CREATE_TABLE_AS_STMT: {
    const PgQuery__CreateTableAsStmt *stmt = node->create_table_as_stmt;
    digest_create_as(d, stmt->into, stmt->objtype == PG_QUERY__OBJECT_TYPE__OBJECT_MATVIEW,
                     stmt->query);
    tree->if_not_exists = stmt->if_not_exists;
    break;
  }
  case PG_QUERY__NODE__NODE_ALTER_TABLE_STMT:
    digest_alter_table(d, node->alter_table_stmt);
    tree->object = digest_object_type(node->alter_table_stmt->objtype);
    break;
  case PG_QUERY__NODE__NODE_INDEX_STMT:
    digest_create_index(d, node->index_stmt);
    break;
  case PG_QUERY__NODE__NODE_VIEW_STMT:
    digest_create_view(d, node->view_stmt);
    break;
  case PG_QUERY__NODE__NODE_DROPDB_STMT:
    tree->kind = SQL_DROP_DATABASE;
    tree->name.name = digest_string(d, node->dropdb_stmt->dbname);
    break;
  case PG_QUERY__NODE__NODE_DROP_OWNED_STMT:
    tree->kind = SQL_DROP_OWNED;
    tree->cascade = node->drop_owned_stmt->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE;
    break;
  default:
    digest_data(d, node);
  }
}

void digest_statement(struct digest *d, const PgQuery__Node *node)
{
  /* The message inside a Node's union: every case is a pointer to one. */
  d->tree->node = arena_strdup(d->arena, node->select_stmt->base.descriptor->short_name);
  if (!digest_type_statement(d, node) && !digest_routine_statement(d, node) &&
      !digest_object_statement(d, node))
    digest_relation(d, node);
}

void digest_inside(struct digest *d, const PgQuery__Node *node)
{
  struct digest element = *d;
  if (!node)
    return;
  element.tree = ARENA_NEW(d->arena, struct sql_tree);
  digest_statement(&element, node);
  digest_walk_strings(&element, &node->base);
  vec_push(d->arena, &d->tree->elements, element.tree);
}

/* ---- the library's calls ---- */

/* The parser counts characters, from 1. */
static size_t byte_offset(const char *text, int character)
{
  const char *at = text;
  for (int i = 1; i < character && *at; i++)
    for (at++; ((unsigned char)*at & 0xC0) == 0x80;)
      at++;
  return (size_t)(at - text);
}

void sql_statement_refuse(struct arena *arena, struct sql_statement *statement, const char *message,
                          int character)
{
  statement->parse_error = arena_strdup(arena, message);
  if (character > 0)
    statement->parse_error_at = byte_offset(statement->text, character);
}

int sql_parser_major(void)
{
  return PG_VERSION_NUM / 10000;
}

static PgQuery__ParseResult *unpack(const char *text, char **ret_error, int *ret_character)
{
  PgQueryProtobufParseResult parsed = pg_query_parse_protobuf(text);
  PgQuery__ParseResult *result = NULL;
  if (parsed.error) {
    *ret_error = x_strdup(parsed.error->message);
    *ret_character = parsed.error->cursorpos;
  } else {
    result = pg_query__parse_result__unpack(NULL, parsed.parse_tree.len,
                                            (const uint8_t *)parsed.parse_tree.data);
    if (!result)
      *ret_error = x_strdup("the parser's answer could not be read");
  }
  pg_query_free_protobuf_parse_result(parsed);
  return result;
}

/* Reads the statement in older words if the parser refuses it, or if a newer one takes what older
 * servers do not. */
static PgQuery__ParseResult *unpack_newer(struct sql_newer *newer, PgQuery__ParseResult *result)
{
  if (!newer->text || (result && PG_VERSION_NUM < 160000)) {
    if (!result || newer->text)
      newer->marks.len = 0;
    return result;
  }
  CLEANUP(free_ptr) char *error = NULL;
  int character = 0;
  PgQuery__ParseResult *older = unpack(newer->text, &error, &character);
  if (!older) {
    newer->marks.len = 0;
    return result;
  }
  if (result)
    pg_query__parse_result__free_unpacked(result, NULL);
  return older;
}

static void parse(struct arena *arena, struct sql_statement *st)
{
  CLEANUP(free_ptr) char *error = NULL;
  CLEANUP(arena_freep) struct arena *scratch = arena_new();
  struct sql_newer newer;
  int character = 0;
  PgQuery__ParseResult *result = unpack(st->text, &error, &character);
  sql_newer_find(scratch, st->text, st->len, &newer);
  result = unpack_newer(&newer, result);
  if (!result) {
    st->parse_error = arena_strdup(arena, error);
    st->parse_error_at = byte_offset(st->text, character);
  } else if (result->n_stmts != 1) { /* cannot be after our split; never guess */
    st->parse_error = arena_printf(arena, "%zu statements where one was expected", result->n_stmts);
  } else {
    struct digest d = {.arena = arena,
                       .text = st->text,
                       .len = st->len,
                       .tree = ARENA_NEW(arena, struct sql_tree)};
    const PgQuery__Node *node = result->stmts[0]->stmt;
    digest_statement(&d, node);
    digest_walk_strings(&d, &node->base);
    digest_walk_uses(&d, node);
    digest_walk_scopes(&d, node);
    sql_newer_apply(&newer, arena, d.tree);
    st->tree = d.tree;
  }
  if (result)
    pg_query__parse_result__free_unpacked(result, NULL);
}

/* Measured: a token costs at most about 4 KiB of stack (8 with AddressSanitizer). */
enum {
  STACK_BYTES_A_NODE = 16 * 1024,
  STACK_BYTES_LEAST = 1024 * 1024,
  DEPTH_DIRECT_MAX = 200, /* on the caller's stack */
  DEPTH_MAX = 16 * 1024,  /* on a stack of its own, 256 MiB of addresses at most */
};

struct job {
  struct arena *arena;
  struct sql_statement *statement;
};

static void *run_job(void *arg)
{
  struct job *job = arg;
  parse(job->arena, job->statement);
  return NULL;
}

/* The arena is lent to the thread: the caller does nothing but wait. */
static int parse_on_own_stack(struct job *job, size_t depth)
{
  pthread_t thread;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0)
    return -1;
  int status =
      pthread_attr_setstacksize(&attributes, STACK_BYTES_LEAST + depth * STACK_BYTES_A_NODE);
  if (status == 0)
    status = pthread_create(&thread, &attributes, run_job, job);
  pthread_attr_destroy(&attributes);
  if (status != 0)
    return -1;
  return pthread_join(thread, NULL) == 0 ? 0 : -1;
}

void sql_parse(struct arena *arena, struct sql_statement *st)
{
  size_t depth = sql_depth_bound(st->text, st->len);
  struct job job = {.arena = arena, .statement = st};
  if (depth <= DEPTH_DIRECT_MAX)
    parse(arena, st);
  else if (depth > DEPTH_MAX)
    st->parse_error = "nested too deeply for the parser";
  else if (parse_on_own_stack(&job, depth) < 0)
    st->parse_error = "no memory for the parser's stack";
}

/* The expression of SELECT expression, if nothing else is said. */
static const PgQuery__Node *only_target(const PgQuery__ParseResult *result)
{
  if (!result || result->n_stmts != 1 || !NODE_IS(result->stmts[0]->stmt, SELECT_STMT))
    return NULL;
  const PgQuery__SelectStmt *select = result->stmts[0]->stmt->select_stmt;
  bool more = select->n_distinct_clause > 0 || select->into_clause || select->n_from_clause > 0 ||
              select->where_clause || select->n_group_clause > 0 || select->having_clause ||
              select->n_window_clause > 0 || select->n_values_lists > 0 ||
              select->n_sort_clause > 0 || select->limit_offset || select->limit_count ||
              select->n_locking_clause > 0 || select->with_clause || select->larg;
  return !more && select->n_target_list == 1 ? select->target_list[0]->res_target->val : NULL;
}

const struct sql_expression *digest_body(struct digest *d, const char *body)
{
  if (sql_depth_bound(body, strlen(body)) > DEPTH_DIRECT_MAX)
    return NULL;
  CLEANUP(free_ptr) char *error = NULL;
  int character = 0;
  PgQuery__ParseResult *result = unpack(body, &error, &character);
  const struct sql_expression *expression = digest_new_expression(d, only_target(result));
  if (result)
    pg_query__parse_result__free_unpacked(result, NULL);
  return expression;
}

int sql_type_read(struct arena *arena, const char *text, struct sql_type *ret_type)
{
  CLEANUP(free_ptr) char *query = x_printf("SELECT NULL::%s", text);
  CLEANUP(free_ptr) char *error = NULL;
  int character = 0;
  PgQuery__ParseResult *result = unpack(query, &error, &character);
  int status = -1;
  const PgQuery__Node *target = only_target(result);
  if (NODE_IS(target, TYPE_CAST)) {
    struct digest d = {.arena = arena};
    *ret_type = digest_type(&d, target->type_cast->type_name);
    status = 0;
  }
  if (result)
    pg_query__parse_result__free_unpacked(result, NULL);
  return status;
}
