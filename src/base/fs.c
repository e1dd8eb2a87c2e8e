#define _GNU_SOURCE
#include "base/base.h"
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
  TEMP_NAME_MAX = 200, /* so that ".name.tmp-XXXXXX" stays below the 255 bytes of a name */
  OPEN_DIRS_MAX = 16,  /* while a tree is removed */
  PIECE_MAX = 65536,   /* of one read */
};

int fs_read(struct arena *arena, const char *path, char **ret_bytes, size_t *ret_len,
            struct err *err)
{
  CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) < 0)
    return err_errno(err, ERR_UNEXPECTED, "reading %s", path);
  if (S_ISDIR(st.st_mode))
    return err_set(err, ERR_UNEXPECTED, "reading %s: is a directory", path);
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  size_t piece = st.st_size > 0 && st.st_size < PIECE_MAX ? (size_t)st.st_size + 1 : PIECE_MAX;
  for (bool end = false; !end;) {
    text_reserve(&t, piece);
    ssize_t n = read(fd, t.data + t.len, piece);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return err_errno(err, ERR_UNEXPECTED, "reading %s", path);
    end = n == 0 || (S_ISREG(st.st_mode) && (size_t)n < piece);
    t.len += (size_t)n;
    t.data[t.len] = '\0';
    if (t.len > FS_READ_MAX)
      return err_set(err, ERR_UNEXPECTED, "reading %s: larger than %d MiB", path,
                     FS_READ_MAX / 1024 / 1024);
  }
  *ret_bytes = arena_strndup(arena, t.data, t.len);
  *ret_len = t.len;
  return 0;
}

int fs_write_all(int fd, const void *bytes, size_t len, struct err *err)
{
  const char *p = bytes;
  while (len) {
    ssize_t n = write(fd, p, len);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return err_errno(err, ERR_UNEXPECTED, "writing");
    p += n;
    len -= (size_t)n;
  }
  return 0;
}

int fs_sync_dir(const char *path, struct err *err)
{
  CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
    return err_errno(err, ERR_UNEXPECTED, "syncing directory %s", path);
  return 0;
}

static int write_and_sync(int fd, const void *bytes, size_t len, unsigned mode, struct err *err)
{
  if (fs_write_all(fd, bytes, len, err) < 0)
    return -1;
  if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
    return err_errno(err, ERR_UNEXPECTED, "writing");
  return 0;
}

/* Hidden, and told from the real file: what a kill leaves behind must not be taken for one. */
static char *temp_name(struct arena *arena, const char *dir, const char *name)
{
  return fs_join(arena, dir, arena_printf(arena, ".%.*s.tmp-XXXXXX", TEMP_NAME_MAX, name));
}

int fs_write_atomic(const char *path, const void *bytes, size_t len, unsigned mode, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  const char *dir = fs_dirname(arena, path);
  char *temp = temp_name(arena, dir, fs_basename(path));
  CLEANUP(close_fd) int fd = mkostemp(temp, O_CLOEXEC);
  if (fd < 0)
    return err_errno(err, ERR_UNEXPECTED, "creating %s", path);
  if (write_and_sync(fd, bytes, len, mode, err) < 0) {
    unlink(temp);
    return err_wrap(err, "%s", path);
  }
  if (rename(temp, path) < 0) {
    err_errno(err, ERR_UNEXPECTED, "renaming to %s", path);
    unlink(temp);
    return -1;
  }
  return fs_sync_dir(dir, err);
}

int fs_mkdirs(const char *path, unsigned mode, struct err *err)
{
  CLEANUP(free_ptr) char *copy = x_strdup(path);
  for (char *p = copy + 1; *copy; p++) {
    if (*p != '/' && *p != '\0')
      continue;
    bool last = *p == '\0';
    *p = '\0';
    if (mkdir(copy, mode) < 0) {
      int cause = errno; /* stat changes it */
      if (!fs_is_dir(copy)) {
        errno = cause;
        return err_errno(err, ERR_UNEXPECTED, "creating directory %s", copy);
      }
    }
    if (last)
      break;
    *p = '/';
  }
  return 0;
}

bool fs_exists(const char *path)
{
  return access(path, F_OK) == 0;
}

