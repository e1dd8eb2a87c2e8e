/* store/keys.h: who may read what a place holds: the recipients that it is encrypted for, and the
 * identities that open it.
 *
 *   struct keys_source source = {.recipients = ..., .identity_file = "/run/secrets/belay"};
 *   keys_open(&source, &keys, err);  place_set_keys(place, TAKE(keys));
 *
 * Whoever writes needs recipients only. Beside those that are named, everything is encrypted for a
 * key that lives in the memory of this process and ends with it: so a run reads its own backup and
 * its own captured rows back, where no identity is. Identities are looked for when something is to
 * be opened that this key does not open.
 * Errors: those of store/age.h; ERR_USAGE too when the file cannot be read or the command fails.
 */
#pragma once

#include "store/age.h"

struct keys;

struct keys_source {
  struct strings recipients;    /* "age1...", or files of them */
  const char *identity_file;    /* as age-keygen writes it, several are possible; NULL: none */
  const char *identity_command; /* for sh; prints such a file; NULL: none */
};

int keys_open(const struct keys_source *source, struct keys **ret, struct err *err);
void keys_free(struct keys *keys); /* NULL is fine, here and below; secrets are wiped */
void keys_freep(struct keys **keys);

/* Is what is written encrypted? */
bool keys_encrypt(const struct keys *keys);
/* The recipients that are named, as "age1...". */
struct strings keys_recipients(struct arena *arena, const struct keys *keys);
/* Reads the identities now, if some are named. *ret_count: how many there are. */
int keys_load(struct keys *keys, size_t *ret_count, struct err *err);

/* The file that is named as the identity's; NULL: none. */
const char *keys_identity_file(const struct keys *keys);
/* Do the identities, after keys_load, open what is encrypted for the recipients that are named? */
int keys_open_own(const struct keys *keys, bool *ret_opens, struct err *err);

/* Both replace what ret held. Thread-safe. */
int keys_seal(const struct keys *keys, const void *bytes, size_t len, struct text *ret,
              struct err *err);
int keys_unseal(struct keys *keys, const void *bytes, size_t len, struct text *ret,
                struct err *err);
