/* yaml_table.h: YAML files read into a struct by one table of keys. Private to run/; the only user
 * of libyaml.
 *
 *   static const struct table_key keys[] = {
 *       {"apply.lock_timeout", TABLE_DURATION, offsetof(struct policy, apply.lock_timeout_ms),
 *        .min = 1, .max = 3600000}};
 *   struct table table = {keys, COUNT_OF(keys)};
 *   if (table_read(arena, &table, path, text, &policy, err) < 0) ...
 *
 * Keys that are absent leave their field as it is. Everything else that is not in the table
 * (unknown or duplicate keys, wrong types, values out of range, several documents) is ERR_USAGE:
 * "file:line:column: what is wrong".
 */
#pragma once

#include "base/base.h"

enum table_type {
  TABLE_STRING,   /* const char * */
  TABLE_WORD,     /* const char *, one of choices */
  TABLE_ENUM,     /* int-sized enum, one of choices */
  TABLE_BOOL,     /* bool */
  TABLE_INT,      /* int, min..max */
  TABLE_DURATION, /* int64_t ms, min..max */
  TABLE_SIZE,     /* uint64_t bytes, min..max */
  TABLE_STRINGS,  /* struct strings */
  TABLE_ENTRIES,  /* any keys, each with a word: handed to `entry` */
  TABLE_GROUPS,   /* any keys, each with such entries: `group` says which field they are for */
};

struct table_choice {
  const char *name; /* NULL ends the list */
  int value;
};

/* What is wrong with an entry; `what` NULL: nothing. */
struct table_complaint {
  const char *what, *suggestion;
  bool about_key; /* else about the value */
};

struct table_key {
  const char *path; /* "apply.lock_timeout" */
  enum table_type type;
  size_t offset;
  int64_t min, max;
  const struct table_choice *choices;
  void (*entry)(struct arena *arena, void *field, const char *key, const char *value,
                struct table_complaint *ret);
  void *(*group)(struct arena *arena, void *field, const char *name);
};

struct table {
  const struct table_key *keys;
  size_t count;
};

enum { TABLE_FILE_MAX = 1024 * 1024 }; /* bytes of a configuration file */

/* `path` is for messages. */
int table_read(struct arena *arena, const struct table *table, const char *path, const char *text,
               void *target, struct err *err);
/* Reads the file first; too large, NUL bytes or unreadable is ERR_USAGE. */
int table_read_file(struct arena *arena, const struct table *table, const char *path, void *target,
                    struct err *err);

/* "500ms", "10s", "5min", "2h", "7d", "0" */
int table_parse_duration(const char *text, int64_t *ret_ms);
/* "512B", "16MiB", "1GiB", "0" */
int table_parse_size(const char *text, uint64_t *ret_bytes);
/* The shortest text that reads back the same. */
char *table_print_duration(struct arena *arena, int64_t ms);
char *table_print_size(struct arena *arena, uint64_t bytes);