bool fs_is_dir(const char *path)
{
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int by_name(const void *a, const void *b)
{
  return strcmp(((const struct fs_entry *)a)->name, ((const struct fs_entry *)b)->name);
}

static bool is_dir_entry(DIR *dir, const struct dirent *e)
{
  struct stat st;
  if (e->d_type != DT_UNKNOWN && e->d_type != DT_LNK)
    return e->d_type == DT_DIR;
  return fstatat(dirfd(dir), e->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

int fs_entries(struct arena *arena, const char *path, struct fs_entries *ret, struct err *err)
{
  DIR *dir = opendir(path);
  if (!dir)
    return err_errno(err, ERR_UNEXPECTED, "reading directory %s", path);
  struct fs_entries entries = {0};
  errno = 0; /* the end and an error look the same but for it */
  for (struct dirent *e; (e = readdir(dir)); errno = 0)
    if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
      vec_push(arena, &entries,
               ((struct fs_entry){arena_strdup(arena, e->d_name), is_dir_entry(dir, e)}));
  int cause = errno;
  closedir(dir);
  if (cause) {
    errno = cause;
    return err_errno(err, ERR_UNEXPECTED, "reading directory %s", path);
  }
  if (entries.len)
    qsort(entries.at, entries.len, sizeof(*entries.at), by_name);
  *ret = entries;
  return 0;
}

int fs_list(struct arena *arena, const char *path, struct strings *ret_names, struct err *err)
{
  struct fs_entries entries;
  struct strings names = {0};
  if (fs_entries(arena, path, &entries, err) < 0)
    return -1;
  for (size_t i = 0; i < entries.len; i++)
    vec_push(arena, &names, entries.at[i].name);
  *ret_names = names;
  return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  UNUSED(st);
  UNUSED(type);
  UNUSED(ftw);
  return remove(path);
}

int fs_remove_tree(const char *path, struct err *err)
{
  struct stat st;
  CLEANUP(free_ptr) char *tree = x_strdup(path);
  for (size_t len = strlen(tree); len > 1 && tree[len - 1] == '/';) /* "link/" would be followed */
    tree[--len] = '\0';
  if (lstat(tree, &st) < 0 && errno == ENOENT)
    return 0;
  if (nftw(tree, remove_one, OPEN_DIRS_MAX, FTW_DEPTH | FTW_PHYS) != 0)
    return err_errno(err, ERR_UNEXPECTED, "removing %s", path);
  return 0;
}

int fs_free_bytes(const char *path, uint64_t *ret_bytes, struct err *err)
{
  struct statvfs st;
  if (statvfs(path, &st) < 0)
    return err_errno(err, ERR_UNEXPECTED, "free space of %s", path);
  *ret_bytes = (uint64_t)st.f_bavail * st.f_frsize;
  return 0;
}

char *fs_join(struct arena *arena, const char *dir, const char *name)
{
  if (name[0] == '/' || !dir || !dir[0])
    return arena_strdup(arena, name);
  size_t len = strlen(dir);
  return arena_printf(arena, "%s%s%s", dir, dir[len - 1] == '/' ? "" : "/", name);
}

char *fs_dirname(struct arena *arena, const char *path)
{
  const char *slash = strrchr(path, '/');
  if (!slash)
    return arena_strdup(arena, ".");
  return slash == path ? arena_strdup(arena, "/")
                       : arena_strndup(arena, path, (size_t)(slash - path));
}

const char *fs_basename(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

char *fs_absolute(struct arena *arena, const char *path)
{
  if (path[0] == '/')
    return arena_strdup(arena, path);
  char cwd[4096];
  if (!getcwd(cwd, sizeof(cwd)))
    return arena_strdup(arena, path);
  return fs_join(arena, cwd, path);
}

char *fs_clean(struct arena *arena, const char *path)
{
  char *whole = fs_absolute(arena, path);
  struct text clean = TEXT_INIT;
  for (const char *at = whole, *end; *at; at = end) {
    at += strspn(at, "/");
    end = at + strcspn(at, "/");
    size_t len = (size_t)(end - at);
    if (len == 0 || (len == 1 && at[0] == '.'))
      continue;
    if (len == 2 && at[0] == '.' && at[1] == '.') {
      const char *slash = strrchr(clean.data, '/');
      text_truncate(&clean, slash ? (size_t)(slash - clean.data) : 0);
      continue;
    }
    text_putc(&clean, '/');
    text_append(&clean, at, len);
  }
  char *ret = clean.len > 0 ? arena_strdup(arena, clean.data) : arena_strdup(arena, "/");
  text_clear(&clean);
  return ret;
}

char *fs_find_upward(struct arena *arena, const char *dir, const char *name)
{
  char *at = fs_absolute(arena, dir);
  CLEANUP(free_ptr)
  char *real = strstr(at, "/..") ? realpath(at, NULL) : NULL; /* the parent of "a/.." is not "a" */
  if (real)
    at = arena_strdup(arena, real);
  size_t len = strlen(at);
  if (len > 2 && strcmp(at + len - 2, "/.") == 0) /* of ".": people read these paths */
    at[len - 2] = '\0';
  for (;;) {
    char *candidate = fs_join(arena, at, name);
    if (fs_exists(candidate))
      return candidate;
    if (strcmp(at, "/") == 0 || strcmp(at, ".") == 0)
      return NULL;
    at = fs_dirname(arena, at);
  }
}

int fs_temp_dir(struct arena *arena, const char *prefix, char **ret_path, struct err *err)
{
  const char *base = getenv("TMPDIR");
  char *path = arena_printf(arena, "%s/%sXXXXXX", base && base[0] ? base : "/tmp", prefix);
  if (!mkdtemp(path))
    return err_errno(err, ERR_UNEXPECTED, "creating a temporary directory %s", path);
  *ret_path = path;
  return 0;
}
