/* catalog/catalog.h: a database's schema as a model. One model prints DDL, gives fingerprints and
 * is diffed.
 *
 *   struct catalog *before, *after;
 *   catalog_read(arena, conn, &options, &before, err);
 *   catalog_ddl(arena, before, CATALOG_ALL, &script, err); // CREATE statements in dependency order
 *   catalog_fingerprint(before, 0, hex); // by name: equal text = equal schema
 *   catalog_diff(arena, before, after, &changes); // by OID: both read from the SAME database
 *
 * An object is a kind, an address (as in pg_depend), a name identity and a list of named
 * properties, all text, all normalised so that equal means equal. What a kind has as properties is
 * in the table below and in kinds/<kind>.c, which holds everything about that kind: its query,
 * CREATE and DROP. ALTER, the way from one state to another, is inverse/alter.c. A property that is
 * absent has value NULL.
 *
 * Read with a fixed number of set-based queries, all in the caller's transaction if there is one
 * (else in one REPEATABLE READ READ ONLY transaction of its own), with search_path empty, so every
 * name is qualified. System schemas, temporary objects and members of extensions are left out. An
 * object of a kind the model does not know is listed in `unknown`; callers must refuse or name it,
 * never skip it silently.
 */
#pragma once

#include "base/base.h"
#include "db/db.h"

