/* What doctor says of a directory beyond the probe. */
#include "store/place_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fs.h"

enum { TMPFS = 0x01021994, RAMFS = 0x858458f6 };

static void tell(struct arena *arena, struct place_advices *ret, const char *what, const char *fix)
{
  vec_push(arena, ret,
           ((struct place_advice){.name = "store", .warning = true, .what = what, .fix = fix}));
}

/* Only the lock of a temporary file tells that its writer lives. */
static bool has_locks(const char *root)
{
  CLEANUP(close_fd) int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0 || errno == EWOULDBLOCK;
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
  if (!has_locks(root))
    tell(arena, ret, arena_printf(arena, "the file system of %s has no locks", root),
         arena_printf(arena,
                      "What killed backups leave is not removed there; find it with: find %s "
                      "-name '.tmp-*' -mtime +2",
                      root));
  if (fs_find_upward(arena, root, ".git") && !fs_exists(fs_join(arena, root, ".gitignore")))
    tell(arena, ret, arena_printf(arena, "%s lies in a git work tree and is not ignored", root),
         arena_printf(arena, "Type: echo '*' >%s/.gitignore", root));
  return 0;
}
