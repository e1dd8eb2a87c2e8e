#include "sql/quote.h"

/* Every keyword of PostgreSQL 13 to 18 that is not unreserved (pg_get_keywords, catcode <> 'U').
 * Sorted bytewise. */
static const char *const keywords[] = {
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "merge_action",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
};

static int compare_keyword(const void *key, const void *item)
{
  return strcmp(key, *(const char *const *)item);
}

static bool is_plain(const char *name)
{
  if (!((name[0] >= 'a' && name[0] <= 'z') || name[0] == '_'))
    return false;
  for (const char *c = name + 1; *c; c++)
    if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_'))
      return false;
  return !bsearch(name, keywords, COUNT_OF(keywords), sizeof(keywords[0]), compare_keyword);
}

/* Bytes of `s` between two `quote`s, each byte found in `doubled` written twice. */
static char *wrap(struct arena *arena, const char *prefix, char quote, const char *s,
                  const char *doubled)
{
  size_t prefix_len = strlen(prefix);
  char *out = arena_alloc(arena, prefix_len + 2 * strlen(s) + 3);
  memcpy(out, prefix, prefix_len);
  char *to = out + prefix_len;
  *to++ = quote;
  for (; *s; s++) {
    if (strchr(doubled, *s))
      *to++ = *s;
    *to++ = *s;
  }
  *to++ = quote;
  *to = '\0';
  return out;
}

char *sql_ident(struct arena *arena, const char *name)
{
  return is_plain(name) ? arena_strdup(arena, name) : wrap(arena, "", '"', name, "\"");
}

char *sql_qualified(struct arena *arena, const char *schema, const char *name)
{
  if (!schema || !*schema)
    return sql_ident(arena, name);
  return arena_printf(arena, "%s.%s", sql_ident(arena, schema), sql_ident(arena, name));
}

char *sql_literal(struct arena *arena, const char *value)
{
  if (!value)
    return arena_strdup(arena, "NULL");
  return strchr(value, '\\') ? wrap(arena, "E", '\'', value, "'\\")
                             : wrap(arena, "", '\'', value, "'");
}
