#include "backup/take.h"

#include "sql/quote.h"

/* A table is read whole if it can be: the server then reads it through a small ring of buffers,
 * where a range scan sends every page through its cache, drives out what others need and costs more
 * (a backup of twice the shared buffers took the server 12.6 s of CPU in ranges, 8.7 s whole). So
 * only what one worker alone could not end in time is split: a table that dominates the database,
 * and the last ones, which even out what the workers have to do. */
#define UNIT_BYTES_MIN (8 * 1024 * 1024)
#define UNIT_BYTES_MAX (64 * 1024 * 1024)
enum { UNITS_PER_WORKER = 16, SLACK_PERCENT = 105, TID_RANGE_SCAN_MAJOR = 14 };

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
static void add_units(struct take *take, struct take_table *table, int64_t count,
                      struct take_units *units)
{
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

/* What the workers have to do: whole tables go to the one with the least. */
struct loads {
  int64_t of[BACKUP_JOBS_MAX];
  int64_t limit; /* an even share of the total */
  int count;
};

/* false: with this table a worker would have more than its share. */
static bool take_whole(struct loads *loads, int64_t cost)
{
  int least = 0;
  for (int i = 1; i < loads->count; i++)
    if (loads->of[i] < loads->of[least])
      least = i;
  if (loads->of[least] + cost > loads->limit)
    return false;
  loads->of[least] += cost;
  return true;
}

void take_plan_units(struct take *take, struct take_units *ret)
{
  struct take_units whole = {0}, ranges = {0};
  struct loads loads = {.count = take->options->jobs};
  int64_t bytes = unit_bytes(take);
  for (size_t i = 0; i < take->tables.len; i++)
    loads.limit += take->tables.at[i].has_rows ? take->tables.at[i].cost : 0;
  loads.limit = loads.limit / loads.count * SLACK_PERCENT / 100;
  for (size_t i = 0; i < take->tables.len; i++) {
    struct take_table *table = &take->tables.at[i];
    if (!table->has_rows)
      continue;
    if (take_whole(&loads, table->cost) || !can_split(take, table))
      add_units(take, table, 1, &whole);
    else
      add_units(take, table, table->bytes / bytes, &ranges);
  }
  for (size_t i = 0; i < ranges.len; i++)
    vec_push(take->arena, &whole, ranges.at[i]);
  *ret = whole;
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
