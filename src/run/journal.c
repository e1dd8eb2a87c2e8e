#include "run/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"

struct journal {
  int fd;
  const struct keys *keys; /* NULL: nothing is encrypted */
  char *path;
};

int journal_open(const char *path, const struct keys *keys, struct journal **ret_journal,
                 struct err *err)
{
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0)
    return err_errno(err, ERR_STORE, "opening the journal %s", path);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  if (fs_sync_dir(fs_dirname(arena, path), err) < 0) {
    close(fd);
    return err_recode(err, ERR_STORE);
  }
  struct journal *journal = x_calloc(1, sizeof(*journal));
  journal->fd = fd;
  journal->keys = keys_encrypt(keys) ? keys : NULL;
  journal->path = x_strdup(path);
  *ret_journal = journal;
  return 0;
}

void journal_close(struct journal *journal)
{
  if (!journal)
    return;
  close(journal->fd);
  free(journal->path);
  free(journal);
}

void journal_closep(struct journal **journal)
{
  journal_close(*journal);
  *journal = NULL;
}

/* Nothing that comes from a row, a schema or a server's message. */
static bool is_clear(const char *key)
{
  static const char *const keys[] = {"run",      "target",     "environment", "version",
                                     "stage",    "result",     "duration_ms", "file",
                                     "xid",      "snapshot",   "database",    "backup",
                                     "template", "rolls_back", "number",      "sqlstate",
                                     "by",       "schema",     "exit_code",   "since_snapshot_ms"};
  for (size_t i = 0; i < COUNT_OF(keys); i++)
    if (strcmp(key, keys[i]) == 0)
      return true;
  return false;
}

static void write_pair(struct jw *w, const char *key, const char *value)
{
  jw_key(w, key);
  if (value && value[0] == JOURNAL_RAW[0]) {
    jw_raw(w, value + 1);
  } else if (value) {
    CLEANUP(free_ptr) char *clean = log_redact(value);
    jw_string(w, clean);
  } else {
    jw_null(w);
  }
}

/* Writes the pairs that may be clear; the others, if any, go to *ret_secret as one object. */
static void write_pairs(const struct journal *journal, struct jw *w, struct text *ret_secret,
                        va_list args)
{
  struct jw secret = jw_begin(ret_secret);
  bool any = false;
  for (const char *key; (key = va_arg(args, const char *));) {
    const char *value = va_arg(args, const char *);
    bool clear = !journal->keys || is_clear(key) || !value;
    if (!clear && !any)
      jw_object(&secret);
    any = any || !clear;
    write_pair(clear ? w : &secret, key, value);
  }
  if (any)
    jw_end(&secret);
}

static int write_secret(const struct journal *journal, struct jw *w, const struct text *secret,
                        struct err *err)
{
  CLEANUP(text_clear) struct text sealed = TEXT_INIT, text = TEXT_INIT;
  if (!secret->len)
    return 0;
  if (keys_seal(journal->keys, secret->data, secret->len, &sealed, err) < 0)
    return -1;
  age_to_text(sealed.data, sealed.len, &text);
  jw_key_string(w, "sealed", text.data);
  return 0;
}

int journal_write(struct journal *journal, struct err *err, const char *event, ...)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(text_clear) struct text line = TEXT_INIT, secret = TEXT_INIT;
  struct jw w = jw_begin(&line);
  jw_object(&w);
  jw_key_int(&w, "schema", 1);
  jw_key_string(&w, "at", clock_iso8601(arena, clock_wall_us()));
  jw_key_string(&w, "event", event);
  va_list args;
  va_start(args, event);
  write_pairs(journal, &w, &secret, args);
  va_end(args);
  if (write_secret(journal, &w, &secret, err) < 0)
    return err_wrap(err, "journal %s", journal->path);
  jw_end(&w);
  text_putc(&line, '\n');
  if (fs_write_all(journal->fd, line.data, line.len, err) < 0) {
    err_wrap(err, "journal %s", journal->path);
    return err_recode(err, ERR_STORE);
  }
  if (fdatasync(journal->fd) < 0)
    return err_errno(err, ERR_STORE, "syncing the journal %s", journal->path);
  return 0;
}
