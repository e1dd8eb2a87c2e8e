/* fs.h: files and directories, written so that a crash leaves the old or the new content, never
 * half. Errors carry the path; codes are ERR_UNEXPECTED unless the caller recodes (a store makes it
 * ERR_STORE). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"

enum { FS_READ_MAX = 256 * 1024 * 1024 }; /* largest file fs_read takes */

/* Whole file into the arena, NUL-terminated behind ret_len bytes. "-" is not special here. */
int fs_read(struct arena *arena, const char *path, char **ret_bytes, size_t *ret_len,
            struct err *err);
/* Hidden temp file beside it (".<name>.tmp-XXXXXX"), fsync, rename, fsync of the directory. mode
 * e.g. 0600. */
int fs_write_atomic(const char *path, const void *bytes, size_t len, unsigned mode,
                    struct err *err);
/* mkdir -p with mode for the directories made. */
int fs_mkdirs(const char *path, unsigned mode, struct err *err);
int fs_sync_dir(const char *path, struct err *err);
bool fs_exists(const char *path);
bool fs_is_dir(const char *path);
struct fs_entry {
  const char *name;
  bool is_dir; /* also a link to one */
};
VEC_TYPE(fs_entries, struct fs_entry);
/* What is in a directory but "." and "..", sorted bytewise. A missing directory is an error. */
int fs_entries(struct arena *arena, const char *path, struct fs_entries *ret, struct err *err);
/* Their names. */
int fs_list(struct arena *arena, const char *path, struct strings *ret_names, struct err *err);
int fs_remove_tree(const char *path, struct err *err); /* fine if absent; never follows links */
int fs_free_bytes(const char *path, uint64_t *ret_bytes,
                  struct err *err); /* for an unprivileged user */
char *fs_join(struct arena *arena, const char *dir,
              const char *name) MUST_CHECK; /* absolute name wins */
char *fs_dirname(struct arena *arena, const char *path) MUST_CHECK;
const char *fs_basename(const char *path);
char *fs_absolute(struct arena *arena, const char *path)
    MUST_CHECK; /* against the working directory; no link resolving */
/* The same without "." and ".." and double slashes, as far as the text tells. */
char *fs_clean(struct arena *arena, const char *path) MUST_CHECK;
/* Looks for `name` in dir and its parents; NULL if nowhere. Returns the full path. */
char *fs_find_upward(struct arena *arena, const char *dir, const char *name);
/* A fresh directory, mode 0700, under $TMPDIR or /tmp: "<prefix>XXXXXX". */
int fs_temp_dir(struct arena *arena, const char *prefix, char **ret_path, struct err *err);
/* Writes all bytes, retrying on EINTR and short writes. */
int fs_write_all(int fd, const void *bytes, size_t len, struct err *err);
