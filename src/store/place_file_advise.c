/* What doctor says of a directory beyond the probe. */
#include "store/place_private.h"

#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/fs.h"

enum { TMPFS = 0x01021994, RAMFS = 0x858458f6 };

static void tell(struct arena *arena, struct place_advices *ret, const char *what, const char *fix)
{
  vec_push(arena, ret,
           ((struct place_advice){.name = "store", .warning = true, .what = what, .fix = fix}));
}

int place_file_advise(struct place *place, struct arena *arena, struct place_advices *ret,
                      struct err *err)
{
  struct stat st;
  struct statfs fs;
  const char *root = place->root;
  if (stat(root, &st) < 0 || statfs(root, &fs) < 0)
    return err_errno(err, ERR_STORE, "%s", place->name);
  if (st.st_mode & 022)
    tell(arena, ret, arena_printf(arena, "others may write to %s", root),
         arena_printf(arena, "Take that away: chmod go-w %s", root));
  else if (st.st_mode & 055)
    tell(arena, ret, arena_printf(arena, "others may look into %s", root),
         arena_printf(arena, "Take that away: chmod 700 %s", root));
  if ((unsigned long)fs.f_type == TMPFS || (unsigned long)fs.f_type == RAMFS)
    tell(arena, ret, arena_printf(arena, "%s lies in memory: it is gone after a restart", root),
         "Choose a directory on a disk.");
  if (fs_find_upward(arena, root, ".git") && !fs_exists(fs_join(arena, root, ".gitignore")))
    tell(arena, ret, arena_printf(arena, "%s lies in a git work tree and is not ignored", root),
         arena_printf(arena, "Type: echo '*' >%s/.gitignore", root));
  return 0;
}
