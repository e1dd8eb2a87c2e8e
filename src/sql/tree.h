/* sql/tree.h: the digest of a parsed statement: what lint rules and the inverse ask about it,
 * without the parser's tree.
 *
 *   const struct sql_tree *tree = statement->tree;    // NULL: the parser did not understand
 *   if (tree && tree->kind == SQL_ALTER_TABLE)
 *     for (size_t i = 0; i < tree->actions.len; i++) look(&tree->actions.at[i]);
 *
 * Names are as the parser folds them (unquoted, lower case where written without quotes); schema
 * is NULL where none is written. Ranges are offsets in bytes from the start of the statement's
 * text. Everything lives in the script's arena.
 */
#pragma once

#include "base/base.h"

enum sql_kind {
  SQL_OTHER, /* parsed, but nothing is digested: tree->node names the parser's node */
  SQL_SELECT,
  SQL_INSERT,
  SQL_UPDATE,
  SQL_DELETE,
  SQL_MERGE,
  SQL_TRUNCATE,
  SQL_COPY,
  SQL_CREATE_TABLE,
  SQL_CREATE_TABLE_AS, /* also SELECT INTO */
  SQL_CREATE_MATVIEW,
  SQL_CREATE_VIEW,
  SQL_CREATE_INDEX,
  SQL_CREATE_ENUM,
  SQL_CREATE_SCHEMA,
  SQL_CREATE_OTHER, /* function, trigger, extension, sequence, domain, composite type ... */
  SQL_ALTER_TABLE,
  SQL_ALTER_ENUM,
  SQL_RENAME,
  SQL_SET_SCHEMA,
  SQL_DROP,
  SQL_DROP_DATABASE,
  SQL_DROP_OWNED,
  SQL_REINDEX,
  SQL_VACUUM, /* also ANALYZE: full is false then */
  SQL_CLUSTER,
  SQL_REFRESH,
  SQL_LOCK,
  SQL_COMMENT,
  SQL_GRANT,
  SQL_SET,
  SQL_TRANSACTION,
  SQL_DO,
  SQL_CALL,
  SQL_EXECUTE,
};

/* What an ALTER, DROP, RENAME, COMMENT or REINDEX is about. */
enum sql_object {
  SQL_OBJECT_OTHER,
  SQL_OBJECT_TABLE,
  SQL_OBJECT_FOREIGN_TABLE,
  SQL_OBJECT_COLUMN,
  SQL_OBJECT_CONSTRAINT,
  SQL_OBJECT_INDEX,
  SQL_OBJECT_VIEW,
  SQL_OBJECT_MATVIEW,
  SQL_OBJECT_SEQUENCE,
  SQL_OBJECT_SCHEMA,
  SQL_OBJECT_TYPE,
  SQL_OBJECT_DOMAIN,
  SQL_OBJECT_FUNCTION, /* also procedures, aggregates */
  SQL_OBJECT_TRIGGER,
  SQL_OBJECT_EXTENSION,
  SQL_OBJECT_DATABASE,
};

struct sql_range {
  size_t start, end; /* end 0: not known, take the whole statement */
};

struct sql_name {
  const char *schema; /* NULL: not written */
  const char *name;
};
VEC_TYPE(sql_names, struct sql_name);

enum { SQL_TYPE_MODIFIERS_MAX = 2 };

struct sql_type {
  struct sql_name
      name; /* as the catalog calls it: "int4", "varchar", "timestamptz"; built in: schema NULL */
  int modifiers[SQL_TYPE_MODIFIERS_MAX]; /* varchar(20): {20}; numeric(10,2): {10, 2} */
  int modifier_count;
  bool odd_modifiers; /* written, but not as one or two integers */
  int array_dimensions;
  const char *text; /* for people: "character varying(20)" */
};

struct sql_expression {
  bool is_null; /* the constant NULL */
  bool is_true; /* the constant true: WHERE true */
  struct sql_names
      functions; /* called anywhere inside; a schema pg_catalog is written or implied by syntax */
  const char *not_null_column; /* exactly "column IS NOT NULL", else NULL */
  const char *bare_column;     /* exactly a column, else NULL */
  const char *cast_column;     /* exactly column::type, else NULL */
  const char *cast_type;       /* that type's text */
};

enum sql_constraint_kind {
  SQL_CHECK,
  SQL_NOT_NULL,
  SQL_UNIQUE,
  SQL_PRIMARY_KEY,
  SQL_FOREIGN_KEY,
  SQL_EXCLUDE,
};

struct sql_constraint {
  enum sql_constraint_kind kind;
  const char *name;            /* NULL: the server chooses */
  struct strings columns;      /* of a table constraint */
  const char *using_index;     /* NULL: none */
  struct sql_name referenced;  /* FOREIGN KEY */
  struct sql_expression check; /* CHECK */
  bool not_valid;
};
VEC_TYPE(sql_constraints, struct sql_constraint);

enum sql_generated { SQL_NOT_GENERATED, SQL_GENERATED_STORED, SQL_GENERATED_IDENTITY };

