#define _GNU_SOURCE
#include "base/base.h"
#include "base/fs.h"
#include "store/place_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names that begin with a dot are no objects: temporary files, .gitignore. */
static const char temp_prefix[] = ".tmp-";
enum { SWEEP_MIN_AGE_S = 60 };

/* ---- errors ---- */

static void hint_cause(const struct place *place, int cause, struct err *err)
{
  if (cause == ENOSPC || cause == EDQUOT || cause == EFBIG)
    err_hint(err,
             "Make room in %s, or choose another place with "
             "--store file:/path.",
             place->root);
  else if (cause == EROFS || cause == EACCES || cause == EPERM)
    err_hint(err, "Let this user write to %s, or choose another place with --store file:/path.",
             place->root);
  else if (cause == ENOTDIR)
    err_hint(err, "Choose a directory with --store file:/path.");
}

/* Returns -1; errno is the cause. */
static int fail(const struct place *place, const char *doing, const char *key, struct err *err)
{
  int cause = errno;
  err_errno(err, ERR_STORE, "%s: %s%s%s", place->name, doing, key[0] ? " " : "", key);
  hint_cause(place, cause, err);
  return -1;
}

static char *full_path(const struct place *place, struct arena *arena, const char *key)
{
  return key[0] ? fs_join(arena, place->root, key) : arena_strdup(arena, place->root);
}

/* ---- directories ---- */

/* A directory above the place may be passable and yet not readable: then there is nothing to
 * sync through. */
static int sync_dir(const char *path)
{
  CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return errno == EACCES ? 0 : -1;
  return fsync(fd) < 0 && errno != EINVAL ? -1 : 0;
}

/* mkdir -p, and the new names are on disk when it returns. -1 with errno. */
static int make_dirs(const char *path)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  if (mkdir(path, 0700) == 0)
    return sync_dir(fs_dirname(arena, path));
  if (errno == EEXIST) {
    errno = ENOTDIR;
    return fs_is_dir(path) ? 0 : -1;
  }
  char *parent = fs_dirname(arena, path);
  if (errno != ENOENT || strcmp(parent, path) == 0 || make_dirs(parent) < 0)
    return -1;
  if (mkdir(path, 0700) < 0 && errno != EEXIST)
    return -1;
  return sync_dir(parent);
}

/* ---- writing ---- */

struct file_sink {
  struct sink sink;
  struct place *place;
  char *key, *final, *dir, *temp;
  int fd;
  bool exclusive;
  off_t written, passed; /* passed: the disk was told of so many of the bytes written */
};

enum { PASS_BYTES = 8 * 1024 * 1024 };

/* The disk writes while more is made: else the sync at the end waits for all of it. */
static void pass_to_disk(struct file_sink *s)
{
  if (s->written - s->passed < PASS_BYTES)
    return;
  (void)sync_file_range(s->fd, s->passed, s->written - s->passed, SYNC_FILE_RANGE_WRITE);
  s->passed = s->written;
}

static int file_write(struct sink *sink, const void *bytes, size_t len, struct err *err)
{
  struct file_sink *s = (struct file_sink *)sink;
  const char *p = bytes;
  while (len) {
    ssize_t n = write(s->fd, p, len);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return fail(s->place, "writing", s->key, err);
    p += n;
    len -= (size_t)n;
    s->written += n;
  }
  pass_to_disk(s);
  return 0;
}

/* Gives the finished file its name. Both ways are atomic: of two processes one gets EEXIST. */
static int name_exclusively(const char *temp, const char *final)
{
  if (renameat2(AT_FDCWD, temp, AT_FDCWD, final, RENAME_NOREPLACE) == 0)
    return 0;
  if (errno != EINVAL && errno != ENOSYS)
    return -1;
  if (link(temp, final) < 0)
    return -1;
  unlink(temp); /* were it to stay: it is not listed, and place_sweep takes it */
  return 0;
}

static int name_file(struct file_sink *s, struct err *err)
{
  int status = s->exclusive ? name_exclusively(s->temp, s->final) : rename(s->temp, s->final);
  if (status < 0 && errno == EEXIST) {
    err_set(err, ERR_STORE, "%s: %s exists already and is not overwritten", s->place->name, s->key);
    return -1;
  }
  if (status < 0)
    return fail(s->place, "naming", s->key, err);
  free(s->temp);
  s->temp = NULL;
  if (sync_dir(s->dir) == 0)
    return 0;
  fail(s->place, "syncing the directory of", s->key, err);
  if (s->exclusive) /* it was not there before: after an error it is not there either */
    unlink(s->final);
  return -1;
}

