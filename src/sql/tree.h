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

#include "sql/tree_base.h"

/* One of the parts of an expression that AND joins. Constants as in SQL, without casts: 5, 'a',
 * true. */
struct sql_condition {
  const char *column;    /* NULL if op is */
  const char *op;        /* "=", "<", "<=", ">", ">=", "<>", "in", "is null", "is not null", each
                            with the column to the left; NULL: anything else */
  struct strings values; /* the constant, or those of the list */
};
VEC_TYPE(sql_conditions, struct sql_condition);

/* An expression by AND and OR, with every NOT driven down to the conditions, as the planner has it.
 * IN is an OR of "=", NOT IN an AND of "<>". */
struct sql_logic {
  char kind; /* 'a' AND, 'o' OR, 'c' a condition */
  struct sql_condition condition;
  VEC(const struct sql_logic *) parts;
};

struct sql_expression {
  bool is_null; /* the constant NULL */
  bool is_true; /* the constant true: WHERE true */
  struct sql_names
      functions; /* called anywhere inside; a schema pg_catalog is written or implied by syntax */
  bool subquery, window;       /* anywhere inside */
  const char *not_null_column; /* exactly "column IS NOT NULL", else NULL */
  const char *bare_column;     /* exactly a column, else NULL */
  const char *cast_column;     /* exactly column::type, else NULL */
  const char *cast_type;       /* that type's text */
  const char *string;          /* exactly a string constant, else NULL */
  struct sql_name sequence;    /* of nextval('sequence'); name NULL: none */
  struct strings columns;      /* used anywhere inside, each once; of a domain's CHECK: "value" */
  struct sql_conditions conditions; /* at least one */
  const struct sql_logic *logic;    /* of a CHECK; else NULL */
};

/* A column or an expression of an index, a partition key or an EXCLUDE. */
struct sql_key {
  const char *column;               /* NULL: an expression */
  struct sql_expression expression; /* if it is one */
  const char *name;                 /* by which the server names it in index names; NULL: none */
  const char *collation;            /* NULL: that of the column */
  const char *opclass;              /* NULL: the default */
};
VEC_TYPE(sql_keys, struct sql_key);

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
  struct strings referenced_columns;  /* FOREIGN KEY; none: the primary key */
  struct strings include;             /* UNIQUE, PRIMARY KEY, EXCLUDE */
  struct sql_keys keys;               /* EXCLUDE */
  const char *method;                 /* EXCLUDE USING; NULL: btree */
  const struct sql_expression *where; /* EXCLUDE; NULL: none */
  const char *text;                   /* CHECK: "CHECK (n > 0)", as it is written */
  char on_delete, on_update; /* FOREIGN KEY: 'a' no action, 'r' restrict, 'c' cascade, 'n' set
                                null, 'd' set default */
  bool no_inherit, deferrable, initially_deferred, nulls_not_distinct;
  bool not_enforced;      /* NOT ENFORCED of 18; not_valid too */
  bool temporal;          /* WITHOUT OVERLAPS, PERIOD of 18 */
  const char *tablespace; /* USING INDEX TABLESPACE; NULL: none */
  size_t at;              /* offset in the statement */
};
VEC_TYPE(sql_constraints, struct sql_constraint);

enum sql_generated {
  SQL_NOT_GENERATED,
  SQL_GENERATED_STORED,
  SQL_GENERATED_IDENTITY,
  SQL_GENERATED_VIRTUAL, /* 18 */
};

