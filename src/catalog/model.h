/* catalog/model.h: private to catalog/. What a kind file provides and what it may use.
 *
 * A kind is one file in kinds/ that defines one `struct catalog_kind_ops`, and one line in
 * CATALOG_KINDS below.
 *
 * Its query returns one row an object. These columns are known by name; every other column is a
 * property:
 *   class_oid oid subid          address as in pg_depend (subid may be left out)
 *   parent_class parent_oid      the object it belongs to (may be left out or NULL)
 *   schema name identity         unquoted, unquoted, quoted
 *   default_acl row_key relfilenode dropped_attributes row_estimate bytes
 *                                fields of struct catalog_object
 *   owned_by_oid                 SEQUENCE: its table (they are left out together)
 *   property_x                   property x, where x is one of the above
 * Queries run with an empty search_path and must leave out system schemas, temporary objects,
 * extension members.
 */
#pragma once

#include "catalog/catalog.h"
#include "sql/quote.h"

/* Collects statements. Each becomes a catalog_statement of its own, so that a caller can run them
 * one by one. */
struct catalog_writer {
  struct arena *arena;
  const struct catalog *catalog;
  struct catalog_script *script;
  const struct catalog_object *object; /* what is being written */
  enum catalog_section section;
  enum catalog_purpose purpose; /* CATALOG_FOR_CREATE unless told */
  /* A whole schema is written: defaults that call functions, inherited checks come by themselves */
  bool whole;
  bool replace; /* the view exists already, as a stub */
};

struct catalog_kind_ops {
  enum catalog_kind kind;
  const char *name;       /* for people: "materialized view" */
  const char *sql_name;   /* in ALTER, COMMENT ON and DROP; NULL: routine property or none */
  const char *grant_name; /* in GRANT ... ON; NULL: no privileges */
  enum catalog_section section;
  int rank; /* order within the section among objects that do not need each other */
  const char *(*query)(struct arena *arena, int server_major);
  /* Instead of `query` when secrets are wanted; NULL: it has none. */
  const char *(*secret_query)(struct arena *arena, int server_major);
  /* All that hold a secret, "subscription s", and whether this role may read it. Without any the
   * plain query will do: the secret one is refused to roles that may not read. */
  const char *readable_query;
  /* How statements name it after sql_name; NULL: its identity. */
  char *(*reference)(struct arena *arena, const struct catalog_object *object);
  /* Writes CREATE, owner, acl and comment. */
  int (*create)(struct catalog_writer *writer, const struct catalog_object *object,
                struct err *err);
  /* NULL: "DROP sql_name reference". May return NULL: dropped with its parent. */
  char *(*drop)(struct arena *arena, const struct catalog_object *object);
  /* Computes properties that the query left NULL; may be NULL. */
  void (*finish)(struct arena *arena, struct catalog_object *object);
};