static int file_finish(struct sink *sink, struct err *err)
{
  struct file_sink *s = (struct file_sink *)sink;
  if (fsync(s->fd) < 0)
    return fail(s->place, "syncing", s->key, err);
  int fd = s->fd;
  s->fd = -1;
  if (close(fd) < 0)
    return fail(s->place, "closing", s->key, err);
  return name_file(s, err);
}

static void file_free(struct sink *sink)
{
  struct file_sink *s = (struct file_sink *)sink;
  if (s->temp)
    unlink(s->temp);
  close_fd(&s->fd);
  free(s->key);
  free(s->final);
  free(s->dir);
  free(s->temp);
  free(s);
}

static int file_writer(struct place *place, const char *key, bool exclusive, struct sink **ret_sink,
                       struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  char *final = full_path(place, arena, key);
  char *dir = fs_dirname(arena, final);
  if (make_dirs(dir) < 0)
    return fail(place, "making the directory for", key, err);
  struct file_sink *s = x_calloc(1, sizeof(*s));
  s->sink = (struct sink){file_write, file_finish, file_free};
  s->place = place;
  s->key = x_strdup(key);
  s->final = x_strdup(final);
  s->dir = x_strdup(dir);
  s->exclusive = exclusive;
  s->temp = x_printf("%s/%sXXXXXX", dir, temp_prefix);
  s->fd = mkostemp(s->temp, O_CLOEXEC);
  if (s->fd < 0) {
    fail(place, "creating", key, err);
    free(s->temp);
    s->temp = NULL;
    file_free(&s->sink);
    return -1;
  }
  flock(s->fd, LOCK_EX | LOCK_NB); /* tells place_sweep that the writer lives */
  *ret_sink = &s->sink;
  return 0;
}

static int file_hold(struct place *place, const char *key, struct sink **ret_sink, struct err *err)
{
  return file_writer(place, key, true, ret_sink, err);
}

/* ---- reading ---- */

static int open_object(struct place *place, const char *key, int *ret_fd, struct stat *ret_stat,
                       struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(close_fd) int fd = open(full_path(place, arena, key), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 && errno == ENOENT)
    return err_set(err, ERR_STORE, "%s: %s does not exist", place->name, key);
  if (fd < 0 || fstat(fd, ret_stat) < 0)
    return fail(place, "opening", key, err);
  if (!S_ISREG(ret_stat->st_mode))
    return err_set(err, ERR_STORE, "%s: %s is not a regular file", place->name, key);
  *ret_fd = fd;
  fd = -1;
  return 0;
}

/* Reads size bytes, or fewer at the end of the file; -1 with errno. */
static ssize_t read_at(int fd, uint64_t offset, void *buf, size_t size)
{
  size_t len = 0;
  while (len < size) {
    ssize_t n = pread(fd, (char *)buf + len, size - len, (off_t)(offset + len));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return -1;
    if (n == 0)
      break;
    len += (size_t)n;
  }
  return (ssize_t)len;
}

static int file_get(struct place *place, struct arena *arena, const char *key, char **ret_bytes,
                    size_t *ret_len, struct err *err)
{
  CLEANUP(close_fd) int fd = -1;
  struct stat st;
  if (open_object(place, key, &fd, &st, err) < 0)
    return -1;
  if (st.st_size > FS_READ_MAX)
    return err_set(err, ERR_STORE, "%s: %s is larger than %d MiB", place->name, key,
                   FS_READ_MAX / 1024 / 1024);
  char *bytes = arena_alloc(arena, (size_t)st.st_size + 1);
  ssize_t len = read_at(fd, 0, bytes, (size_t)st.st_size);
  if (len < 0)
    return fail(place, "reading", key, err);
  bytes[len] = '\0';
  *ret_bytes = bytes;
  *ret_len = (size_t)len;
  return 0;
}

static int file_get_range(struct place *place, const char *key, uint64_t offset, size_t size,
                          void *buf, struct err *err)
{
  CLEANUP(close_fd) int fd = -1;
  struct stat st;
  if (open_object(place, key, &fd, &st, err) < 0)
    return -1;
  if (offset > INT64_MAX - size)
    return err_set(err, ERR_DAMAGED, "%s: %s has no byte %" PRIu64, place->name, key, offset);
  ssize_t len = read_at(fd, offset, buf, size);
  if (len < 0)
    return fail(place, "reading", key, err);
  if ((size_t)len < size)
    return err_set(err, ERR_DAMAGED,
                   "%s: %s ends after %zd of the %zu bytes wanted at offset %" PRIu64, place->name,
                   key, len, size, offset);
  return 0;
}