struct sql_column {
  const char *name;
  struct sql_type type;
  bool not_null;                              /* also by PRIMARY KEY */
  bool serial;                                /* smallserial, serial, bigserial */
  const struct sql_expression *default_value; /* NULL: none */
  enum sql_generated generated;
  struct sql_constraints constraints; /* CHECK, UNIQUE, PRIMARY KEY and FOREIGN KEY of the column */
  const struct sql_expression *generated_as; /* GENERATED ... AS (expression); NULL: none */
  const char *not_null_name;                 /* CONSTRAINT name NOT NULL; NULL: none */
  bool identity_always;
  struct sql_options sequence; /* of an identity */
  const char *collation;       /* COLLATE; NULL: none */
  const char *storage;         /* of a new table since 16; NULL: none */
  const char *compression;     /* NULL: none */
  size_t at;                   /* offset in the statement */
};
VEC_TYPE(sql_columns, struct sql_column);

struct sql_partition_key {
  const char *strategy; /* "range", "list", "hash" */
  struct sql_keys keys;
};

/* FOR VALUES. Constants as in sql_condition, also MINVALUE, MAXVALUE and NULL; a NULL pointer for
 * what is no constant. */
struct sql_bound {
  bool is_default;
  struct strings lower, upper; /* FROM (...) TO (...) */
  struct strings values;       /* IN (...) */
  bool hash;                   /* WITH (MODULUS, REMAINDER) */
  int modulus, remainder;
  const char *text; /* "FOR VALUES FROM (0) TO (100)", "DEFAULT" */
};

/* LIKE table INCLUDING ... in CREATE TABLE. */
struct sql_like {
  struct sql_name table;
  bool comments, compression, constraints, defaults, generated, identity, indexes, statistics,
      storage;
};
VEC_TYPE(sql_likes, struct sql_like);

/* What follows the columns of CREATE TABLE and CREATE INDEX. */
struct sql_storage {
  const char *tablespace;     /* NULL: the default */
  const char *access_method;  /* of the table or index; NULL: the default */
  struct sql_options options; /* WITH (...) */
};

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
  SQL_SET_IDENTITY,
  SQL_DROP_IDENTITY,
  SQL_DROP_EXPRESSION,  /* of a generated column */
  SQL_SET_STATISTICS,   /* of a column, also of an expression of an index: name NULL */
  SQL_SET_STORAGE,      /* of a column */
  SQL_SET_COMPRESSION,  /* of a column */
  SQL_SET_ATTRIBUTES,   /* ALTER COLUMN SET (...), RESET (...) */
  SQL_ALTER_CONSTRAINT, /* deferrable or not; 18: [NOT] ENFORCED */
  SQL_CHANGE_OWNER,     /* text: the role */
  SQL_CLUSTER_ON,       /* name: the index */
  SQL_SET_WITHOUT_CLUSTER,
  SQL_SET_OPTIONS,   /* SET (...); options */
  SQL_RESET_OPTIONS, /* RESET (...); options */
  SQL_ENABLE_RULE,
  SQL_DISABLE_RULE,
  SQL_ADD_INHERIT,      /* parent: partition */
  SQL_DROP_INHERIT,     /* parent: partition */
  SQL_ADD_OF,           /* OF type */
  SQL_DROP_OF,          /* NOT OF */
  SQL_REPLICA_IDENTITY, /* text: "FULL", "NOTHING", "DEFAULT"; "INDEX": name is the index */
  SQL_ENABLE_ROW_SECURITY,
  SQL_DISABLE_ROW_SECURITY,
  SQL_FORCE_ROW_SECURITY,
  SQL_NO_FORCE_ROW_SECURITY,
  SQL_SET_FOREIGN_OPTIONS, /* OPTIONS (...) of a foreign table or its column */
  SQL_SET_EXPRESSION,      /* 17: of a generated column; value */
};

enum sql_said { SQL_UNSAID, SQL_SAID, SQL_SAID_NOT };

