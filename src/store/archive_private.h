/* archive_private.h: what the writer and the reader of archives must agree on. */
#pragma once

#include "store/archive.h"

/* An encrypted archive has a format of its own: a belay that knows no encryption says so. */
enum { ARCHIVE_FORMAT = 1, ARCHIVE_FORMAT_SEALED = 2, ARCHIVE_SCHEMA = 1, ARCHIVE_NAME_MAX = 80 };

/* The name of the member that holds an entry; `name` takes ARCHIVE_NAME_MAX bytes. -1: no such
 * kind, or an impossible name. */
int archive_member_name(const struct archive_entry *entry, bool sealed, char *name);
char *archive_segment_key(struct arena *arena, const char *prefix, int number);
char *archive_manifest_key(struct arena *arena, const char *prefix);
char *archive_sealed_key(struct arena *arena, const char *prefix); /* of manifest.json.age */
/* What of an encrypted archive's whole manifest is for everybody; without "sealed" and "self".
 * Caller decrefs. */
json_t *archive_clear_part(json_t *manifest);
/* SHA-256 of the canonical text of the manifest without its "self". */
void archive_self_hash(json_t *manifest, char ret_hex[STORE_SHA256_HEX]);
/* The parts of every (kind, object) are 0, 1, ...: nothing lost, nothing twice. */
int archive_check_parts(const struct archive_entry *entries, size_t count, struct err *err);