struct sql_column {
  const char *name;
  struct sql_type type;
  bool not_null;                              /* also by PRIMARY KEY */
  bool serial;                                /* smallserial, serial, bigserial */
  const struct sql_expression *default_value; /* NULL: none */
  enum sql_generated generated;
  struct sql_constraints constraints; /* CHECK, UNIQUE, PRIMARY KEY and FOREIGN KEY of the column */
};
VEC_TYPE(sql_columns, struct sql_column);

enum sql_action_kind {
  SQL_ACTION_OTHER,
  SQL_ADD_COLUMN,
  SQL_DROP_COLUMN,
  SQL_ALTER_TYPE,
  SQL_SET_NOT_NULL,
  SQL_DROP_NOT_NULL,
  SQL_SET_DEFAULT,
  SQL_DROP_DEFAULT,
  SQL_ADD_CONSTRAINT,
  SQL_DROP_CONSTRAINT,
  SQL_VALIDATE_CONSTRAINT,
  SQL_ATTACH_PARTITION,
  SQL_DETACH_PARTITION,
  SQL_SET_LOGGED,
  SQL_SET_UNLOGGED,
  SQL_DISABLE_TRIGGER,
  SQL_ENABLE_TRIGGER,
  SQL_SET_TABLESPACE,
  SQL_SET_ACCESS_METHOD,
  SQL_ADD_IDENTITY,
};

/* One subcommand of ALTER TABLE. */
struct sql_action {
  enum sql_action_kind kind;
  struct sql_range range;
  const char *name;                /* of the column, constraint, trigger; NULL for all triggers */
  const struct sql_column *column; /* ADD COLUMN */
  const struct sql_type *type;     /* ALTER TYPE */
  const struct sql_expression *using;      /* ALTER TYPE ... USING; NULL: none */
  const char *collation;                   /* ALTER TYPE ... COLLATE; NULL: none */
  const struct sql_constraint *constraint; /* ADD CONSTRAINT */
  struct sql_name partition;               /* ATTACH, DETACH */
  bool partition_default;                  /* ATTACH ... DEFAULT */
  bool concurrently;                       /* DETACH ... CONCURRENTLY */
  bool finalize;                           /* DETACH ... FINALIZE */
  bool if_exists;                          /* IF EXISTS, IF NOT EXISTS */
  bool cascade;
  const struct sql_expression *value; /* SET DEFAULT */
};
VEC_TYPE(sql_actions, struct sql_action);

/* A data change, wherever it stands: the statement itself, WITH, or under EXPLAIN ANALYZE. */
struct sql_change {
  enum sql_kind kind; /* INSERT, UPDATE, DELETE or MERGE */
  struct sql_name relation;
  bool where;       /* restricts rows: a WHERE that is not constantly true */
  bool from_select; /* INSERT ... SELECT */
};
VEC_TYPE(sql_changes, struct sql_change);

struct sql_tree {
  enum sql_kind kind;
  const char *node; /* the parser's name of the statement: "AlterTableStmt" */
  enum sql_object
      object;           /* ALTER TABLE, RENAME, SET_SCHEMA, DROP, REINDEX, COMMENT, CREATE_OTHER */
  struct sql_name name; /* the relation or object; RENAME COLUMN: the table */
  struct sql_names
      names;          /* DROP, TRUNCATE, LOCK, VACUUM: each; DROP TRIGGER and the like: the table */
  const char *member; /* RENAME: old column, constraint, enum value; ALTER ENUM: the new value */
  const char *new_name;               /* RENAME, SET SCHEMA (the schema) */
  struct sql_actions actions;         /* ALTER TABLE */
  struct sql_columns columns;         /* CREATE TABLE */
  struct sql_constraints constraints; /* CREATE TABLE */
  struct sql_name partition_of;       /* CREATE TABLE ... PARTITION OF */
  struct sql_changes changes;
  struct sql_names reads; /* CREATE TABLE AS and the like: relations in FROM */
  struct sql_names
      functions; /* SELECT without FROM: called by its target list; CALL: the procedure */
  struct strings
      strings; /* string constants of the statement, outside a DO body; at most SQL_STRINGS_MAX */
  const char *body; /* DO: its source */
  const char
      *body_verb; /* DO: first word in it that changes something ("drop", "execute"); NULL: none */
  const char *index_name; /* CREATE INDEX; NULL: the server chooses */
  bool concurrently, unique, if_exists, if_not_exists, cascade;
  bool only;           /* CREATE INDEX ON ONLY table */
  bool temporary;      /* CREATE TABLE, CREATE TABLE AS: TEMP */
  bool full;           /* VACUUM FULL */
  bool with_data;      /* REFRESH and CREATE ... AS: not WITH NO DATA */
  const char *setting; /* SET: its name */
};

enum { SQL_STRINGS_MAX = 256 };

/* Reads a type as format_type or a person writes it ("character varying(20)", "public.mood[]").
 * -1: not understood. */
int sql_type_read(struct arena *arena, const char *text, struct sql_type *ret_type);
