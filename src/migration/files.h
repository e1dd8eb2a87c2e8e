/* Migration files as both formats read them. Private to migration/. */
#pragma once

#include "migration/migration.h"

extern const struct migration_format migration_prisma, migration_plain;

/* Reads one SQL file and adds it. ERR_USAGE for what cannot be SQL text (NUL bytes, UTF-16). */
int migration_add_file(struct arena *arena, const char *name, const char *path,
                       struct migrations *files, struct err *err);
/* Names in a migrations directory without hidden ones, sorted; ERR_USAGE when it is not there. */
int migration_list(struct arena *arena, const char *dir, struct strings *ret, struct err *err);
