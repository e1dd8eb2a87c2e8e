#include "migration/files.h"
#include "base/fs.h"

static const struct migration_format *const formats[] = {&migration_prisma, &migration_plain};

/* Most telling first: a directory of this name counts only if a format knows its content. */
static const char *const usual_dirs[] = {
    "prisma/migrations",   "migrations",     "db/migrations",
    "database/migrations", "sql/migrations", "src/prisma/migrations",
};

const struct migration_format *migration_format_find(const char *name)
{
  for (size_t i = 0; i < COUNT_OF(formats); i++)
    if (strcmp(formats[i]->name, name) == 0)
      return formats[i];
  return NULL;
}

int migration_format_of(const char *dir, const char *named, const struct migration_format **ret,
                        struct err *err)
{
  const struct migration_format *format = named ? migration_format_find(named) : NULL;
  if (named && !format) {
    err_set(err, ERR_USAGE, "unknown migrations format \"%s\"", named);
    return err_hint(err, "Known are prisma and plain. For another tool run its own command under "
                         "belay: `belay run -- COMMAND`.");
  }
  if (!fs_is_dir(dir)) {
    err_set(err, ERR_USAGE, "%s: no such migrations directory", dir);
    return err_hint(err, "Give it with --dir DIR, or as migrations: {dir: DIR} in belay.yaml.");
  }
  for (size_t i = 0; i < COUNT_OF(formats) && !format; i++)
    if (formats[i]->detect(dir))
      format = formats[i];
  if (!format) {
    err_set(err, ERR_USAGE,
            "%s: holds no migrations: neither NAME/migration.sql (prisma) nor "
            "NAME.sql or NAME/up.sql (plain)",
            dir);
    return err_hint(err, "For an empty directory say what will be in it: migrations: {format: "
                         "prisma} in belay.yaml.");
  }
  *ret = format;
  return 0;
}

char *migration_find_dir(struct arena *arena, const char *project_dir)
{
  for (size_t i = 0; i < COUNT_OF(usual_dirs); i++) {
    char *dir = fs_join(arena, project_dir, usual_dirs[i]);
    if (!fs_is_dir(dir))
      continue;
    for (size_t f = 0; f < COUNT_OF(formats); f++)
      if (formats[f]->detect(dir))
        return dir;
  }
  return NULL;
}