/* true when it cannot be known, too: nothing is removed or overwritten on a guess. */
static bool file_exists(struct place *place, const char *key)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct stat st;
  if (stat(full_path(place, arena, key), &st) == 0)
    return S_ISREG(st.st_mode);
  return errno != ENOENT && errno != ENOTDIR;
}

static int file_size(struct place *place, const char *key, uint64_t *ret_size, struct err *err)
{
  CLEANUP(close_fd) int fd = -1;
  struct stat st;
  if (open_object(place, key, &fd, &st, err) < 0)
    return -1;
  *ret_size = (uint64_t)st.st_size;
  return 0;
}

/* ---- listing ---- */

/* Calls visit for each regular file below dir; directories that vanish meanwhile are none. */
struct walk {
  struct place *place;
  struct arena *arena;
  const char *prefix; /* only keys that begin so */
  bool temporary;     /* temporary files instead of objects */
  bool remove;        /* those that nobody writes */
  int (*visit)(struct walk *walk, const char *key, const struct stat *st, struct err *err);
  struct place_entries *found;
  struct place_leftovers leftovers;
};

static void closedirp(DIR **dir)
{
  if (*dir)
    closedir(*dir);
}

static bool starts_with(const char *s, const char *prefix)
{
  return strncmp(s, prefix, strlen(prefix)) == 0;
}

static int walk_dir(struct walk *w, const char *dir_key, struct err *err);

static int walk_name(struct walk *w, const char *dir_key, const char *name, struct err *err)
{
  char *key =
      dir_key[0] ? arena_printf(w->arena, "%s/%s", dir_key, name) : arena_strdup(w->arena, name);
  bool is_temp = starts_with(name, temp_prefix);
  if (!is_temp && !place_key_is_valid(key))
    return 0;
  bool leads_there = starts_with(w->prefix, key) && w->prefix[strlen(key)] == '/';
  if (!leads_there && !starts_with(key, w->prefix))
    return 0;
  struct stat st;
  if (stat(full_path(w->place, w->arena, key), &st) < 0)
    return errno == ENOENT ? 0 : fail(w->place, "looking at", key, err);
  if (S_ISDIR(st.st_mode))
    return walk_dir(w, key, err);
  if (!S_ISREG(st.st_mode) || is_temp != w->temporary || !starts_with(key, w->prefix))
    return 0;
  return w->visit(w, key, &st, err);
}

static int walk_dir(struct walk *w, const char *dir_key, struct err *err)
{
  CLEANUP(closedirp) DIR *dir = opendir(full_path(w->place, w->arena, dir_key));
  if (!dir)
    return errno == ENOENT ? 0 : fail(w->place, "reading the directory", dir_key, err);
  for (;;) {
    errno = 0;
    struct dirent *e = readdir(dir);
    if (!e)
      return errno ? fail(w->place, "reading the directory", dir_key, err) : 0;
    if (walk_name(w, dir_key, e->d_name, err) < 0)
      return -1;
  }
}