/* In the order in which objects of equal dependency rank are created. */
enum catalog_kind {
  CATALOG_DATABASE,  /* settings (ALTER DATABASE / ROLE IN DATABASE SET, one "role=name value" a
                        line), comment, acl, owner, encoding, collate, ctype, system_privileges (on
                        what initdb made: kinds/system.h). Name-free: identity is "database" */
  CATALOG_SCHEMA,    /* owner, acl, comment */
  CATALOG_EXTENSION, /* schema, version, comment */
  /* Where nothing else is said, definition is the full CREATE text. */
  CATALOG_CAST,     /* definition, comment. Identity "(a AS b)". Before all that could use it: of an
                   expression with a cast pg_depend names the function and the types at most */
  CATALOG_LANGUAGE, /* definition, owner, acl, comment */
  CATALOG_ACCESS_METHOD, /* definition, comment */
  CATALOG_COLLATION,     /* definition (what follows the name in CREATE), owner, comment */
  CATALOG_BASE_TYPE,     /* and shell types, which have no definition: definition (what follows the
                            name in CREATE TYPE), owner, acl, comment */
  CATALOG_RANGE,         /* with its multirange type: definition (what follows the name in CREATE
                            TYPE), owner, acl, comment */
  CATALOG_ENUM,          /* labels (JSON array in order), owner, acl, comment */
  CATALOG_DOMAIN,        /* type, collation, not_null, not_null_name, not_null_comment, default,
                        default_dropped (that of its type), owner, acl, comment (its CHECKs are
                        CONSTRAINTs) */
  CATALOG_COMPOSITE, /* attributes (JSON array of "name type [COLLATE c]"), owner, acl, comment */
  CATALOG_SEQUENCE,  /* type, start, increment, min, max, cache, cycle, persistence, owned_by
                        ("schema.table.column"), identity ("t" when the column's identity made it),
                        owner, acl, comment */
  CATALOG_FUNCTION,  /* functions, procedures, window functions: definition (pg_get_functiondef),
                        routine ("FUNCTION" or "PROCEDURE"), arguments (identity arguments), result,
                        owner, acl, comment */
  CATALOG_AGGREGATE, /* definition, arguments (as COMMENT ON names them), owner, acl, comment */
  CATALOG_TRANSFORM, /* definition, comment. Identity "FOR type LANGUAGE name" */
  CATALOG_OPERATOR,  /* definition, owner, comment. Identity "schema.+ (left, right)" */
  CATALOG_OPERATOR_FAMILY,  /* definition, members (JSON array of what ALTER ... ADD adds: those
                              of no class), owner, comment. Identity "schema.name USING btree".
                              Of the server's own, without definition: those with members that
                              are not the server's; removed_members, brought_members */
  CATALOG_OPERATOR_CLASS,   /* definition, owner, comment. Identity "schema.name USING btree" */
  CATALOG_CONVERSION,       /* definition, owner, comment */
  CATALOG_TS_PARSER,        /* definition, comment */
  CATALOG_TS_TEMPLATE,      /* definition, comment */
  CATALOG_TS_DICTIONARY,    /* definition, owner, comment */
  CATALOG_TS_CONFIGURATION, /* definition, mappings (JSON array of "token WITH dictionary, ..."),
                               owner, comment */
  CATALOG_FOREIGN_WRAPPER,  /* handler, validator, foreign_options, owner, acl, comment */
  CATALOG_FOREIGN_SERVER,   /* wrapper, type, version, foreign_options, owner, acl, comment */
  CATALOG_USER_MAPPING,     /* identity "role on server": mapped_role, server, secret_options */
  CATALOG_TABLE,   /* relkind (r, p, f), server, foreign_options (of foreign tables), persistence,
                      partition_key, partition_of (identity of parent),
                      partition_bound, inherits (JSON array of identities), of_type, options,
                      toast_options, access_method, tablespace, replica_identity, cluster_on,
                      row_security, force_row_security, trigger_states (JSON array of names
                      and states: clones that differ from the trigger they were cloned from),
                      owner, acl, comment */
  CATALOG_COLUMN,  /* child of a table, view or matview: position (among live columns), type,
                      collation, not_null, default, generated ("s", "v" or NULL; expression in
                      default), identity ("a", "d"), identity_options, storage, compression,
                      statistics, options, foreign_options, inherited ("t"), acl, comment; from 18
                      on not_null_name, not_null_not_valid ("t": then not_null is absent),
                      not_null_no_inherit, not_null_inherited, not_null_comment */
  CATALOG_VIEW,    /* definition, options, owner, acl, comment */
  CATALOG_MATVIEW, /* definition, options, access_method, tablespace, owner, acl, comment */
  CATALOG_CONSTRAINT, /* of a table or domain: type (c,p,u,f,x,t), definition
                         (pg_get_constraintdef), columns (JSON array of names), referenced (identity
                         of the table an FK points to), validated, index_options, inherited,
                         partition_parent (identity of the parent constraint), index_valid, comment
                       */
  CATALOG_INDEX, /* not constraint-backed: definition, unique, valid, partition_parent, statistics
                    (JSON), tablespace, comment */
  CATALOG_STATISTICS,  /* extended statistics: definition, target, owner, comment */
  CATALOG_RULE,        /* rewrite rules other than a view's own: definition, enabled, comment */
  CATALOG_TRIGGER,     /* definition, enabled, comment, constraint_comment; clones on partitions
                          are left out */
  CATALOG_POLICY,      /* definition (full CREATE POLICY text), comment */
  CATALOG_DEFAULT_ACL, /* pg_default_acl: identity "role in schema for kind"; acl, statements (JSON
                          array of SQL) */
  CATALOG_EVENT_TRIGGER, /* definition (full CREATE text), enabled, owner, comment */
  CATALOG_PUBLICATION,   /* definition (full CREATE text), owner, comment */
  CATALOG_SUBSCRIPTION,  /* publications (JSON array), conninfo (secret), slot_name,
                            synchronous_commit, streaming, binary, two_phase, disable_on_error,
                            password_required, run_as_owner, origin, failover, running (state),
                            owner, comment; always made disabled */
  CATALOG_KIND_COUNT
};

/* How values are written. Flags are "t" or absent (not_null, unique, cycle, inherited,
 * row_security, ...); `valid`, `validated` and `index_valid` are "t" or "f". Names of single things
 * (owner, tablespace, schema of an extension, cluster_on) are unquoted, qualified names are
 * identities. An acl is aclitem lines, sorted ("" = nobody has anything). `options` and
 * `toast_options` are ready for WITH (...) and SET (...), foreign_options for OPTIONS (...).
 * replica_identity: "FULL", "NOTHING",
 * "USING INDEX name". Beyond the table above: CONSTRAINT index_comment, index_statistics; DATABASE
 * locale_provider, locale (no owner; in its acl and in GRANTs the owner is pg_database_owner);
 * COMPOSITE attribute_comments; EXTENSION member_privileges; MATVIEW cluster_on, populated (state:
 * not compared, not hashed). Any kind: security_labels (JSON array, three strings a label: part or
 * "", provider, label). */
