/* Recipients and identities: parsed, made, read from files. */
#include "store/age_private.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <strings.h>

int age_identity_new(struct age_identity *ret, struct err *err)
{
  if (RAND_priv_bytes(ret->secret, AGE_KEY_BYTES) != 1)
    return age_crypto_failed("the random generator", err);
  return age_public_key(ret, err);
}

int age_identity_parse(const char *text, struct age_identity *ret, struct err *err)
{
  if (!age_bech32_decode("AGE-SECRET-KEY-", text, ret->secret))
    return err_set(err, ERR_USAGE, "not an identity of age (AGE-SECRET-KEY-1...)");
  return age_public_key(ret, err);
}

int age_recipient_parse(const char *text, struct age_recipient *ret, struct err *err)
{
  if (age_bech32_decode("age", text, ret->key))
    return 0;
  if (strncasecmp(text, "AGE-SECRET-KEY-", 15) == 0) { /* never shown */
    err_set(err, ERR_USAGE, "a secret key stands where a recipient should");
    return err_hint(err, "Recipients are public keys (age1...): age-keygen -y FILE prints them.");
  }
  err_set(err, ERR_USAGE, "\"%.80s\" is not a recipient of age (age1...)", text);
  return err_hint(err, "age-keygen prints one as \"public key\"; other kinds of recipients are not"
                       " supported.");
}

void age_recipient_text(const struct age_recipient *recipient, char ret[AGE_RECIPIENT_TEXT])
{
  char text[AGE_BECH32_MAX + 1];
  age_bech32_encode("age", recipient->key, text);
  memcpy(ret, text, AGE_RECIPIENT_TEXT);
}

int age_recipients_add(struct age_recipients *recipients, const struct age_recipient *recipient,
                       struct err *err)
{
  for (size_t i = 0; i < recipients->len; i++)
    if (memcmp(&recipients->at[i], recipient, sizeof(*recipient)) == 0)
      return 0;
  if (recipients->len == AGE_RECIPIENTS_MAX)
    return err_set(err, ERR_USAGE, "more than %d recipients", AGE_RECIPIENTS_MAX);
  recipients->at[recipients->len++] = *recipient;
  return 0;
}

/* Each line that counts, without the blanks around it. */
static int each_line(const char *name, const char *text,
                     int (*take)(void *context, const char *line, struct err *err), void *context,
                     struct err *err)
{
  size_t found = 0;
  for (int number = 1; *text; number++) {
    size_t len = strcspn(text, "\n"), from = strspn(text, " \t"), to = len;
    while (to > from && strchr(" \t\r", text[to - 1]))
      to--;
    if (to > from && text[from] != '#') {
      CLEANUP(free_ptr) char *line = x_strndup(text + from, to - from);
      int rc = take(context, line, err);
      OPENSSL_cleanse(line, to - from);
      if (rc < 0)
        return err_wrap(err, "%s:%d", name, number);
      found++;
    }
    text += len + (text[len] == '\n');
  }
  return found ? 0 : err_set(err, ERR_USAGE, "%s holds no key", name);
}

static int take_recipient(void *context, const char *line, struct err *err)
{
  struct age_recipient recipient;
  if (age_recipient_parse(line, &recipient, err) < 0)
    return -1;
  return age_recipients_add(context, &recipient, err);
}

int age_recipients_read(const char *name, const char *text, struct age_recipients *recipients,
                        struct err *err)
{
  return each_line(name, text, take_recipient, recipients, err);
}

static int take_identity(void *context, const char *line, struct err *err)
{
  struct age_identities *identities = context;
  if (identities->len == AGE_IDENTITIES_MAX)
    return err_set(err, ERR_USAGE, "more than %d identities", AGE_IDENTITIES_MAX);
  if (age_identity_parse(line, &identities->at[identities->len], err) < 0)
    return -1;
  identities->len++;
  return 0;
}

int age_identities_read(const char *name, const char *text, struct age_identities *identities,
                        struct err *err)
{
  return each_line(name, text, take_identity, identities, err);
}

void age_identities_clear(struct age_identities *identities)
{
  OPENSSL_cleanse(identities, sizeof(*identities));
}
