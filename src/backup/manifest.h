/* backup/manifest.h: reading what a backup's manifest says. Private to backup/. */
#pragma once

#include "backup/backup.h"
#include "backup/chunks.h"

/* A table with rows, as the manifest lists it. */
struct backup_table {
  const char *identity;
  const char *copy;           /* COPY ... FROM STDIN that loads one part */
  const char *load_into;      /* the table, or the root of hash partitions */
  const char *root;           /* after backup_load_into: the root that is not restored; else NULL */
  const char *condition;      /* "WHERE ...": only these rows are in the backup; else NULL */
  const char *before, *after; /* SQL around each part's COPY, in its transaction; else NULL */
  const char *columns;        /* quoted and comma-separated; "": none */
  enum chunks_format format;
  int64_t rows;
  bool has_digest; /* backups made by belay 0.1 have none */
  uint64_t digest;
};
VEC_TYPE(backup_tables, struct backup_table);

/* ERR_DAMAGED when it is not the manifest of a backup. Strings live in arena. */
int backup_read_info(struct arena *arena, const struct archive *archive,
                     struct backup_info *ret_info, struct err *err);
int backup_read_tables(struct arena *arena, const struct archive *archive,
                       struct backup_tables *ret, struct err *err);
/* Rows that the backup loads through the root of hash partitions go into `target` instead. */
void backup_load_into(struct arena *arena, const struct archive *archive,
                      struct backup_table *table, const char *target);
/* COPY ... TO STDOUT of what `load_into` holds after a restore, in the table's format and columns:
 * for chunks_read_content. Not for large objects: large_objects_content_sql. */
char *backup_content_sql(struct arena *arena, const struct archive *archive,
                         const struct backup_table *table);
/* A list of strings; ERR_DAMAGED when it is not one. */
int backup_read_strings(struct arena *arena, const struct archive *archive, const char *key,
                        struct strings *ret, struct err *err);
/* The tables whose rows a scoped backup does not hold, by identity; empty for a whole one. */
struct map *backup_left_out(struct arena *arena, const struct archive *archive);
/* The major version of the server; 0 when absent. */
int backup_major(const struct archive *archive);
/* NULL when absent or null. */
const char *backup_string(const struct archive *archive, const char *key);
/* Are there large objects in it? Then there is an SQL member that makes them, too. */
bool backup_has_large_objects(const struct backup_tables *tables);
bool backup_is_large_objects(const struct backup_table *table);
/* Every part belongs to a table, every table has a part, the rows add up. ERR_DAMAGED. */
int backup_check_rows(struct arena *arena, const struct archive *archive,
                      const struct backup_tables *tables, struct err *err);