/* One subcommand of ALTER TABLE. SET ACCESS METHOD DEFAULT has no name. */
struct sql_action {
  enum sql_action_kind kind;
  struct sql_range range;
  const char *name;            /* of the column, constraint, trigger; NULL for all triggers */
  struct sql_column *column;   /* ADD COLUMN */
  const struct sql_type *type; /* ALTER TYPE */
  const struct sql_expression *using; /* ALTER TYPE ... USING; NULL: none */
  const char *collation;              /* ALTER TYPE ... COLLATE; NULL: none */
  struct sql_constraint *constraint;  /* ADD CONSTRAINT, ALTER CONSTRAINT */
  struct sql_name partition;          /* ATTACH, DETACH */
  struct sql_name of_type;            /* OF type; name NULL: none */
  bool partition_default;             /* ATTACH ... DEFAULT */
  bool concurrently;                  /* DETACH ... CONCURRENTLY */
  bool finalize;                      /* DETACH ... FINALIZE */
  bool if_exists;                     /* IF EXISTS, IF NOT EXISTS */
  bool cascade;
  const struct sql_expression *value; /* SET DEFAULT, SET EXPRESSION */
  enum sql_said enforced;             /* ALTER CONSTRAINT [NOT] ENFORCED */
  enum sql_said inherit;              /* ALTER CONSTRAINT [NO] INHERIT */
  const struct sql_bound *bound;      /* ATTACH */
  struct sql_options options;         /* SET (...), RESET (...), of identities: of the sequence */
  const char *text; /* new owner, tablespace, access method, storage, compression, identity */
};
VEC_TYPE(sql_actions, struct sql_action);

struct sql_trigger { /* its name is tree->member, its table tree->name */
  struct sql_name function;
  struct sql_name referenced;            /* CREATE CONSTRAINT TRIGGER ... FROM; name NULL: none */
  bool constraint, row, before, instead; /* neither before nor instead: AFTER */
  bool on_insert, on_update, on_delete, on_truncate;
  struct strings columns;            /* UPDATE OF */
  const struct sql_expression *when; /* NULL: none */
};

struct sql_policy {    /* its name is tree->member, its table tree->name */
  const char *command; /* "all", "select", ... */
  bool restrictive;
  struct strings roles;               /* "public" */
  const struct sql_expression *using; /* NULL: none */
  const struct sql_expression *check; /* NULL: none */
};

struct sql_rule { /* its name is tree->member, its table tree->name, its actions tree->elements */
  enum sql_kind event; /* SELECT, INSERT, UPDATE or DELETE */
  bool instead, conditional;
};

struct sql_routine { /* of ALTER: what is written */
  bool procedure, returns_set, strict, security_definer;
  const char *volatility;         /* "volatile", "stable", "immutable"; NULL: not written */
  const char *language;           /* lower case; NULL: not written */
  const char *body;               /* AS '...'; NULL: none, or BEGIN ATOMIC or RETURN */
  const struct sql_type *returns; /* NULL: nothing, or ALTER */
  struct strings settings;        /* names in SET clauses: "search_path" */
  int parameters;                 /* that a caller gives */
  const char *signature;          /* their types: "integer, text"; ALTER: as it is written */
  const struct sql_expression
      *result; /* language SQL and the body is one SELECT of one expression, without FROM and all
                  else: what the planner may put in place of a call; NULL: it is not */
};

struct sql_domain {
  struct sql_type type;
  bool not_null;
  const struct sql_expression *default_value; /* NULL: none */
  const char *collation;                      /* NULL: none */
  struct sql_constraints constraints;         /* its CHECKs */
};

struct sql_sequence {
  const char *type;         /* "int8"; NULL: not written */
  bool owned;               /* OWNED BY is written: */
  struct sql_name owned_by; /* name NULL: NONE */
  const char *owned_by_column;
  struct sql_options options; /* all the others: "start", "increment", "restart" ... */
};

struct sql_tree;
VEC_TYPE(sql_trees, const struct sql_tree *);

