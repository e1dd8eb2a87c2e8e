/* glob.h: patterns of file names, as people write them in a configuration.
 *
 *   glob_match("prisma/migrations/2023*", path)
 *
 * `*` and `?` stand for what is inside one name, `**` for any names, also none; `[a-z]` and
 * `[!a-z]` for one character, `\` takes the next one as it is.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/vec.h"

enum { GLOB_MATCHES_MAX = 1000000, GLOB_DEPTH_MAX = 64 };

bool glob_has_magic(const char *text); /* holds one of * ? [ */
bool glob_match(const char *pattern, const char *path);
/* Matches the path, or a directory above it. */
bool glob_match_below(const char *pattern, const char *path);
/* The files that match, sorted; hidden names only where the pattern writes the dot. */
int glob_files(struct arena *arena, const char *pattern, struct strings *ret, struct err *err);
