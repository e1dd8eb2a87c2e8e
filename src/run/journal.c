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
  char *path;
};

int journal_open(const char *path, struct journal **ret_journal, struct err *err)
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

static void write_pairs(struct jw *w, va_list args)
{
  for (const char *key; (key = va_arg(args, const char *));) {
    const char *value = va_arg(args, const char *);
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
}

int journal_write(struct journal *journal, struct err *err, const char *event, ...)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(text_clear) struct text line = TEXT_INIT;
  struct jw w = jw_begin(&line);
  jw_object(&w);
  jw_key_int(&w, "schema", 1);
  jw_key_string(&w, "at", clock_iso8601(arena, clock_wall_us()));
  jw_key_string(&w, "event", event);
  va_list args;
  va_start(args, event);
  write_pairs(&w, args);
  va_end(args);
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
