/* sql/digest.h (private to sql/): from libpg_query's nodes to sql/tree.h. The nodes die soon, so
 * all is copied. */
#pragma once

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>

#include "sql/tree.h"

struct digest {
  struct arena *arena;
  const char *text; /* of the statement */
  size_t len;
  struct sql_tree *tree;
};

#define NODE_IS(node, kind) ((node) && (node)->node_case == PG_QUERY__NODE__NODE_##kind)

/* ---- digest_name.c: names, types, lists of them ---- */
const char *digest_string(struct digest *d, const char *s); /* "" gives NULL */
struct sql_name digest_range_var(struct digest *d, const PgQuery__RangeVar *relation);
/* [catalog.][schema.]name as a list of string nodes */
struct sql_name digest_name_list(struct digest *d, PgQuery__Node *const *nodes, size_t count);
/* The last of such a list; NULL if it is empty. */
const char *digest_last_name(struct digest *d, PgQuery__Node *const *nodes, size_t count);
const char *digest_string_node(struct digest *d,
                               const PgQuery__Node *node); /* NULL if it is none */
/* [schema.]name as text, as nextval and regclass read it; name NULL: it is none. */
struct sql_name digest_written_name(struct digest *d, const char *text);
void digest_strings(struct digest *d, PgQuery__Node *const *nodes, size_t count,
                    struct strings *ret);
struct sql_type digest_type(struct digest *d, const PgQuery__TypeName *type);
struct sql_options digest_options(struct digest *d, PgQuery__Node *const *nodes, size_t count);
const char *digest_role(struct digest *d, const PgQuery__RoleSpec *role); /* NULL gives NULL */
struct strings digest_roles(struct digest *d, PgQuery__Node *const *nodes, size_t count);
const char *digest_collation(struct digest *d, const PgQuery__CollateClause *clause);

/* ---- digest_expression.c ---- */
struct sql_expression digest_expression(struct digest *d, const PgQuery__Node *node);
const struct sql_expression *digest_new_expression(struct digest *d, const PgQuery__Node *node);
/* As in SQL, without casts; NULL: none. */
const char *digest_constant(struct digest *d, const PgQuery__Node *node);
/* Of an option or SET: without quotes; NULL: none. */
const char *digest_value(struct digest *d, const PgQuery__Node *node);
/* What the server calls a column of that expression; NULL: nothing better than ?column?. */
const char *digest_figured_name(struct digest *d, const PgQuery__Node *node);
/* column OP constant; op NULL: it is none. */
struct sql_condition digest_comparison(struct digest *d, const PgQuery__AExpr *expr);
/* The column that is compared, with the cast that the server puts there; NULL: it is none. */
const char *digest_compared_column(struct digest *d, const PgQuery__Node *node);
/* ---- digest_logic.c ---- */
const struct sql_logic *digest_logic(struct digest *d, const PgQuery__Node *node);
/* IndexElem, PartitionElem, the lists of EXCLUDE */
struct sql_keys digest_keys(struct digest *d, PgQuery__Node *const *nodes, size_t count);

/* ---- digest_constraint.c ---- */
bool digest_constraint(struct digest *d, const PgQuery__Constraint *node,
                       struct sql_constraint *ret); /* false: what it is is no constraint of ours */

/* ---- digest_table.c: CREATE TABLE, ALTER TABLE ---- */
struct sql_column digest_column(struct digest *d, const PgQuery__ColumnDef *node);
void digest_create_table(struct digest *d, const PgQuery__CreateStmt *stmt);
void digest_alter_table(struct digest *d, const PgQuery__AlterTableStmt *stmt);

/* ---- digest_partition.c ---- */
const struct sql_partition_key *digest_partition_key(struct digest *d,
                                                     const PgQuery__PartitionSpec *spec);
const struct sql_bound *digest_bound(struct digest *d, const PgQuery__PartitionBoundSpec *bound);

/* ---- digest_index.c ---- */
void digest_create_index(struct digest *d, const PgQuery__IndexStmt *stmt);

/* ---- digest_view.c: what is made of a query ---- */
void digest_create_as(struct digest *d, const PgQuery__IntoClause *into, bool matview,
                      const PgQuery__Node *query);
void digest_select_into(struct digest *d, const PgQuery__SelectStmt *select);
void digest_create_view(struct digest *d, const PgQuery__ViewStmt *stmt);

/* ---- digest_type.c: types, domains, sequences ---- */
bool digest_type_statement(struct digest *d, const PgQuery__Node *node); /* false: none of its */

/* ---- digest_routine.c: functions, triggers, policies, rules ---- */
bool digest_routine_statement(struct digest *d, const PgQuery__Node *node);

/* ---- digest_object.c: statements about any kind of object ---- */
enum sql_object digest_object_type(PgQuery__ObjectType type);
bool digest_object_statement(struct digest *d, const PgQuery__Node *node);

/* ---- digest_walk.c: what stands anywhere inside a node ---- */
typedef void digest_see(void *context, const ProtobufCMessage *message);
void digest_children(const ProtobufCMessage *message, digest_see *see, void *context);
void digest_walk_functions(struct digest *d, const PgQuery__Node *node, struct sql_names *ret);
/* Its functions and columns. */
void digest_walk_expression(struct digest *d, const PgQuery__Node *node,
                            struct sql_expression *ret);
void digest_walk_changes(struct digest *d, const ProtobufCMessage *message);
/* Without names of WITH queries. ret_columns: names of the columns it mentions; may be NULL. */
void digest_walk_relations(struct digest *d, const ProtobufCMessage *message, struct sql_names *ret,
                           struct strings *ret_columns);
void digest_walk_strings(struct digest *d, const ProtobufCMessage *message);

/* ---- digest_scope.c: names of columns, and constants that are read as a type ---- */
void digest_walk_scopes(struct digest *d, const PgQuery__Node *statement);

/* ---- digest_uses.c, digest_uses_object.c: what is named and is no relation ---- */
void digest_walk_uses(struct digest *d, const PgQuery__Node *statement);
struct sql_use *digest_add_use(struct digest *d, enum sql_use_kind kind, enum sql_use_way way,
                               struct sql_name name);
void digest_use_named(struct digest *d, enum sql_use_kind kind, enum sql_use_way way,
                      const char *name); /* "" and NULL: nothing */
/* What statements about any kind of object name. */
void digest_use_objects(struct digest *d, const ProtobufCMessage *message);

/* ---- parse.c ---- */
void digest_statement(struct digest *d, const PgQuery__Node *node);
/* A statement inside of another: one more of its elements. */
void digest_inside(struct digest *d, const PgQuery__Node *node);
/* The single statement of an SQL function's body, if it is one SELECT of one expression and
 * nothing else; NULL: it is not. */
const struct sql_expression *digest_body(struct digest *d, const char *body);
