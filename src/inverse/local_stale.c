#define _GNU_SOURCE
#include "inverse/local_stale.h"

#include "base/clock.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  STOP_MS = 5000,
  UNLOCKED_AGE_S = 60, /* a directory without lock file may be one that is just being made */
  BASE_LEN_MAX = 60,   /* a socket's path may have 107 bytes */
};
static const char prefix[] = "belay-shadow-";

static const char *base_dir(void)
{
  const char *base = getenv("TMPDIR");
  return base && base[0] == '/' && strlen(base) <= BASE_LEN_MAX ? base : "/tmp";
}

static uid_t owner_for(const char *user)
{
  struct passwd *pw = user && geteuid() == 0 ? getpwnam(user) : NULL;
  return pw ? pw->pw_uid : geteuid();
}

/* The lock file appears under its name only when the lock is held. */
static int make_lock(struct arena *arena, const char *dir, int *ret_fd, struct err *err)
{
  const char *fresh = fs_join(arena, dir, "owner.new");
  CLEANUP(close_fd) int fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || rename(fresh, fs_join(arena, dir, "owner")) < 0)
    return err_errno(err, ERR_UNEXPECTED, "creating %s", fresh);
  *ret_fd = fd;
  fd = -1;
  return 0;
}

int local_dir_make(struct arena *arena, const char *user, char **ret_dir, int *ret_lock_fd,
                   struct err *err)
{
  char *dir = arena_printf(arena, "%s/%s%d-XXXXXX", base_dir(), prefix, (int)getpid());
  if (!mkdtemp(dir))
    return err_errno(err, ERR_UNEXPECTED, "creating a temporary directory %s", dir);
  struct passwd *pw = user && geteuid() == 0 ? getpwnam(user) : NULL;
  if (make_lock(arena, dir, ret_lock_fd, err) < 0 ||
      (pw && chown(dir, pw->pw_uid, pw->pw_gid) < 0 &&
       err_errno(err, ERR_UNEXPECTED, "giving %s to %s", dir, user) < 0)) {
    CLEANUP(err_clear) struct err ignored = ERR_INIT;
    fs_remove_tree(dir, &ignored);
    return -1;
  }
  *ret_dir = dir;
  return 0;
}

/* The process runs `postgres ... <dir>/data` and belongs to the owner of the directory. */
static bool runs_from(struct arena *arena, pid_t pid, const char *dir, uid_t owner)
{
  struct stat st;
  const char *proc = arena_printf(arena, "/proc/%d", (int)pid);
  CLEANUP(close_fd) int fd = open(fs_join(arena, proc, "cmdline"), O_RDONLY | O_CLOEXEC);
  if (fd < 0 || stat(proc, &st) < 0 || st.st_uid != owner)
    return false;
  char line[4096];
  ssize_t n = read(fd, line, sizeof(line) - 1);
  if (n <= 0)
    return false;
  line[n] = '\0';
  const char *data = fs_join(arena, dir, "data");
  for (const char *arg = line; arg < line + n; arg += strlen(arg) + 1)
    if (strcmp(arg, data) == 0)
      return true;
  return false;
}

static void stop_server_in(struct arena *arena, const char *dir, uid_t owner)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  char *text;
  size_t len;
  if (fs_read(arena, fs_join(arena, dir, "data/postmaster.pid"), &text, &len, &ignored) < 0)
    return;
  pid_t pid = (pid_t)strtol(text, NULL, 10);
  if (pid <= 1 || !runs_from(arena, pid, dir, owner))
    return;
  kill(pid, SIGQUIT);
  int64_t deadline = clock_monotonic_ms() + STOP_MS;
  while (runs_from(arena, pid, dir, owner) && clock_monotonic_ms() < deadline)
    clock_sleep_ms(20);
  if (runs_from(arena, pid, dir, owner))
    kill(pid, SIGKILL);
}

/* True when nobody holds the lock; it is then held by *ret_fd, so that two cleaners do not meet. */
static bool owner_is_gone(struct arena *arena, const char *dir, int *ret_fd)
{
  struct stat st;
  int fd = open(fs_join(arena, dir, "owner"), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    return errno == ENOENT && lstat(dir, &st) == 0 && time(NULL) - st.st_mtime > UNLOCKED_AGE_S;
  *ret_fd = fd;
  return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

void local_dir_clean_stale(struct arena *arena, const char *user)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  struct strings names = {0};
  const char *base = base_dir();
  if (fs_list(arena, base, &names, &ignored) < 0)
    return;
  uid_t owner = owner_for(user);
  for (size_t i = 0; i < names.len; i++) {
    const char *dir = fs_join(arena, base, names.at[i]);
    struct stat st;
    if (strncmp(names.at[i], prefix, strlen(prefix)) != 0 || lstat(dir, &st) < 0 ||
        !S_ISDIR(st.st_mode) || (st.st_uid != owner && st.st_uid != geteuid()))
      continue;
    CLEANUP(close_fd) int fd = -1;
    if (!owner_is_gone(arena, dir, &fd))
      continue;
    stop_server_in(arena, dir, owner);
    CLEANUP(err_clear) struct err kept = ERR_INIT; /* tried again by the next start */
    fs_remove_tree(dir, &kept);
  }
}