struct catalog_property {
  const char *name;
  const char *value; /* NULL = absent */
};

struct catalog_object {
  enum catalog_kind kind;
  uint32_t class_oid, oid; /* as in pg_depend; COLUMN: pg_class, table's oid, attnum */
  int32_t subid;
  const char *schema;            /* unquoted; NULL where the kind has none */
  const char *name;              /* unquoted own name */
  const char *identity;          /* qualified and quoted, unique within the kind: "public.orders",
                                    "public.orders.price", "public.f(integer)", for children
                                    "public.orders.orders_pkey" */
  struct catalog_object *parent; /* table of a column, constraint, index, trigger, rule, policy,
                                    statistics; else NULL */
  struct catalog_property *properties; /* sorted by name */
  size_t property_count;
  struct catalog_object **depends_on; /* what must exist before it (pg_depend, resolved to modelled
                                         objects; parent too) */
  size_t depends_on_count;
  /* What an absent acl stands for, in the same notation; NULL: no privileges. */
  const char *default_acl;
  /* CONSTRAINT, INDEX: JSON array of its columns if it is valid, unique, over plain columns of all
   * rows; else NULL. Like the rest below not a property: neither compared nor hashed. */
  const char *row_key;
  uint32_t
      dropped_attributes; /* composite types: how many it once had more; not in the fingerprint */
  uint32_t relfilenode; /* tables, indexes, matviews, sequences; 0 for partitioned and views; not in
                           fingerprints */
  double
      row_estimate; /* reltuples, -1 unknown; bytes: total size. Only for reports and estimates */
  int64_t bytes;
  int64_t scans; /* INDEX: how often queries used it on this server; only for reports */
};

struct catalog_unknown {
  const char *kind; /* as the server says it: "comment", "not null constraint", ... */
  const char *identity;
};
VEC_TYPE(catalog_unknowns, struct catalog_unknown);

struct catalog {
  int server_version;
  struct catalog_object **objects; /* sorted by kind, then identity */
  size_t object_count;
  struct catalog_unknowns unknown; /* sorted */
  const struct strings *ignored;   /* identities of tables that were left out; NULL: none */
  /* Makes look-ups fast; NULL (a catalog made by hand) makes them linear. */
  const struct catalog_index *index;
};

struct catalog_options {
  /* Read what is secret, too (conninfo of subscriptions with their slot, options of user
   * mappings): for a backup. A role that may not read it gets ERR_REFUSED with the name of the
   * object. Else it is left out, and the DDL makes objects without it. Secrets are never hashed,
   * shown or compared by name. */
  bool secrets;
  const struct strings
      *ignore_tables; /* identities left out with all their children: the ledger, belay's own */
};

int catalog_read(struct arena *arena, struct db_conn *conn, const struct catalog_options *options,
                 struct catalog **ret_catalog, struct err *err);

/* What a new database of the same encoding and settings holds: the database itself, schema public
 * and plpgsql as they are in `like` (whose objects it shares). */
struct catalog *catalog_blank(struct arena *arena, const struct catalog *like);

const char *catalog_kind_name(enum catalog_kind kind); /* "table", "materialized view" */
const char *catalog_get(const struct catalog_object *object,
                        const char *property); /* NULL if absent */
bool catalog_is(const struct catalog_object *object, const char *property, const char *value);
/* A table whose rows are elsewhere: relkind f. */
bool catalog_is_foreign(const struct catalog_object *object);
/* How ALTER TABLE and ALTER EVENT TRIGGER say a state "O", "D", "R", "A": "ENABLE ALWAYS". */
const char *catalog_enable_words(const char *state);
/* By address or by identity; NULL if there is none. */
struct catalog_object *catalog_find(const struct catalog *c, enum catalog_kind kind, uint32_t oid,
                                    int32_t subid);
struct catalog_object *catalog_find_name(const struct catalog *c, enum catalog_kind kind,
                                         const char *identity);
/* The objects whose parent is `parent`, of one kind, in identity order (columns: in position
 * order). */