/* A data change, wherever it stands: the statement itself, WITH, or under EXPLAIN ANALYZE. */
struct sql_change {
  enum sql_kind kind; /* INSERT, UPDATE, DELETE or MERGE */
  struct sql_name relation;
  bool where;                             /* restricts rows: a WHERE that is not constantly true */
  const struct sql_expression *condition; /* the WHERE; NULL: none */
  bool from_select;                       /* INSERT ... SELECT */
  bool from_itself;                       /* INSERT: the rows come from the relation, too */
  bool by_position;                       /* INSERT of values without a list of columns */
  bool updates;                           /* INSERT ... ON CONFLICT DO UPDATE */
  struct strings columns; /* INSERT: its list; UPDATE: those that are set, as whole columns */
};
VEC_TYPE(sql_changes, struct sql_change);

/* Something that is no relation, by its name: what a statement needs, makes or drops. */
enum sql_use_kind {
  SQL_USE_TYPE,     /* also the row type of a relation */
  SQL_USE_FUNCTION, /* also procedures and aggregates */
  SQL_USE_ROLE,
  SQL_USE_TABLESPACE,
  SQL_USE_OPCLASS,
  SQL_USE_OPFAMILY,
  SQL_USE_COLLATION,
  SQL_USE_SCHEMA,
  SQL_USE_LANGUAGE,
  SQL_USE_ACCESS_METHOD,
  SQL_USE_EXTENSION,
  SQL_USE_EXTENSION_FILES, /* that CREATE EXTENSION reads */
  SQL_USE_SERVER,          /* of foreign tables */
  SQL_USE_WRAPPER,
  SQL_USE_PUBLICATION,
  SQL_USE_EVENT_TRIGGER,
  SQL_USE_STATISTICS,
  SQL_USE_CONVERSION,
  SQL_USE_SUBSCRIPTION,
  SQL_USE_SEARCH_CONFIGURATION, /* of text search, as the next three */
  SQL_USE_SEARCH_DICTIONARY,
  SQL_USE_SEARCH_PARSER,
  SQL_USE_SEARCH_TEMPLATE,
  SQL_USE_KINDS
};
enum sql_use_way { SQL_NEEDS, SQL_MAKES, SQL_DROPS };

struct sql_use {
  enum sql_use_kind kind;
  enum sql_use_way way;
  struct sql_name name;
  bool optional;         /* IF EXISTS, IF NOT EXISTS, OR REPLACE */
  const char *method;    /* OPCLASS, OPFAMILY: the access method */
  const char *word;      /* FUNCTION: "function", "procedure", "aggregate", "routine" */
  const char *arguments; /* FUNCTION: their types, as far as the text says them; NULL: it does not,
                            or none are written */
  int least, most;       /* FUNCTION: how many it can be called with, or is; -1: not known */
  bool row;              /* FUNCTION: it may be a column of the row that it is called with */
  int dimensions;        /* TYPE: of an array */
  size_t action;         /* of ALTER TABLE, from 1 on; 0: of the statement */
};
VEC_TYPE(sql_uses, struct sql_use);

/* A column that a query gives. */
struct sql_target {
  const char *name;            /* "?column?": none; "*": those of a relation, or of all */
  const char *qualifier;       /* t of t.n and of t.*; NULL: none */
  const char *column;          /* it is exactly that column; NULL: it is not */
  const struct sql_type *type; /* that a cast, a constant or a call of the server's own function
                                  gives; NULL: the text does not say it */
  const char *collation;       /* COLLATE; NULL: none is written */
};
VEC_TYPE(sql_target_vec, struct sql_target);

/* A relation in FROM. */
struct sql_source {
  const char *alias;        /* or its own name; of a scope NULL: none */
  struct sql_name relation; /* of a scope name NULL: it is no relation whose columns are plain */
};
VEC_TYPE(sql_sources, struct sql_source);

/* The name of a column in an expression. */
struct sql_reference {
  const char *qualifier; /* t of t.n; NULL: none */
  const char *column;
  const char *compared; /* with this string constant; NULL: with none */
};

/* What a column is given by INSERT or UPDATE. */
struct sql_assignment {
  const char *column;   /* NULL: by its position */
  bool whole;           /* not an element or a field of it */
  bool is_default;      /* DEFAULT, in every row */
  struct strings texts; /* string constants, of one row or several */
};

