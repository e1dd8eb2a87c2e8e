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

/* ---- digest_name.c: names, types, expressions ---- */
const char *digest_string(struct digest *d, const char *s); /* "" gives NULL */
struct sql_name digest_range_var(struct digest *d, const PgQuery__RangeVar *relation);
/* [catalog.][schema.]name as a list of string nodes */
struct sql_name digest_name_list(struct digest *d, PgQuery__Node *const *nodes, size_t count);
const char *digest_string_node(struct digest *d,
                               const PgQuery__Node *node); /* NULL if it is none */
void digest_strings(struct digest *d, PgQuery__Node *const *nodes, size_t count,
                    struct strings *ret);
struct sql_type digest_type(struct digest *d, const PgQuery__TypeName *type);
struct sql_expression digest_expression(struct digest *d, const PgQuery__Node *node);
const struct sql_expression *digest_new_expression(struct digest *d, const PgQuery__Node *node);

/* ---- digest_table.c: CREATE TABLE, ALTER TABLE ---- */
void digest_create_table(struct digest *d, const PgQuery__CreateStmt *stmt);
void digest_alter_table(struct digest *d, const PgQuery__AlterTableStmt *stmt);

/* ---- digest_object.c: statements about any kind of object ---- */
enum sql_object digest_object_type(PgQuery__ObjectType type);
void digest_drop(struct digest *d, const PgQuery__DropStmt *stmt);
void digest_rename(struct digest *d, const PgQuery__RenameStmt *stmt);
void digest_set_schema(struct digest *d, const PgQuery__AlterObjectSchemaStmt *stmt);
void digest_comment(struct digest *d, const PgQuery__CommentStmt *stmt);
void digest_alter_enum(struct digest *d, const PgQuery__AlterEnumStmt *stmt);

/* ---- digest_walk.c: what stands anywhere inside a node ---- */
void digest_walk_functions(struct digest *d, const PgQuery__Node *node, struct sql_names *ret);
void digest_walk_changes(struct digest *d, const ProtobufCMessage *message);
void digest_walk_relations(struct digest *d, const ProtobufCMessage *message,
                           struct sql_names *ret);
void digest_walk_strings(struct digest *d, const ProtobufCMessage *message);
