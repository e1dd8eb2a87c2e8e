/* sql/tree_base.h (through sql/tree.h): kinds of statements and objects, names and types. */
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
  SQL_CREATE_OTHER, /* by tree->object: function, trigger, policy, rule, extension, sequence,
                       domain, composite or range type, statistics, publication ... */
  SQL_ALTER_TABLE,
  SQL_ALTER_ENUM,
  SQL_ALTER_DOMAIN, /* one action: SET and DROP NOT NULL, DEFAULT; ADD, DROP, VALIDATE CONSTRAINT */
  SQL_ALTER_SEQUENCE, /* tree->sequence */
  SQL_ALTER_ROUTINE,  /* tree->routine: what it changes */
  SQL_ALTER_OWNER,    /* of what ALTER TABLE is not for: function, type, schema ... */
  SQL_ALTER_EXTENSION,
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

/* What an ALTER, DROP, RENAME, COMMENT, REINDEX, GRANT or CREATE_OTHER is about. */
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
  SQL_OBJECT_POLICY,
  SQL_OBJECT_RULE,
  SQL_OBJECT_STATISTICS,
  SQL_OBJECT_PUBLICATION,
  SQL_OBJECT_DOMAIN_CONSTRAINT, /* tree->name is the domain */
  SQL_OBJECT_ATTRIBUTE,         /* of a composite type */
  SQL_OBJECT_SERVER,            /* of foreign tables */
  SQL_OBJECT_WRAPPER,           /* foreign data wrapper */
};

struct sql_range {
  size_t start, end; /* end 0: not known, take the whole statement */
};

struct sql_name {
  const char *schema; /* NULL: not written */
  const char *name;
  bool only; /* ONLY is written before it: without its partitions and children */
};
VEC_TYPE(sql_names, struct sql_name);

enum { SQL_TYPE_MODIFIERS_MAX = 2 };

struct sql_type {
  struct sql_name
      name; /* as the catalog calls it: "int4", "varchar", "timestamptz"; built in: schema NULL */
  int modifiers[SQL_TYPE_MODIFIERS_MAX]; /* varchar(20): {20}; numeric(10,2): {10, 2} */
  int modifier_count;
  bool odd_modifiers; /* written, but not as one or two integers; of interval: in modifiers, not
                         counted, are the mask of its fields and the digits of the seconds */
  int array_dimensions;
  const char *text; /* for people: "character varying(20)" */
};

/* NAME = VALUE, as in WITH (...), SET (...) and OPTIONS of sequences; of toast: "toast.NAME". */
struct sql_option {
  const char *name, *value; /* value NULL: none is written */
};
VEC_TYPE(sql_options, struct sql_option);
