#include "base/glob.h"

#include <sys/stat.h>

#include "base/base.h"
#include "base/fs.h"

bool glob_has_magic(const char *text)
{
  return strpbrk(text, "*?[") != NULL;
}

/* The character class at `at`, behind its [; *ret_end is behind its ]. Without one [ stands for
 * itself. */
static bool class_matches(const char *at, char c, const char **ret_end)
{
  bool negated = *at == '!' || *at == '^', found = false;
  const char *p = at + negated, *first = p;
  for (; *p && (*p != ']' || p == first); p++) {
    bool range = p[1] == '-' && p[2] && p[2] != ']';
    unsigned char low = (unsigned char)*p, high = (unsigned char)(range ? p[2] : *p);
    found = found || (low <= (unsigned char)c && (unsigned char)c <= high);
    p += range ? 2 : 0;
  }
  if (!*p) {
    *ret_end = at;
    return c == '[';
  }
  *ret_end = p + 1;
  return found != negated && c != '/';
}

/* One pattern character that stands for exactly one; *ret_end is behind it. */
static bool one_matches(const char *pattern, char c, const char **ret_end)
{
  *ret_end = pattern + 1;
  if (*pattern == '?')
    return c != '/';
  if (*pattern == '[')
    return class_matches(pattern + 1, c, ret_end);
  if (*pattern == '\\' && pattern[1]) {
    *ret_end = pattern + 2;
    return pattern[1] == c;
  }
  return *pattern == c;
}

/* Goes back to the last * or to the last **, of each only the last: what an earlier one could
 * take more, the later one can take as well. */
bool glob_match(const char *pattern, const char *path)
{
  const char *star = NULL, *star_at = NULL, *tree = NULL, *tree_at = NULL, *next;
  for (;;) {
    if (strncmp(pattern, "**", 2) == 0) {
      pattern += 2 + (pattern[2] == '/');
      tree = pattern;
      tree_at = path;
      star = NULL;
    } else if (*pattern == '*') {
      star = ++pattern;
      star_at = path;
    } else if (*pattern && *path && one_matches(pattern, *path, &next)) {
      pattern = next;
      path++;
    } else if (!*pattern && !*path) {
      return true;
    } else if (star && *star_at && *star_at != '/') {
      path = ++star_at;
      pattern = star;
    } else if (tree && *tree_at) {
      /* `**` before a slash takes whole names only */
      bool whole = tree[-1] == '/';
      tree_at += whole ? strcspn(tree_at, "/") : 1;
      tree_at += whole && *tree_at == '/';
      path = tree_at;
      pattern = tree;
      star = NULL;
    } else {
      return false;
    }
  }
}

bool glob_match_below(const char *pattern, const char *path)
{
  CLEANUP(free_ptr) char *part = x_strndup(path, strlen(path));
  size_t len = strlen(pattern);
  CLEANUP(free_ptr)
  char *plain = x_strndup(pattern, len > 1 && pattern[len - 1] == '/' ? len - 1 : len);
  for (;;) {
    if (glob_match(plain, part))
      return true;
    char *slash = strrchr(part, '/');
    if (!slash || slash == part)
      return false;
    *slash = '\0';
  }
}

struct search {
  struct arena *arena;
  const char *pattern;
  struct strings *found;
};

static bool shows_hidden(const char *pattern)
{
  return pattern[0] == '.' || strstr(pattern, "/.") != NULL;
}

/* Links to directories are not followed: they may lead round. */
static bool is_real_dir(const char *path)
{
  struct stat st;
  return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int search_dir(const struct search *search, const char *dir, int depth, struct err *err)
{
  struct strings names = {0};
  if (depth > GLOB_DEPTH_MAX || !fs_is_dir(*dir ? dir : "."))
    return 0;
  if (fs_list(search->arena, *dir ? dir : ".", &names, err) < 0)
    return -1;
  for (size_t i = 0; i < names.len; i++) {
    const char *path = *dir ? fs_join(search->arena, dir, names.at[i]) : names.at[i];
    if (names.at[i][0] == '.' && !shows_hidden(search->pattern))
      continue;
    if (is_real_dir(path)) {
      if (search_dir(search, path, depth + 1, err) < 0)
        return -1;
    } else if (glob_match(search->pattern, path)) {
      if (search->found->len == GLOB_MATCHES_MAX)
        return err_set(err, ERR_USAGE, "%s: matches more than %d files", search->pattern,
                       GLOB_MATCHES_MAX);
      vec_push(search->arena, search->found, path);
    }
  }
  return 0;
}

int glob_files(struct arena *arena, const char *pattern, struct strings *ret, struct err *err)
{
  struct strings found = {0};
  struct search search = {arena, pattern, &found};
  size_t plain = strcspn(pattern, "*?["), len = plain;
  while (len > 0 && pattern[len - 1] != '/') /* the names before the first magic one */
    len--;
  while (len > 1 && pattern[len - 1] == '/')
    len--;
  if (search_dir(&search, arena_strndup(arena, pattern, len), 0, err) < 0)
    return -1;
  *ret = found;
  return 0;
}
