/* Directories of tools that belay lints but does not apply: dbmate, goose, sql-migrate and
 * node-pg-migrate (up and down part in one file), Flyway (V1_2__x.sql, R__x.sql, undo files) and
 * those that have down files beside the up files (golang-migrate, sqlx ...). */
#include "migration/files.h"

#include <ctype.h>

static bool ends_with(const char *name, const char *suffix)
{
  size_t len = strlen(name), suffix_len = strlen(suffix);
  return len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

/* Flyway's V1.2__name.sql, U1.2__name.sql, R__name.sql. */
static bool is_flyway(const char *name, char kind)
{
  bool versioned = isdigit((unsigned char)name[1]) && strstr(name, "__");
  return name[0] == kind && (kind == 'R' ? strncmp(name, "R__", 3) == 0 : versioned);
}

bool migration_goes_back(const char *path)
{
  const char *name = fs_basename(path);
  return strcmp(name, "down.sql") == 0 || ends_with(name, ".down.sql") || is_flyway(name, 'U');
}

/* By the numbers of the version, each by its value: V1.10 is behind V1.9. What can be repeated runs
 * last. */
static int by_version(const void *a, const void *b)
{
  const char *x = ((const struct migration *)a)->name, *y = ((const struct migration *)b)->name;
  bool last_x = is_flyway(x, 'R'), last_y = is_flyway(y, 'R');
  if (last_x != last_y)
    return last_x ? 1 : -1;
  const char *p = x + (*x == 'V'), *q = y + (*y == 'V');
  while (isdigit((unsigned char)*p) && isdigit((unsigned char)*q)) {
    p += strspn(p, "0");
    q += strspn(q, "0");
    size_t m = strspn(p, "0123456789"), n = strspn(q, "0123456789");
    int order = m != n ? (m < n ? -1 : 1) : strncmp(p, q, m);
    if (order != 0)
      return order;
    p += m + (strchr("._", p[m]) && isdigit((unsigned char)p[m + 1]));
    q += n + (strchr("._", q[n]) && isdigit((unsigned char)q[n + 1]));
  }
  if (isdigit((unsigned char)*p) != isdigit((unsigned char)*q))
    return isdigit((unsigned char)*p) ? 1 : -1;
  return strcmp(x, y);
}

int migration_read_others(struct arena *arena, const char *dir, struct migrations *ret,
                          const char **ret_tool, struct err *err)
{
  struct fs_entries entries;
  struct migrations files = {0};
  const char *tool = NULL;
  if (migration_list(arena, dir, &entries, err) < 0)
    return -1;
  for (size_t i = 0; i < entries.len; i++) {
    const char *name = entries.at[i].name;
    if (entries.at[i].is_dir || !ends_with(name, ".sql"))
      continue;
    if (is_flyway(name, 'V') || is_flyway(name, 'R') || is_flyway(name, 'U'))
      tool = "flyway";
    if (migration_goes_back(name))
      continue;
    size_t suffix = ends_with(name, ".up.sql") ? 7 : 4;
    if (migration_add_file(arena, arena_strndup(arena, name, strlen(name) - suffix),
                           fs_join(arena, dir, name), &files, err) < 0)
      return -1;
  }
  if (files.len)
    qsort(files.at, files.len, sizeof(*files.at), by_version);
  *ret = files;
  *ret_tool = tool;
  return 0;
}
