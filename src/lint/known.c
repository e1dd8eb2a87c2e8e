#include "lint/known.h"

/* Sorted bytewise. A name in neither list is not known. */
/* clang-format off */
static const char *const not_volatile[] = {
    "abbrev", "abs", "age", "area", "array_append", "array_cat", "array_dims", "array_fill",
    "array_length", "array_lower", "array_ndims", "array_position", "array_positions",
    "array_prepend", "array_remove", "array_replace", "array_to_json", "array_to_string",
    "array_upper", "ascii", "bit_length", "btrim", "cardinality", "cbrt", "ceil", "ceiling",
    "char_length", "character_length", "chr", "coalesce", "concat", "concat_ws", "convert",
    "convert_from", "convert_to", "cos", "cosd", "cot", "current_database", "current_schema",
    "current_schemas", "current_setting", "current_user", "date", "date_bin", "date_part",
    "date_trunc", "datemultirange", "daterange", "decode", "degrees", "div", "encode",
    "enum_first", "enum_last", "enum_range", "exp", "extract", "factorial", "family", "float4",
    "float8", "floor", "format", "format_type", "gcd", "get_bit", "get_byte",
    "has_column_privilege", "has_schema_privilege", "has_table_privilege", "height", "host",
    "hostmask", "inet_client_addr", "initcap", "int2", "int4", "int4range", "int8", "int8range",
    "is_normalized", "isempty", "isfinite", "json_array_length", "json_build_array",
    "json_build_object", "json_object", "json_strip_nulls", "json_typeof", "jsonb_array_length",
    "jsonb_build_array", "jsonb_build_object", "jsonb_insert", "jsonb_object",
    "jsonb_path_exists", "jsonb_path_query_array", "jsonb_path_query_first", "jsonb_pretty",
    "jsonb_set", "jsonb_set_lax", "jsonb_strip_nulls", "jsonb_typeof", "justify_days",
    "justify_hours", "justify_interval", "lcm", "left", "length", "like", "ln", "log", "log10",
    "lower", "lower_inc", "lower_inf", "lpad", "ltrim", "make_date", "make_interval", "make_time",
    "make_timestamp", "make_timestamptz", "masklen", "md5", "min_scale", "mod", "netmask",
    "network", "normalize", "now", "num_nonnulls", "num_nulls", "numeric", "numrange",
    "octet_length", "overlaps", "overlay", "parse_ident", "pg_backend_pid", "pg_client_encoding",
    "pg_column_size", "pg_current_xact_id", "pg_get_serial_sequence", "pg_get_viewdef",
    "pg_has_role", "pg_postmaster_start_time", "pg_size_pretty", "pg_typeof", "pi",
    "plainto_tsquery", "point", "position", "pow", "power", "quote_ident", "quote_literal",
    "quote_nullable", "radians", "regexp_count", "regexp_instr", "regexp_like", "regexp_match",
    "regexp_replace", "regexp_split_to_array", "regexp_substr", "repeat", "replace", "reverse",
    "right", "round", "row_to_json", "rpad", "rtrim", "scale", "session_user", "set_bit",
    "set_byte", "set_masklen", "setweight", "sha224", "sha256", "sha384", "sha512", "sign", "sin",
    "sind", "sinh", "split_part", "sqrt", "starts_with", "statement_timestamp", "string_to_array",
    "strpos", "substr", "substring", "tan", "tand", "tanh", "text", "textcat", "timezone",
    "to_ascii", "to_char", "to_date", "to_hex", "to_json", "to_jsonb", "to_number", "to_regclass",
    "to_regtype", "to_timestamp", "to_tsquery", "to_tsvector", "transaction_timestamp",
    "translate", "trim_array", "trim_scale", "trunc", "tsrange", "tstzrange", "txid_current",
    "unistr", "upper", "upper_inc", "upper_inf", "uuid_generate_v3", "uuid_generate_v5",
    "uuid_nil", "uuid_ns_dns", "uuid_ns_oid", "uuid_ns_url", "uuid_ns_x500", "version",
    "websearch_to_tsquery", "width_bucket", "xmlcomment",
};

static const char *const volatile_functions[] = {
    "clock_timestamp", "currval", "dblink", "dblink_exec", "gen_random_bytes", "gen_random_uuid",
    "gen_salt", "lastval", "lo_creat", "lo_create", "lo_from_bytea", "nextval", "pg_notify",
    "pg_sleep", "random", "random_normal", "set_config", "setseed", "setval", "timeofday",
    "uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4", "uuidv4", "uuidv7",
};

/* clang-format on */

enum { TIME_PRECISION_MAX = 6 };

static int compare_name(const void *key, const void *item)
{
  return strcmp(key, *(const char *const *)item);
}

#define IS_IN(list, name)                                                                          \
  (bsearch((name), (list), COUNT_OF(list), sizeof((list)[0]), compare_name) != NULL)

enum lint_volatility lint_known_volatility(struct sql_name function)
{
  if (IS_IN(volatile_functions, function.name)) /* of any schema: extensions live where they like */
    return LINT_VOLATILE;
  bool built_in = !function.schema || strcmp(function.schema, "pg_catalog") == 0;
  return built_in && IS_IN(not_volatile, function.name) ? LINT_NOT_VOLATILE
                                                        : LINT_VOLATILITY_UNKNOWN;
}

static bool is(const struct sql_type *type, const char *name)
{
  return !type->name.schema && strcmp(type->name.name, name) == 0;
}

