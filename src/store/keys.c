#include "store/keys.h"

#include <pthread.h>
#include <strings.h>

#include "base/fs.h"
#include "base/spawn.h"

struct keys {
  struct age_recipients named;
  struct age_recipients all; /* and our own */
  struct age_identities own; /* of this process */
  struct age_identities loaded;
  char *identity_file, *identity_command;
  bool is_loaded;
  pthread_mutex_t mutex; /* guards loading */
};

/* ---- opening ---- */

static int add_recipient(struct age_recipients *recipients, const char *name, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct age_recipient recipient;
  char *text;
  size_t len;
  if (strncmp(name, "age1", 4) == 0)
    return age_recipient_parse(name, &recipient, err) < 0
               ? -1
               : age_recipients_add(recipients, &recipient, err);
  if (!fs_exists(name)) {
    err_set(err, ERR_USAGE, "recipient \"%.80s\" is neither a key (age1...) nor a file of them",
            strncasecmp(name, "AGE-SECRET-KEY-", 15) == 0 ? "AGE-SECRET-KEY-..." : name);
    return err_hint(err, "Recipients are public keys: age-keygen -y FILE prints them.");
  }
  if (fs_read(arena, name, &text, &len, err) < 0)
    return err_recode(err, ERR_USAGE);
  return age_recipients_read(name, text, recipients, err);
}

static int check_source(const struct keys_source *source, struct err *err)
{
  const char *file = source->identity_file, *command = source->identity_command;
  if (command && strstr(command, "AGE-SECRET-KEY-1")) {
    err_set(err, ERR_USAGE, "a command that prints an identity holds the identity itself");
    return err_hint(err, "Everybody sees commands: put it into a file that only you can read.");
  }
  if (!file || strncmp(file, "AGE-SECRET-KEY-", 15) != 0)
    return 0;
  err_set(err, ERR_USAGE, "an identity is named by its file, not given itself");
  return err_hint(err, "Put it into a file that only you can read, and name that.");
}

int keys_open(const struct keys_source *source, struct keys **ret, struct err *err)
{
  CLEANUP(keys_freep) struct keys *keys = x_calloc(1, sizeof(*keys));
  pthread_mutex_init(&keys->mutex, NULL);
  keys->identity_file = source->identity_file ? x_strdup(source->identity_file) : NULL;
  keys->identity_command = source->identity_command ? x_strdup(source->identity_command) : NULL;
  if (check_source(source, err) < 0)
    return -1;
  for (size_t i = 0; i < source->recipients.len; i++)
    if (add_recipient(&keys->named, source->recipients.at[i], err) < 0)
      return -1;
  keys->all = keys->named;
  if (keys->named.len) {
    if (age_identity_new(&keys->own.at[0], err) < 0 ||
        age_recipients_add(&keys->all, &keys->own.at[0].recipient, err) < 0)
      return -1;
    keys->own.len = 1;
  }
  *ret = TAKE(keys);
  return 0;
}

void keys_free(struct keys *keys)
{
  if (!keys)
    return;
  age_identities_clear(&keys->own);
  age_identities_clear(&keys->loaded);
  free(keys->identity_file);
  free(keys->identity_command);
  pthread_mutex_destroy(&keys->mutex);
  free(keys);
}

void keys_freep(struct keys **keys)
{
  keys_free(*keys);
  *keys = NULL;
}

bool keys_encrypt(const struct keys *keys)
{
  return keys && keys->named.len > 0;
}

struct strings keys_recipients(struct arena *arena, const struct keys *keys)
{
  struct strings recipients = {0};
  for (size_t i = 0; keys && i < keys->named.len; i++) {
    char text[AGE_RECIPIENT_TEXT];
    age_recipient_text(&keys->named.at[i], text);
    vec_push(arena, &recipients, arena_strdup(arena, text));
  }
  return recipients;
}

/* ---- identities ---- */

static void wipe(char *text, size_t len)
{
  volatile char *p = text;
  while (len--)
    *p++ = 0;
}

