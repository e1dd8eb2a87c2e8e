#include "migration/files.h"
#include "base/fs.h"
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

int migration_list(struct arena *arena, const char *dir, struct strings *ret, struct err *err)
{
  if (!fs_is_dir(dir)) {
    err_set(err, ERR_USAGE, "%s: no such migrations directory", dir);
    return err_hint(err, "Give it with --dir DIR, or as migrations: {dir: DIR} in belay.yaml.");
  }
  struct strings all = {0}, names = {0};
  if (fs_list(arena, dir, &all, err) < 0)
    return err_recode(err, ERR_USAGE);
  for (size_t i = 0; i < all.len; i++)
    if (all.at[i][0] != '.')
      vec_push(arena, &names, all.at[i]);
  *ret = names;
  return 0;
}