static bool same_name(const struct sql_type *a, const struct sql_type *b)
{
  bool same_schema = a->name.schema && b->name.schema ? strcmp(a->name.schema, b->name.schema) == 0
                                                      : a->name.schema == b->name.schema;
  return same_schema && strcmp(a->name.name, b->name.name) == 0;
}

/* No limit, or one that is not smaller. */
static bool limit_grows(const struct sql_type *from, const struct sql_type *to)
{
  if (to->modifier_count == 0)
    return true;
  return from->modifier_count > 0 && to->modifiers[0] >= from->modifiers[0];
}

static bool numeric_widens(const struct sql_type *from, const struct sql_type *to)
{
  int from_scale = from->modifier_count > 1 ? from->modifiers[1] : 0;
  int to_scale = to->modifier_count > 1 ? to->modifiers[1] : 0;
  return limit_grows(from, to) && (to->modifier_count == 0 || from_scale == to_scale);
}

static bool same_modifiers(const struct sql_type *from, const struct sql_type *to)
{
  return from->modifier_count == to->modifier_count &&
         memcmp(from->modifiers, to->modifiers, sizeof(from->modifiers)) == 0;
}

/* A number of an object, under one name or another. */
static bool is_oid(const struct sql_type *type)
{
  static const char *const names[] = {"oid",      "regproc",      "regprocedure", "regoper",
                                      "regclass", "regtype",      "regoperator",  "regcollation",
                                      "regrole",  "regnamespace", "regconfig",    "regdictionary"};
  for (size_t i = 0; i < COUNT_OF(names); i++)
    if (is(type, names[i]))
      return true;
  return is(type, "int4");
}

/* Casts without a function; pg_cast has more of them, between types nobody stores. */
static bool is_relabelled(const struct sql_type *from, const struct sql_type *to)
{
  static const char *const pairs[][2] = {
      {"cidr", "inet"},   {"xml", "text"},       {"xml", "varchar"}, {"bit", "varbit"},
      {"text", "citext"}, {"varchar", "citext"}, {"citext", "text"}, {"citext", "varchar"}};
  if (to->modifier_count > 0)
    return false;
  if (is_oid(from) && is_oid(to)) /* between two names one of the numbers is between */
    return is(from, "oid") || is(to, "oid") || is(from, "int4") || is(to, "int4");
  for (size_t i = 0; i < COUNT_OF(pairs); i++)
    if (strcmp(from->name.name, pairs[i][0]) == 0 && strcmp(to->name.name, pairs[i][1]) == 0)
      return true;
  return false;
}

/* UTC makes timestamp and timestamptz the same number; a limit that is written counts as one that
 * is new. */
static bool is_same_time(const struct sql_type *from, const struct sql_type *to)
{
  bool changes = (is(from, "timestamp") && is(to, "timestamptz")) ||
                 (is(from, "timestamptz") && is(to, "timestamp"));
  return changes && (to->modifier_count == 0 || to->modifiers[0] >= TIME_PRECISION_MAX);
}

/* 0: with seconds ... 5: years only. The bits are those of the parser. */
static int least_field(const struct sql_type *type)
{
  enum { MONTH = 1, DAY = 3, HOUR = 10, MINUTE = 11, SECOND = 12 };
  static const int fields[] = {SECOND, MINUTE, HOUR, DAY, MONTH};
  for (int i = 0; type->odd_modifiers && i < (int)COUNT_OF(fields); i++)
    if (type->modifiers[0] & (1 << fields[i]))
      return i;
  return type->odd_modifiers ? COUNT_OF(fields) : 0;
}

/* interval(3), interval year to month: no field that was kept goes, no digit of the seconds. */
static bool interval_widens(const struct sql_type *from, const struct sql_type *to)
{
  if (!is(from, "interval") || !is(to, "interval") || from->array_dimensions ||
      to->array_dimensions)
    return false;
  int before = least_field(from), after = least_field(to);
  int digits = from->odd_modifiers ? from->modifiers[1] : TIME_PRECISION_MAX;
  bool keeps_digits = !to->odd_modifiers || before > 0 || to->modifiers[1] >= TIME_PRECISION_MAX ||
                      to->modifiers[1] >= digits;
  return after <= before && keeps_digits;
}

bool lint_known_type_widens(const struct sql_type *from, const struct sql_type *to, bool utc)
{
  if (interval_widens(from, to))
    return true;
  if (from->odd_modifiers || to->odd_modifiers)
    return false;
  if (from->array_dimensions > 0 || to->array_dimensions > 0)
    return (from->array_dimensions > 0) == (to->array_dimensions > 0) && same_name(from, to) &&
           same_modifiers(from, to);
  bool from_text = is(from, "varchar") || is(from, "text");
  if (from_text && is(to, "text"))
    return true;
  if (from_text && is(to, "varchar"))
    return limit_grows(from, to);
  if (is_relabelled(from, to) || (utc && is_same_time(from, to)))
    return true;
  if (!same_name(from, to))
    return false;
  if (is(from, "numeric"))
    return numeric_widens(from, to);
  if (is(from, "varbit"))
    return limit_grows(from, to);
  if (is(from, "timestamp") || is(from, "timestamptz") || is(from, "time") || is(from, "timetz"))
    return limit_grows(from, to) || to->modifiers[0] >= TIME_PRECISION_MAX;
  return same_modifiers(from, to);
}
