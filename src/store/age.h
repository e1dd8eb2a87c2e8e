/* store/age.h: files encrypted to X25519 recipients in the format age-encryption.org/v1, made and
 * opened in memory, over OpenSSL. What is written here `age -d` opens, and the other way round.
 *
 *   struct age_recipients to = {0};      age_recipients_read(...) or age_recipient_parse(...)
 *   age_encrypt(&to, bytes, len, &out, err)
 *   age_decrypt(&with, bytes, len, &out, err)
 *
 * An encrypted file names nobody: whom it is for is known to its readers only.
 * Errors: ERR_SEALED: no identity opens it. ERR_DAMAGED: it is no such file, it is truncated or was
 * changed; nothing of it is handed out. ERR_USAGE: a key that is none; a message never holds a
 * secret one. Identities are secrets: age_identities_clear wipes them.
 */
#pragma once

#include "base/base.h"

enum {
  AGE_KEY_BYTES = 32,
  AGE_RECIPIENT_TEXT = 63, /* "age1..." and the NUL */
  AGE_RECIPIENTS_MAX = 32,
  AGE_IDENTITIES_MAX = 64,
  AGE_STANZAS_MAX = 64,
  AGE_HEADER_MAX = 64 * 1024,
  AGE_CHUNK_BYTES = 64 * 1024 /* of plain text; stored with a tag of 16 bytes */
};

struct age_recipient {
  unsigned char key[AGE_KEY_BYTES];
};

struct age_identity {
  unsigned char secret[AGE_KEY_BYTES];
  struct age_recipient recipient;
};

struct age_recipients {
  struct age_recipient at[AGE_RECIPIENTS_MAX];
  size_t len;
};

struct age_identities {
  struct age_identity at[AGE_IDENTITIES_MAX];
  size_t len;
};

/* One key; blanks around it are not allowed. */
int age_recipient_parse(const char *text, struct age_recipient *ret, struct err *err);
int age_identity_parse(const char *text, struct age_identity *ret, struct err *err);
void age_recipient_text(const struct age_recipient *recipient, char ret[AGE_RECIPIENT_TEXT]);
/* A new one, from the random generator. */
int age_identity_new(struct age_identity *ret, struct err *err);

/* Adds a recipient; one that is there already is not added again. */
int age_recipients_add(struct age_recipients *recipients, const struct age_recipient *recipient,
                       struct err *err);
/* Adds what a file of keys holds, one a line; empty lines and those that begin with # do not count.
 * `name` is for messages: "FILE:LINE: ...". None at all is ERR_USAGE. */
int age_recipients_read(const char *name, const char *text, struct age_recipients *recipients,
                        struct err *err);
int age_identities_read(const char *name, const char *text, struct age_identities *identities,
                        struct err *err);
void age_identities_clear(struct age_identities *identities);

/* Both replace what ret held. */
int age_encrypt(const struct age_recipients *recipients, const void *bytes, size_t len,
                struct text *ret, struct err *err);
int age_decrypt(const struct age_identities *identities, const void *bytes, size_t len,
                struct text *ret, struct err *err);
/* Any bytes in base64, for where text is wanted: base64 -d gives them back. Replaces what ret held.
 */
void age_to_text(const void *bytes, size_t len, struct text *ret);
/* Does it begin as such a file does? */
bool age_is_encrypted(const void *bytes, size_t len);