static int add_entry(struct walk *w, const char *key, const struct stat *st, struct err *err)
{
  UNUSED(err);
  struct place_entry *e = vec_add(w->arena, w->found);
  e->key = key;
  e->size = (uint64_t)st->st_size;
  e->modified_us = (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
  return 0;
}

static int file_list(struct place *place, struct arena *arena, const char *prefix,
                     struct place_entries *ret, struct err *err)
{
  struct walk w = {
      .place = place, .arena = arena, .prefix = prefix, .visit = add_entry, .found = ret};
  return walk_dir(&w, "", err);
}

/* ---- removing ---- */

static int file_remove(struct place *place, const char *key, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  char *path = full_path(place, arena, key);
  if (unlink(path) < 0)
    return errno == ENOENT ? 0 : fail(place, "removing", key, err);
  if (sync_dir(fs_dirname(arena, path)) < 0 && errno != ENOENT)
    return fail(place, "syncing the directory of", key, err);
  return 0;
}

static int file_remove_dir(struct place *place, const char *dir, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  if (fs_remove_tree(full_path(place, arena, dir), err) < 0) {
    err_recode(err, ERR_STORE);
    return err_wrap(err, "%s", place->name);
  }
  return 0;
}

/* One temporary file: is anybody writing it? */
static int sweep_one(struct walk *w, const char *key, const struct stat *st, struct err *err)
{
  if (st->st_mtim.tv_sec > time(NULL) - SWEEP_MIN_AGE_S) {
    w->leftovers.living++;
    return 0;
  }
  char *path = full_path(w->place, w->arena, key);
  CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return errno == ENOENT ? 0 : fail(w->place, "opening", key, err);
  if (flock(fd, LOCK_EX | LOCK_NB) < 0) { /* its writer lives */
    w->leftovers.living++;
    return 0;
  }
  if (w->remove && unlink(path) < 0 && errno != ENOENT)
    return fail(w->place, "removing", key, err);
  w->leftovers.abandoned++;
  w->leftovers.bytes += (uint64_t)st->st_size;
  return 0;
}

static int file_sweep(struct place *place, const char *prefix, bool remove,
                      struct place_leftovers *ret, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct walk w = {.place = place,
                   .arena = arena,
                   .prefix = prefix,
                   .temporary = true,
                   .remove = remove,
                   .visit = sweep_one};
  if (walk_dir(&w, "", err) < 0)
    return -1;
  *ret = w.leftovers;
  return 0;
}

/* ---- the place ---- */

static int file_free_bytes(struct place *place, uint64_t *ret_bytes, struct err *err)
{
  UNUSED(err);
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  if (fs_free_bytes(place->root, ret_bytes, &ignored) < 0)
    *ret_bytes = UINT64_MAX;
  return 0;
}

static char *file_local_dir(struct place *place, struct arena *arena, const char *prefix,
                            struct err *err)
{
  char *path = full_path(place, arena, prefix);
  if (make_dirs(path) < 0) {
    fail(place, "making the directory", prefix, err);
    return NULL;
  }
  return path;
}

const struct place_ops place_file_ops = {
    .writer = file_writer,
    .hold = file_hold,
    .get = file_get,
    .get_range = file_get_range,
    .exists = file_exists,
    .size = file_size,
    .list = file_list,
    .remove = file_remove,
    .remove_dir = file_remove_dir,
    .sweep = file_sweep,
    .free_bytes = file_free_bytes,
    .advise = place_file_advise,
    .local_dir = file_local_dir,
};

/* Rows of a production database must not go into a commit by `git add -A`. */
static int hide_from_git(struct place *place, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  char *git = fs_find_upward(arena, place->root, ".git");
  char *ignore = fs_join(arena, place->root, ".gitignore");
  if (!git)
    return 0;
  if (strcmp(fs_dirname(arena, git), place->root) == 0) {
    err_set(err, ERR_USAGE, "%s: a place cannot be the top directory of a git work tree",
            place->name);
    return err_hint(err, "Use a directory inside or outside of it: --store file:%s/backups.",
                    place->root);
  }
  if (fs_exists(ignore) || (access(place->root, W_OK) < 0))
    return 0;
  if (fs_write_atomic(ignore, "*\n", 2, 0600, err) < 0) {
    err_recode(err, ERR_STORE);
    return err_wrap(err, "%s", place->name);
  }
  return 0;
}

/* Removes "/." and doubled and trailing slashes, so that one directory has one name. */
static char *tidy_path(struct arena *arena, const char *path)
{
  char *out = arena_alloc(arena, strlen(path) + 2);
  size_t len = 0;
  for (const char *p = path; *p;) {
    size_t n = strcspn(p, "/");
    if (n && !(n == 1 && p[0] == '.')) {
      out[len++] = '/';
      memcpy(out + len, p, n);
      len += n;
    }
    p += n + (p[n] == '/');
  }
  if (len == 0)
    out[0] = '/';
  return out;
}

int place_file_open(const char *path, struct place **ret_place, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(place_closep) struct place *place = x_calloc(1, sizeof(*place));
  place->ops = &place_file_ops;
  place->root = x_strdup(tidy_path(arena, fs_absolute(arena, path)));
  place->name = x_printf("file:%s", place->root);
  if (make_dirs(place->root) < 0)
    return fail(place, "making the directory", "", err);
  if (hide_from_git(place, err) < 0)
    return -1;
  *ret_place = TAKE(place);
  return 0;
}