/* A query or a data change: where the names of columns in it are looked for. */
struct sql_scope {
  struct sql_scope *outer; /* what is not found here is looked for there; NULL: nowhere */
  struct sql_sources sources;
  VEC(struct sql_reference) references;
  struct sql_name target;                 /* of a data change; name NULL: a query */
  VEC(struct sql_assignment) assignments; /* by name */
  VEC(struct sql_assignment) values;      /* INSERT ... VALUES: by position */
  int expressions;                        /* the same: in the first row; -1: no VALUES */
  bool inserts, overrides;                /* INSERT; OVERRIDING SYSTEM VALUE */
};

/* A string constant that is read as a type: 'a'::mood; of nextval('name') as regclass. */
struct sql_cast {
  const char *text;
  struct sql_type type;
  struct sql_name name; /* that the text is, as regclass reads it; name NULL: it is none */
};

/* The clause that only the newest servers understand. */
struct sql_newest {
  int major;          /* the first that does; 0: all of 13 to 18 do, as far as known */
  const char *clause; /* "NOT ENFORCED" */
  struct sql_range range;
};

struct sql_tree {
  enum sql_kind kind;
  const char *node; /* the parser's name of the statement: "AlterTableStmt" */
  enum sql_object
      object;           /* ALTER TABLE, RENAME, SET_SCHEMA, DROP, REINDEX, COMMENT, CREATE_OTHER */
  struct sql_name name; /* the relation or object; RENAME COLUMN: the table */
  struct sql_names
      names;          /* DROP, TRUNCATE, LOCK, VACUUM: each; DROP TRIGGER and the like: the table */
  const char *member; /* RENAME: old column, constraint, enum value; ALTER ENUM: the new value;
                         CREATE FOREIGN TABLE: its server; CREATE SERVER: its wrapper; CREATE TABLE
                         AS EXECUTE: the prepared statement */
  const char *new_name;               /* RENAME, SET SCHEMA (the schema) */
  struct sql_actions actions;         /* ALTER TABLE */
  struct sql_columns columns;         /* CREATE TABLE */
  struct sql_constraints constraints; /* CREATE TABLE */
  struct sql_name partition_of;       /* CREATE TABLE ... PARTITION OF */
  struct sql_changes changes;
  struct sql_names reads; /* queries, data changes, CREATE TABLE AS and the like: every relation
                             that is named */
  bool locks_rows;        /* SELECT ... FOR UPDATE, SHARE ... */
  struct strings locked;  /* OF these, as FROM calls them; none: all */
  struct sql_names
      functions; /* SELECT without FROM: called by its target list; CALL: the procedure */
  struct strings
      strings; /* string constants of the statement, outside a DO body; at most SQL_STRINGS_MAX */
  const char *body; /* DO: its source */
  const char
      *body_verb; /* DO: first word in it that changes something ("drop", "execute"); NULL: none */
  const char *index_name; /* CREATE INDEX; NULL: the server chooses; CLUSTER USING */
  bool concurrently, unique, if_exists, if_not_exists, cascade;
  bool only;             /* CREATE INDEX ON ONLY, ALTER TABLE ONLY, VACUUM ONLY table */
  bool temporary;        /* CREATE TABLE, CREATE TABLE AS: TEMP */
  bool unlogged;         /* CREATE TABLE, SEQUENCE: UNLOGGED */
  bool replace;          /* CREATE OR REPLACE */
  bool full;             /* VACUUM FULL */
  bool vacuum;           /* VACUUM: it is no bare ANALYZE */
  bool restart;          /* TRUNCATE ... RESTART IDENTITY */
  bool from;             /* COPY ... FROM */
  bool with_data;        /* REFRESH and CREATE ... AS: not WITH NO DATA */
  bool analyze;          /* EXPLAIN ANALYZE: the statement runs */
  const char *setting;   /* SET: its name; NULL: RESET ALL */
  bool reset;            /* SET ... TO DEFAULT, RESET, RESET ALL */
  bool local;            /* SET LOCAL */
  struct strings values; /* SET: its values, as they are without quotes; CREATE TYPE AS ENUM: its
                            values; GRANT, REVOKE: privileges; none: ALL */

