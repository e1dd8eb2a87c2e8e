#include "backup/take.h"

#include "sql/quote.h"

/* Of a table's heap and TOAST, and how many for each worker: small enough that the workers end
 * together and that a table dominating the database keeps them all busy. */
#define UNIT_BYTES_MIN (8 * 1024 * 1024)
#define UNIT_BYTES_MAX (64 * 1024 * 1024)
enum { UNITS_PER_WORKER = 4, TID_RANGE_SCAN_MAJOR = 14 };

static int64_t unit_bytes(const struct take *take)
{
  int64_t bytes = 0;
  for (size_t i = 0; i < take->tables.len; i++)
    bytes += take->tables.at[i].bytes;
  bytes /= take->options->jobs * UNITS_PER_WORKER;
  return bytes < UNIT_BYTES_MIN ? UNIT_BYTES_MIN : bytes > UNIT_BYTES_MAX ? UNIT_BYTES_MAX : bytes;
}

/* Without TID range scans a range would read the whole table. */
static bool can_split(const struct take *take, const struct take_table *table)
{
  return table->is_heap && table->columns && !table->condition &&
         db_server_major(take->leader) >= TID_RANGE_SCAN_MAJOR;
}

/* The last range has no end: rows that the snapshot sees may lie behind the blocks counted. */
static void add_units(struct take *take, struct take_table *table, int64_t bytes,
                      struct take_units *units)
{
  int64_t count = can_split(take, table) ? table->bytes / bytes : 1;
  count = count > table->blocks ? table->blocks : count;
  count = count < 1 ? 1 : count;
  for (int64_t i = 0; i < count; i++) {
    struct take_unit *unit = vec_add(take->arena, units);
    unit->table = table;
    unit->first_block = table->blocks * i / count;
    unit->end_block = i + 1 < count ? table->blocks * (i + 1) / count : 0;
    unit->bytes = table->bytes / count;
  }
}

/* Ranges of one table stay in order, so that the server reads it forward. */
static int by_bytes(const void *a, const void *b)
{
  const struct take_unit *x = a, *y = b;
  if (x->bytes != y->bytes)
    return x->bytes < y->bytes ? 1 : -1;
  if (x->table != y->table)
    return x->table < y->table ? -1 : 1;
  return (x->first_block > y->first_block) - (x->first_block < y->first_block);
}

void take_plan_units(struct take *take, struct take_units *ret)
{
  struct take_units units = {0};
  int64_t bytes = unit_bytes(take);
  for (size_t i = 0; i < take->tables.len; i++)
    if (take->tables.at[i].has_rows)
      add_units(take, &take->tables.at[i], bytes, &units);
  if (units.len)
    qsort(units.at, units.len, sizeof(units.at[0]), by_bytes);
  *ret = units;
}

static const char *copy_options(struct arena *arena, const struct take *take,
                                const struct take_table *table)
{
  if (table->format == CHUNKS_BINARY)
    return "(FORMAT binary)";
  return arena_printf(arena, "(ENCODING %s)", sql_literal(arena, take->encoding));
}

const char *take_where(struct arena *arena, const struct take_unit *unit)
{
  if (unit->table->condition)
    return unit->table->condition;
  if (!unit->first_block && !unit->end_block)
    return "";
  if (!unit->first_block)
    return arena_printf(arena, "WHERE ctid < '(%" PRId64 ",0)'", unit->end_block);
  if (!unit->end_block)
    return arena_printf(arena, "WHERE ctid >= '(%" PRId64 ",0)'", unit->first_block);
  return arena_printf(arena, "WHERE ctid >= '(%" PRId64 ",0)' AND ctid < '(%" PRId64 ",0)'",
                      unit->first_block, unit->end_block);
}

/* COPY of a table alone leaves out what it inherits to others, and ignores its rules; with SELECT,
 * ONLY does, and a table has no rules for SELECT. Without a column list COPY leaves generated
 * columns out by itself: what is left is no column at all. */
char *take_copy_out_sql(struct arena *arena, const struct take *take, const struct take_unit *unit)
{
  const struct take_table *table = unit->table;
  const char *columns = table->columns, *options = copy_options(arena, take, table);
  const char *where = take_where(arena, unit);
  if (table->is_large_objects)
    return large_objects_copy_sql(arena, table->is_heap, where, unit->first_block == 0);
  if (where[0])
    return arena_printf(arena, "COPY (SELECT %s FROM ONLY %s %s) TO STDOUT WITH %s",
                        columns ? columns : "", table->identity, where, options);
  return arena_printf(arena, "COPY %s %s%s%s TO STDOUT WITH %s", table->identity,
                      columns ? "(" : "", columns ? columns : "", columns ? ")" : "", options);
}

char *take_copy_in_sql(struct arena *arena, const struct take *take, const struct take_table *table)
{
  const char *columns = table->columns;
  if (table->is_large_objects)
    return arena_strdup(arena, large_objects_copy_in);
  return arena_printf(arena, "COPY %s %s%s%s FROM STDIN WITH %s", table->load_into,
                      columns ? "(" : "", columns ? columns : "", columns ? ")" : "",
                      copy_options(arena, take, table));
}