VEC_TYPE(catalog_objects, struct catalog_object *);
struct catalog_objects catalog_children(struct arena *arena, const struct catalog *c,
                                        const struct catalog_object *parent,
                                        enum catalog_kind kind);
/* Key columns by which a row of the table is told apart: primary key, else a valid, non-partial,
 * non-expression unique index or constraint over NOT NULL columns. 0 columns: none. */
struct strings catalog_row_key(struct arena *arena, const struct catalog *c,
                               const struct catalog_object *table);

/* ---- DDL ---- */
enum catalog_section {
  CATALOG_PRE_DATA = 1, /* schemas, types, tables, sequences, functions, views ... */
  CATALOG_POST_DATA =
      2, /* indexes, constraints, foreign keys, triggers, rules, policies, matview data ... */
  CATALOG_ALL = 3
};
/* What a statement does for its object: what may be left out, moved or mapped by name follows. */
#define CATALOG_PURPOSES(X)                                                                        \
  X(CATALOG_FOR_CREATE, "create")         /* makes it, or completes its making */                  \
  X(CATALOG_FOR_CHANGE, "change")         /* CLUSTER ON, statistics targets, enabled state ... */  \
  X(CATALOG_FOR_DEFAULT, "default")       /* SET DEFAULT apart from CREATE TABLE */                \
  X(CATALOG_FOR_ATTACH, "attach")         /* ATTACH PARTITION, of tables and of indexes */         \
  X(CATALOG_FOR_OWNED_BY, "owned by")     /* of a sequence */                                      \
  X(CATALOG_FOR_REFRESH, "refresh")       /* of a materialized view */                             \
  X(CATALOG_FOR_OWNER, "owner")           /* names a role */                                       \
  X(CATALOG_FOR_PRIVILEGES, "privileges") /* names roles */                                        \
  X(CATALOG_FOR_SETTING, "setting")       /* of the database or of a role in it */                 \
  X(CATALOG_FOR_COMMENT, "comment")                                                                \
  X(CATALOG_FOR_LABEL, "label")                                                                    \
  X(CATALOG_FOR_DROP, "drop") /* of what a new database brings */
enum catalog_purpose {
#define X(name, word) name,
  CATALOG_PURPOSES(X)
#undef X
      CATALOG_PURPOSE_COUNT
};
const char *catalog_purpose_name(enum catalog_purpose purpose); /* "create" */

struct catalog_statement {
  enum catalog_section section;
  enum catalog_purpose purpose;
  const struct catalog_object *object;
  const char *sql; /* one or more statements, each ended by ";\n"; nothing depends on search_path */
};
VEC_TYPE(catalog_script, struct catalog_statement);

/* CREATE statements of all objects, in dependency order, post-data last. Cycles are broken
 * (defaults, view stubs) or an error (ERR_REFUSED) names them. */
int catalog_ddl(struct arena *arena, const struct catalog *c, int sections,
                struct catalog_script *ret, struct err *err);
/* CREATE (with owner, acl, comment) of a single object, without its children unless they are part
 * of CREATE TABLE (columns): used by the inverse. Every catalog_statement holds ONE statement. What
 * must wait for rows (row security, REFRESH) has section POST_DATA. A partition's ATTACH is a
 * statement of its own. An index or constraint brings its CLUSTER ON and REPLICA IDENTITY. Not
 * written, because it may not be possible yet: OWNED BY of a sequence, trigger_states, what an
 * inheritance child has otherwise than its parent. Not written, because others bring it: an
 * inherited CHECK. */
int catalog_create_object(struct arena *arena, const struct catalog *c,
                          const struct catalog_object *object, struct catalog_script *ret,
                          struct err *err);
/* What must exist before the statement can run, as titles ("table public.orders"): what the object
 * depends on, columns standing for their tables. */
struct strings catalog_statement_needs(struct arena *arena, const struct catalog *c,
                                       const struct catalog_statement *statement);
char *catalog_object_title(struct arena *arena,
                           const struct catalog_object *object); /* "table a.b" */
/* A primary key or unique constraint in two steps, so that its index can be built beside others of
 * the table: CREATE UNIQUE INDEX, then ADD CONSTRAINT ... USING INDEX; each ended by ";\n". False:
 * the server cannot do it that way (partitioned tables, exclusion, WITHOUT OVERLAPS). */