  /* CREATE TABLE, also of a foreign one (object: FOREIGN_TABLE) */
  const struct sql_partition_key *partition_key; /* PARTITION BY; NULL: none */
  const struct sql_bound *bound;                 /* PARTITION OF; NULL: no partition */
  struct sql_names inherits;                     /* INHERITS */
  struct sql_likes likes;                        /* LIKE */
  const struct sql_name *of_type;                /* OF type; NULL: none */
  struct sql_storage storage; /* CREATE TABLE, CREATE INDEX, CREATE TABLE AS, MATVIEW */

  /* CREATE INDEX; storage.access_method is NULL for btree */
  struct sql_keys keys;
  struct strings include;
  const struct sql_expression *where; /* also of SELECT, UPDATE, DELETE and CREATE TABLE AS */
  bool nulls_not_distinct;

  /* CREATE VIEW, MATVIEW, TABLE AS, RULE: reads and; CREATE STATISTICS: read_columns, which are its
   * own */
  struct strings read_columns;   /* names of columns that the query mentions anywhere, of whichever
                                  relation; "*" for all */
  struct strings targets;        /* names of its columns; "*" for those of a table or of a query
                                  that is no SELECT */
  struct strings aliases;        /* names written for the first of its columns */
  struct sql_target_vec results; /* its columns, where it is a SELECT without set operation */
  struct sql_sources sources;    /* its FROM, if that names relations only: */
  bool plain_sources;            /* and no WITH, no USING */
  struct sql_options options; /* VIEW: WITH (...); EXTENSION: "new_version", "schema", "cascade" */

  const struct sql_trigger *trigger;   /* CREATE TRIGGER; NULL: another statement, as below */
  const struct sql_policy *policy;     /* CREATE POLICY */
  const struct sql_routine *routine;   /* CREATE FUNCTION, PROCEDURE; ALTER ... */
  const struct sql_domain *domain;     /* CREATE DOMAIN */
  const struct sql_sequence *sequence; /* CREATE, ALTER SEQUENCE */
  const struct sql_rule *rule;         /* CREATE RULE */
  struct sql_trees elements;           /* CREATE SCHEMA: what it makes in it; CREATE RULE: what it
                                          does; EXPLAIN, PREPARE, DECLARE: the statement */
  const char *role;                    /* CREATE SCHEMA AUTHORIZATION, ALTER OWNER; NULL: none */
  const char *neighbor;    /* ALTER ENUM ADD VALUE ... BEFORE or AFTER; NULL: at the end */
  bool after;              /* AFTER */
  bool revoke;             /* REVOKE */
  bool all_in_schema;      /* GRANT, REVOKE ... ON ALL TABLES IN SCHEMA: names are schemas */
  struct strings grantees; /* GRANT, REVOKE; "public" */
  struct sql_newest newest;
  struct sql_uses uses;                 /* also those of statements inside */
  VEC(const struct sql_scope *) scopes; /* of queries and data changes, also inside; none of code */
  VEC(struct sql_cast) casts;           /* the same */
};

enum { SQL_STRINGS_MAX = 256 };

/* Reads a type as format_type or a person writes it ("character varying(20)", "public.mood[]").
 * -1: not understood. */
int sql_type_read(struct arena *arena, const char *text, struct sql_type *ret_type);

enum { SQL_NAME_BYTES_MAX = 63 }; /* the server cuts longer ones */
struct sql_statement;
/* The first name of the statement that is longer than the server takes; false: there is none. */
bool sql_find_long_name(const struct sql_statement *statement, struct sql_range *ret);