#define CATALOG_KINDS(X)                                                                           \
  X(CATALOG_DATABASE, catalog_database_ops)                                                        \
  X(CATALOG_SCHEMA, catalog_schema_ops)                                                            \
  X(CATALOG_EXTENSION, catalog_extension_ops)                                                      \
  X(CATALOG_CAST, catalog_cast_ops)                                                                \
  X(CATALOG_LANGUAGE, catalog_language_ops)                                                        \
  X(CATALOG_ACCESS_METHOD, catalog_access_method_ops)                                              \
  X(CATALOG_COLLATION, catalog_collation_ops)                                                      \
  X(CATALOG_BASE_TYPE, catalog_base_type_ops)                                                      \
  X(CATALOG_RANGE, catalog_range_ops)                                                              \
  X(CATALOG_ENUM, catalog_enum_ops)                                                                \
  X(CATALOG_DOMAIN, catalog_domain_ops)                                                            \
  X(CATALOG_COMPOSITE, catalog_composite_ops)                                                      \
  X(CATALOG_SEQUENCE, catalog_sequence_ops)                                                        \
  X(CATALOG_FUNCTION, catalog_function_ops)                                                        \
  X(CATALOG_AGGREGATE, catalog_aggregate_ops)                                                      \
  X(CATALOG_TRANSFORM, catalog_transform_ops)                                                      \
  X(CATALOG_OPERATOR, catalog_operator_ops)                                                        \
  X(CATALOG_OPERATOR_FAMILY, catalog_operator_family_ops)                                          \
  X(CATALOG_OPERATOR_CLASS, catalog_operator_class_ops)                                            \
  X(CATALOG_CONVERSION, catalog_conversion_ops)                                                    \
  X(CATALOG_TS_PARSER, catalog_ts_parser_ops)                                                      \
  X(CATALOG_TS_TEMPLATE, catalog_ts_template_ops)                                                  \
  X(CATALOG_TS_DICTIONARY, catalog_ts_dictionary_ops)                                              \
  X(CATALOG_TS_CONFIGURATION, catalog_ts_configuration_ops)                                        \
  X(CATALOG_FOREIGN_WRAPPER, catalog_foreign_wrapper_ops)                                          \
  X(CATALOG_FOREIGN_SERVER, catalog_foreign_server_ops)                                            \
  X(CATALOG_USER_MAPPING, catalog_user_mapping_ops)                                                \
  X(CATALOG_TABLE, catalog_table_ops)                                                              \
  X(CATALOG_COLUMN, catalog_column_ops)                                                            \
  X(CATALOG_VIEW, catalog_view_ops)                                                                \
  X(CATALOG_MATVIEW, catalog_matview_ops)                                                          \
  X(CATALOG_CONSTRAINT, catalog_constraint_ops)                                                    \
  X(CATALOG_INDEX, catalog_index_ops)                                                              \
  X(CATALOG_STATISTICS, catalog_statistics_ops)                                                    \
  X(CATALOG_RULE, catalog_rule_ops)                                                                \
  X(CATALOG_TRIGGER, catalog_trigger_ops)                                                          \
  X(CATALOG_POLICY, catalog_policy_ops)                                                            \
  X(CATALOG_DEFAULT_ACL, catalog_default_acl_ops)                                                  \
  X(CATALOG_EVENT_TRIGGER, catalog_event_trigger_ops)                                              \
  X(CATALOG_PUBLICATION, catalog_publication_ops)                                                  \
  X(CATALOG_SUBSCRIPTION, catalog_subscription_ops)

#define X(kind, ops) extern const struct catalog_kind_ops ops;
CATALOG_KINDS(X)
#undef X

const struct catalog_kind_ops *catalog_ops(enum catalog_kind kind);

/* ---- the model ---- */
struct catalog_address {
  uint32_t class_oid, oid;
  int32_t subid;
};
int catalog_address_compare(const struct catalog_address *a, const struct catalog_address *b);
struct catalog_address catalog_address_of(const struct catalog_object *object);

/* Sorts c->objects and makes the look-ups fast. To be called again when objects were added or
 * removed. */
void catalog_build_index(struct arena *arena, struct catalog *c);
/* By the address of the object itself; NULL if it is not in the model. */
struct catalog_object *catalog_at(const struct catalog *c, struct catalog_address address);
void catalog_set(struct arena *arena, struct catalog_object *object, const char *property,
                 const char *value);
/* Properties that say how the data is, or in which order something was written, not what the
 * schema is. */
bool catalog_is_state(const char *property);
/* The property as the server has it: "acl_written" if there is one, else the sorted "acl". */
const char *catalog_get_written(struct arena *arena, const struct catalog_object *object,
                                const char *property);
/* A JSON array of strings, as properties hold it. NULL gives none. */
struct strings catalog_json_strings(struct arena *arena, const char *json);
/* The text that the server gives for an expression once it has read its own text back
 * (canonical.c). */
char *catalog_canonical(struct arena *arena, const char *value);

/* ---- read ---- */
/* Addresses that stand for others: a view's rule for the view, an array type for its element ... */
struct catalog_alias {
  struct catalog_address from, to;
};
struct catalog_aliases {
  struct catalog_alias *at; /* sorted by from */
  size_t len;
};
VEC_TYPE(catalog_addresses, struct catalog_address);

int catalog_read_aliases(struct arena *arena, struct db_conn *conn, struct catalog_aliases *ret,
                         struct err *err);
/* The modelled object that an address belongs to; NULL if there is none. */
struct catalog_object *catalog_resolve(const struct catalog *c,
                                       const struct catalog_aliases *aliases,
                                       struct catalog_address address);
/* Follows aliases to the end. */
struct catalog_address catalog_alias_end(const struct catalog_aliases *aliases,
                                         struct catalog_address address);
/* Gives each object its property "security_labels". */
int catalog_read_labels(struct arena *arena, struct db_conn *conn, struct catalog *c,
                        const struct catalog_aliases *aliases,
                        const struct catalog_addresses *ignored, struct err *err);
int catalog_read_depends(struct arena *arena, struct db_conn *conn, struct catalog *c,
                         const struct catalog_aliases *aliases, struct err *err);