/* Lines that are no keys (what a password manager says beside) do not count; nothing of what it
 * prints is shown. */
static int load_from_command(struct keys *keys, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(text_clear) struct text lines = TEXT_INIT;
  const char *const argv[] = {"/bin/sh", "-c", keys->identity_command, NULL};
  const struct spawn spawn = {.argv = argv, .capture = true, .inherit_stdin = true};
  struct spawn_result done;
  if (spawn_run(arena, &spawn, &done, err) < 0)
    return err_wrap(err, "the command that prints the identity");
  for (char *p = done.output; *p; p += strcspn(p, "\n"), p += *p == '\n')
    if (strncmp(p, "AGE-SECRET-KEY-", 15) == 0)
      text_printf(&lines, "%.*s\n", (int)strcspn(p, "\n"), p);
  int rc = done.exit_code
               ? err_set(err, ERR_USAGE, "the command that prints the identity ended with %d",
                         done.exit_code)
               : age_identities_read("the output of the command that prints the identity",
                                     lines.data, &keys->loaded, err);
  wipe(done.output, done.output_len);
  wipe(lines.data, lines.len);
  return rc < 0 ? err_hint(err, "Try it: sh -c '%s'", keys->identity_command) : 0;
}

static int load_from_file(struct keys *keys, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  char *text;
  size_t len;
  if (fs_read(arena, keys->identity_file, &text, &len, err) < 0) {
    err_recode(err, ERR_USAGE);
    return err_wrap(err, "the identity");
  }
  int rc = age_identities_read(keys->identity_file, text, &keys->loaded, err);
  wipe(text, len);
  return rc;
}

static int load(struct keys *keys, struct err *err)
{
  if (keys->is_loaded)
    return 0;
  keys->loaded.len = 0;
  if ((keys->identity_file && load_from_file(keys, err) < 0) ||
      (keys->identity_command && load_from_command(keys, err) < 0))
    return -1;
  keys->is_loaded = true;
  return 0;
}

int keys_load(struct keys *keys, size_t *ret_count, struct err *err)
{
  *ret_count = 0;
  if (!keys)
    return 0;
  pthread_mutex_lock(&keys->mutex);
  int rc = load(keys, err);
  pthread_mutex_unlock(&keys->mutex);
  *ret_count = keys->loaded.len;
  return rc;
}

const char *keys_identity_file(const struct keys *keys)
{
  return keys ? keys->identity_file : NULL;
}

int keys_open_own(const struct keys *keys, bool *ret_opens, struct err *err)
{
  static const char probe[] = "belay tries whether an identity opens what it encrypts\n";
  CLEANUP(text_clear) struct text sealed = TEXT_INIT, plain = TEXT_INIT;
  CLEANUP(err_clear) struct err closed = ERR_INIT;
  *ret_opens = false;
  if (!keys_encrypt(keys))
    return 0;
  if (age_encrypt(&keys->named, probe, sizeof(probe), &sealed, err) < 0)
    return -1;
  *ret_opens = age_decrypt(&keys->loaded, sealed.data, sealed.len, &plain, &closed) == 0;
  return 0;
}

/* ---- sealing ---- */

int keys_seal(const struct keys *keys, const void *bytes, size_t len, struct text *ret,
              struct err *err)
{
  return age_encrypt(&keys->all, bytes, len, ret, err);
}

int keys_unseal(struct keys *keys, const void *bytes, size_t len, struct text *ret, struct err *err)
{
  static const struct age_identities none = {0};
  CLEANUP(err_clear) struct err not_ours = ERR_INIT;
  size_t count;
  if (age_decrypt(keys ? &keys->own : &none, bytes, len, ret, &not_ours) == 0)
    return 0;
  if (not_ours.code != ERR_SEALED) {
    err_move(err, &not_ours);
    return -1;
  }
  if (keys_load(keys, &count, err) < 0)
    return -1;
  return age_decrypt(keys ? &keys->loaded : &none, bytes, len, ret, err);
}
