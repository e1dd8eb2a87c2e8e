#include "migration/files.h"
#include "store/stream.h"

int migration_add_file(struct arena *arena, const char *name, const char *path,
                       struct migrations *files, struct err *err)
{
  char *bytes;
  size_t len;
  if (fs_read(arena, path, &bytes, &len, err) < 0)
    return err_recode(err, ERR_USAGE);
  if (memchr(bytes, '\0', len)) {
    err_set(err, ERR_USAGE, "%s: holds NUL bytes, so it is not SQL text", path);
    return err_hint(err, "If an editor or PowerShell wrote it as UTF-16, save it as UTF-8.");
  }
  struct migration *m = vec_add(arena, files);
  m->name = arena_strdup(arena, name);
  m->path = arena_strdup(arena, path);
  m->bytes = bytes;
  m->len = len;
  store_sha256(bytes, len, m->checksum);
  return 0;
}

int migration_list(struct arena *arena, const char *dir, struct fs_entries *ret, struct err *err)
{
  if (!fs_is_dir(dir)) {
    err_set(err, ERR_USAGE, "%s: no such migrations directory", dir);
    return err_hint(err, "Give it with --dir DIR, or as migrations: {dir: DIR} in belay.yaml.");
  }
  struct fs_entries all = {0}, seen = {0};
  if (fs_entries(arena, dir, &all, err) < 0)
    return err_recode(err, ERR_USAGE);
  for (size_t i = 0; i < all.len; i++)
    if (all.at[i].name[0] != '.')
      vec_push(arena, &seen, all.at[i]);
  *ret = seen;
  return 0;
}
