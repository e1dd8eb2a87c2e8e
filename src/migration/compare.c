#include "migration/migration.h"
#include "store/stream.h"

static const char *const state_names[] = {
    [MIGRATION_PENDING] = "pending",         [MIGRATION_APPLIED] = "applied",
    [MIGRATION_FAILED] = "failed",           [MIGRATION_EDITED] = "edited",
    [MIGRATION_MISSING] = "missing",         [MIGRATION_OUT_OF_ORDER] = "out-of-order",
    [MIGRATION_ROLLED_BACK] = "rolled-back",
};

const char *migration_state_name(enum migration_state state)
{
  return (size_t)state < COUNT_OF(state_names) ? state_names[state] : "unknown";
}

/* --- the same text? --- */

/* Old engines wrote each byte without a leading zero. */
static bool same_digest(const char *row, const char *hex)
{
  if (strcmp(row, hex) == 0)
    return true;
  char shortened[STORE_SHA256_HEX];
  size_t len = 0;
  for (size_t i = 0; hex[i] && hex[i + 1]; i += 2) {
    if (hex[i] != '0')
      shortened[len++] = hex[i];
    shortened[len++] = hex[i + 1];
  }
  shortened[len] = '\0';
  return strcmp(row, shortened) == 0;
}

static void with_line_ends(const struct migration *m, const char *line_end, struct text *out)
{
  text_reset(out);
  for (const char *p = m->bytes, *end = p + m->len; p < end; p++) {
    if (p[0] == '\r' && p[1] == '\n')
      continue;
    if (*p == '\n')
      text_puts(out, line_end);
    else
      text_putc(out, *p);
  }
}

/* git's autocrlf makes the file of one machine differ from that of another; Prisma takes them for
 * equal, too. */
static bool same_text(const struct migration *m, const char *row_checksum)
{
  static const char *const line_ends[] = {"\n", "\r\n"};
  if (!row_checksum)
    return false;
  if (same_digest(row_checksum, m->checksum))
    return true;
  CLEANUP(text_clear) struct text variant = TEXT_INIT;
  for (size_t i = 0; i < COUNT_OF(line_ends); i++) {
    char hex[STORE_SHA256_HEX];
    with_line_ends(m, line_ends[i], &variant);
    store_sha256(variant.data, variant.len, hex);
    if (same_digest(row_checksum, hex))
      return true;
  }
  return false;
}

/* --- directory against ledger --- */

struct item {
  const char *name;
  const struct migration *file;
  const struct ledger_row *counting, *rolled_back; /* the newest of each kind */
};

static bool is_newer(const struct ledger_row *row, const struct ledger_row *than)
{
  if (!than || !row->started_at || !than->started_at)
    return true;                                         /* the later row of the list */
  return strcmp(row->started_at, than->started_at) >= 0; /* ISO 8601 in UTC sorts as text */
}

static struct item *item_of(struct arena *arena, struct map *items, const char *name)
{
  struct item *item = map_get(items, name);
  if (!item) {
    item = ARENA_NEW(arena, struct item);
    item->name = name;
    map_put(items, name, item);
  }
  return item;
}

static struct map *collect(struct arena *arena, const struct migrations *files,
                           const struct ledger_rows *rows)
{
  struct map *items = map_new(arena);
  for (size_t i = 0; i < files->len; i++)
    item_of(arena, items, files->at[i].name)->file = &files->at[i];
  for (size_t i = 0; i < rows->len; i++) {
    const struct ledger_row *row = &rows->at[i];
    struct item *item = item_of(arena, items, row->name);
    const struct ledger_row **slot = row->rolled_back_at ? &item->rolled_back : &item->counting;
    if (is_newer(row, *slot))
      *slot = row;
  }
  return items;
}

static enum migration_state state_of(const struct item *item, const char *last_applied)
{
  const struct ledger_row *row = item->counting;
  if (row && !row->finished_at)
    return MIGRATION_FAILED;
  if (row && !item->file)
    return MIGRATION_MISSING;
  if (row)
    return same_text(item->file, row->checksum) ? MIGRATION_APPLIED : MIGRATION_EDITED;
  if (last_applied && strcmp(item->name, last_applied) < 0)
    return MIGRATION_OUT_OF_ORDER;
  return item->rolled_back ? MIGRATION_ROLLED_BACK : MIGRATION_PENDING;
}

static int by_name(const void *a, const void *b)
{
  return strcmp(((const struct migration_status *)a)->name,
                ((const struct migration_status *)b)->name);
}

void migration_compare(struct arena *arena, const struct migrations *files,
                       const struct ledger_rows *rows, struct migration_statuses *ret)
{
  struct map *items = collect(arena, files, rows);
  const char *last_applied = NULL;
  for (size_t i = 0; i < map_len(items); i++) {
    const struct item *item = map_value_at(items, i);
    if (item->counting && item->counting->finished_at &&
        (!last_applied || strcmp(item->name, last_applied) > 0))
      last_applied = item->name;
  }
  struct migration_statuses statuses = {0};
  for (size_t i = 0; i < map_len(items); i++) {
    const struct item *item = map_value_at(items, i);
    if (!item->file && !item->counting)
      continue; /* rolled back and gone from the disk: nothing to say of it */
    struct migration_status *status = vec_add(arena, &statuses);
    status->state = state_of(item, last_applied);
    status->name = item->name;
    status->migration = item->file;
    status->row = item->counting ? item->counting : item->rolled_back;
  }
  if (statuses.len)
    qsort(statuses.at, statuses.len, sizeof(*statuses.at), by_name);
  *ret = statuses;
}