/* `ignored`: addresses of objects left out on purpose, sorted. */
int catalog_read_unknown(struct arena *arena, struct db_conn *conn, struct catalog *c,
                         const struct catalog_aliases *aliases,
                         const struct catalog_addresses *ignored, struct err *err);

/* ---- graph: "from needs to" ---- */
struct graph;
struct graph *graph_new(struct arena *arena, size_t nodes);
void graph_edge(struct graph *g, size_t from, size_t to); /* from == to is ignored */
/* Topological order; of the nodes that are ready the one with the smallest number comes first.
 * Returns how many could be
 * ordered: less than all means cycles. */
size_t graph_order(const struct graph *g, size_t *ret_order);
/* Strongly connected components: ret_component[i] is equal for members; returns true if any has
 * two or more members. */
bool graph_components(const struct graph *g, size_t *ret_component);

/* ---- writing ---- */
/* Takes the text as one statement (without semicolon). Empty text writes nothing. */
void catalog_write(struct catalog_writer *w, const char *sql);
void catalog_writef(struct catalog_writer *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Like catalog_writef, for one purpose. */
void catalog_write_for(struct catalog_writer *w, enum catalog_purpose purpose, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* For kinds whose property "definition" is the full CREATE text. */
int catalog_create_by_definition(struct catalog_writer *w, const struct catalog_object *object,
                                 struct err *err);
int catalog_write_object(struct catalog_writer *w, const struct catalog_object *object,
                         struct err *err);
void catalog_write_owner(struct catalog_writer *w, const struct catalog_object *object);
void catalog_write_acl(struct catalog_writer *w, const struct catalog_object *object);
/* With the security labels. */
void catalog_write_comment(struct catalog_writer *w, const struct catalog_object *object);
void catalog_write_labels(struct catalog_writer *w, const struct catalog_object *object);
/* Statements without semicolon that bring the labels `from` (NULL: none) to the object's. */
struct strings catalog_label_statements(struct arena *arena, const struct catalog_object *object,
                                        const char *from);
/* How GRANT and COMMENT name it: "TABLE public.orders", "TRIGGER t ON public.orders". */
char *catalog_reference(struct arena *arena, const struct catalog_object *object);
/* "name ON schema.table" */
char *catalog_reference_on(struct arena *arena, const struct catalog_object *object);
char *catalog_qualified(struct arena *arena, const struct catalog_object *object);
/* " OPTIONS (...)" or "" */
char *catalog_foreign_options(struct arena *arena, const char *options);
/* $belay$ ... $belay$ with a tag that is not in the text */
char *catalog_dollar_quote(struct arena *arena, const char *body);
/* Runs a statement that names the current database as %1$I and its owner as %2$I, without knowing
 * either. */
char *catalog_for_database(struct arena *arena, const char *statement_format);
char *catalog_escape_percent(struct arena *arena, const char *s);
/* Statements without semicolon that bring privileges from one acl text to another, or give a new
 * object its own, in the order and by the roles by which they were granted. */
struct strings catalog_acl_statements_new(struct arena *arena, const struct catalog_object *object);
struct strings catalog_acl_statements(struct arena *arena, const struct catalog_object *object,
                                      const char *from, const char *to);
/* The same for what `name` ("FUNCTION public.f(text)") stands for, or for a column (quoted; "":
 * none) of it. */
struct strings catalog_acl_statements_on(struct arena *arena, const char *name, const char *column,
                                         const char *from, const char *to);
/* The same for something new, made by `owner`: also what others granted, by the roles that did. */
struct strings catalog_acl_statements_on_new(struct arena *arena, const char *name,
                                             const char *owner, const char *from, const char *to);
/* PRE_DATA or POST_DATA by nature: CHECKs of validated rows are PRE_DATA, other constraints
 * POST_DATA. */
enum catalog_section catalog_section_of(const struct catalog_object *object);
/* Does the default of this column call a function, so that it must be set apart from CREATE
 * TABLE? */
bool catalog_default_is_apart(const struct catalog_object *column);
/* A NOT NULL constraint that is not validated: only rows that are there already may break it. */
void catalog_write_not_valid(struct catalog_writer *w, const struct catalog_object *column);
void catalog_write_default(struct catalog_writer *w, const struct catalog_object *column);
void catalog_write_owned_by(struct catalog_writer *w, const struct catalog_object *sequence);
void catalog_write_view_stub(struct catalog_writer *w, const struct catalog_object *view);
void catalog_write_table_rest(struct catalog_writer *w, const struct catalog_object *table);
void catalog_write_refresh(struct catalog_writer *w, const struct catalog_object *matview);

/* ---- fragments of queries ---- */
/* clang-format off */
/* Schemas of the user; n is the alias of pg_namespace. */
#define Q_USER_SCHEMA "(left(n.nspname, 3) <> 'pg_' AND n.nspname <> 'information_schema')"
#define Q_NOT_MEMBER(class, oid)                                                                   \
  " NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = '" class "'::regclass AND e.objid = "  \
  oid " AND e.objsubid = 0 AND e.deptype = 'e') "
/* Not made by the server together with something else. */
#define Q_NOT_INTERNAL(class, oid)                                                                 \
  " NOT EXISTS (SELECT 1 FROM pg_depend i WHERE i.classid = '" class "'::regclass AND i.objid = "  \
  oid " AND i.objsubid = 0 AND i.deptype = 'i') "
/* As other statements name an operator; NULL if there is none. */
#define Q_OPERATOR(oid)                                                                            \
  "(SELECT format('OPERATOR(%I.%s)', xn.nspname, x.oprname) FROM pg_operator x JOIN pg_namespace"  \
  " xn ON xn.oid = x.oprnamespace WHERE x.oid = " oid ")"
#define Q_COMMENT_JOIN(class, oid)                                                                 \
  " LEFT JOIN pg_description d ON d.classoid = '" class "'::regclass AND d.objoid = " oid " AND"   \
  " d.objsubid = 0 "
#define Q_CLASS(class) " '" class "'::regclass::oid AS class_oid, "
#define Q_OWNER(column) " pg_get_userbyid(" column ") AS owner, "
#define Q_ACL_TEXT(acl)                                                                            \
  "(SELECT string_agg(i::text, E'\\n' ORDER BY i::text COLLATE \"C\") FROM unnest(" acl ") i)"
#define Q_ACL_WRITTEN(acl)                                                                         \
  "(SELECT string_agg(i::text, E'\\n' ORDER BY n) FROM unnest(" acl ") WITH ORDINALITY w(i, n))"
/* acl: NULL when it is the default. default_acl: what the default stands for. acl_written: in the
 * order in which they were granted, which matters where one grant rests on another. */
#define Q_ACL(acl, type, owner)                                                                    \
  " CASE WHEN " acl " IS NULL OR " Q_ACL_TEXT(acl) " IS NOT DISTINCT FROM "                        \
  Q_ACL_TEXT("acldefault('" type "', " owner ")") " THEN NULL ELSE coalesce(" Q_ACL_TEXT(acl) ","  \
  " '') END AS acl, coalesce(" Q_ACL_TEXT("acldefault('" type "', " owner ")") ", '') AS"          \
  " default_acl, " Q_ACL_WRITTEN(acl) " AS acl_written, "
/* Storage parameters, ready for WITH (...) and SET (...); sorted. pg_attver is none: minors of
 * November 2026 and later stamp it on every column, ignore SET and RESET of it, and their pg_dump
 * leaves it out. It differs between any two databases. */
#define Q_OPTIONS_BY(options, prefix, order)                                                       \
  "(SELECT string_agg('" prefix "' || quote_ident(split_part(o, '=', 1)) || '=' ||"                \
  " quote_literal(substr(o, strpos(o, '=') + 1)), ', ' ORDER BY " order ") FROM unnest(" options   \
  ") WITH ORDINALITY w(o, n) WHERE split_part(o, '=', 1) <> 'pg_attver')"
#define Q_OPTIONS(options, prefix) Q_OPTIONS_BY(options, prefix, "o COLLATE \"C\"")
#define Q_OPTIONS_WRITTEN(options, prefix) Q_OPTIONS_BY(options, prefix, "n")
/* Options of foreign objects, ready for OPTIONS (...); sorted. */
#define Q_FOREIGN_OPTIONS(options)                                                                 \
  "(SELECT string_agg(quote_ident(o.option_name) || ' ' || quote_literal(o.option_value), ', '"    \
  " ORDER BY o.option_name COLLATE \"C\") FROM pg_options_to_table(" options ") o)"
/* A boolean that is 't' or absent. */
#define Q_FLAG(condition) "CASE WHEN " condition " THEN 't' END"
#define Q_BOOL(condition) "CASE WHEN " condition " THEN 't' ELSE 'f' END"
/* clang-format on */
