/* Migration files as both formats read them. Private to migration/. */
#pragma once

#include "base/fs.h"
#include "migration/migration.h"

extern const struct migration_format migration_prisma, migration_plain;

/* Reads one SQL file and adds it. ERR_USAGE for what cannot be SQL text (NUL bytes, UTF-16). */
int migration_add_file(struct arena *arena, const char *name, const char *path,
                       struct migrations *files, struct err *err);
/* What is in a migrations directory but hidden, sorted; ERR_USAGE when it is not there. */
int migration_list(struct arena *arena, const char *dir, struct fs_entries *ret, struct err *err);