bool catalog_split_constraint(struct arena *arena, const struct catalog_object *constraint,
                              char **ret_index, char **ret_constraint);
/* "DROP TABLE public.orders;": RESTRICT, qualified. NULL for kinds that are dropped with their
 * parent. */
char *catalog_drop_object(struct arena *arena, const struct catalog_object *object);
/* Statements that set owner, acl (as a difference from `from`, NULL = the default acl) and comment,
 * each ended by ";\n"; "" if there is nothing to set. comment: also COMMENT ... IS NULL when it has
 * none. */
char *catalog_owner_sql(struct arena *arena, const struct catalog_object *object);
char *catalog_acl_sql(struct arena *arena, const struct catalog_object *object,
                      const char *from_acl);
char *catalog_comment_sql(struct arena *arena, const struct catalog_object *object);
/* From the labels `from` (a value of security_labels, NULL: none) to those of the object. */
char *catalog_labels_sql(struct arena *arena, const struct catalog_object *object,
                         const char *from);
/* Conninfo, passwords: not for messages, logs or files. */
bool catalog_is_secret(const char *property);
/* Drops what a copy has as subscriptions, without asking any publisher. A database that has one
 * cannot be dropped. */
int catalog_forget_subscriptions(struct db_conn *conn, struct err *err);
/* Drops a database with whoever is connected to it; fine if there is none. conn: to another
 * database. */
int catalog_drop_database(struct db_conn *conn, const char *name, struct err *err);
/* datconnlimit of what an interrupted DROP DATABASE left (since 15.4 and its like): nobody gets in
 * and nothing copies it, it can only be dropped. */
enum { CATALOG_DROP_INTERRUPTED = -2 };
/* "SET search_path TO 'a', 'b'": what ALTER DATABASE and ALTER ROLE need to store `value` as
 * pg_db_role_setting holds it. */
char *catalog_set_clause(struct arena *arena, const char *name, const char *value);
/* Objects sorted so that each comes after what it depends on (stable, kind order first). */
int catalog_sort(struct arena *arena, struct catalog_object *const *objects, size_t count,
                 struct catalog_objects *ret, struct err *err);

/* ---- fingerprint ---- */
enum {
  CATALOG_IGNORE_COLUMN_ORDER = 1,
  CATALOG_IGNORE_OWNER = 2,    /* owner, acl, the database's settings (of roles, too) */
  CATALOG_IGNORE_DATABASE = 4, /* what belongs to the database itself */
  /* of inheritance children: what their parents got later comes first when they are made anew */
  CATALOG_IGNORE_CHILD_ORDER = 8
};
/* SHA-256 over kind, identity and properties of all objects. 64 hex digits. The column order of
 * views always counts. */
void catalog_fingerprint(const struct catalog *c, int flags, char ret_hex[65]);
/* Human-readable differences by name, at most `max` lines like "table public.orders: column fee
 * missing". */
struct strings catalog_differences(struct arena *arena, const struct catalog *expected,
                                   const struct catalog *found, int flags, size_t max);

/* ---- diff by address ---- */
enum catalog_change_type { CATALOG_CREATED, CATALOG_DROPPED, CATALOG_CHANGED };
struct catalog_change {
  enum catalog_change_type type;
  const struct catalog_object *before; /* NULL when created */
  const struct catalog_object *after;  /* NULL when dropped */
  struct strings properties; /* CHANGED: names of differing properties; "name", "schema" and
                                "parent" count as such */
};
VEC_TYPE(catalog_changes, struct catalog_change);
/* First by address. Then what is left over is matched by kind and identity if all properties are
 * equal (objects that the server re-made: indexes and constraints under ALTER TYPE, replaced
 * functions): no change. For kinds without data (not TABLE, COLUMN, SEQUENCE, MATVIEW) equal
 * identity with differing properties is one CHANGED. The position of columns, which no statement
 * can set, and state are not compared; fingerprints see the position. */
void catalog_diff(struct arena *arena, const struct catalog *before, const struct catalog *after,
                  struct catalog_changes *ret_changes);
