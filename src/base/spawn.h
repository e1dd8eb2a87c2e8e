/* spawn.h: other programs. Arguments are passed as an array, never through a shell.
 *
 *   struct spawn s = {.argv = argv, .capture = true};
 *   if (spawn_run(arena, &s, &result, err) < 0) ...      // could not be started
 *   if (result.exit_code != 0) ...                       // it ran and said no, or result.timed_out
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/vec.h"

struct spawn {
  const char *const
      *argv; /* NULL-terminated; argv[0] looked up in our PATH, or a path as seen from here */
  const char *const
      *env; /* NULL-terminated "NAME=value" to add or replace; "NAME" alone removes; may be NULL */
  const char *dir;     /* working directory, NULL = ours */
  const char *as_user; /* run as this user when we are root; NULL = no change */
  const char *input;   /* bytes for stdin, NULL = /dev/null unless inherit_stdin */
  bool inherit_stdin;
  bool capture;         /* stdout and stderr together into result.output; else passed through */
  bool own_group;       /* its own process group: signals to us are passed on to the group */
  bool after_interrupt; /* a signal that came before the start is no reason to end it (hooks,
                           cleaning up) */
  int64_t timeout_ms;   /* 0 = none; on expiry TERM, then KILL after 5 s, to the group */
};

struct spawn_result {
  int exit_code; /* 128 + signal when killed by one */
  int signal;    /* 0 when it exited */
  bool timed_out;
  char *output; /* capture: at most SPAWN_OUTPUT_MAX bytes, the rest is dropped; in the arena */
  size_t output_len;
};

enum {
  SPAWN_OUTPUT_MAX = 16 * 1024 * 1024,
  SPAWN_INPUT_MAX = 1024 * 1024, /* more is an error */
};

/* Returns when the program has ended (a time-out is no error: timed_out). Of a group that had to be
 * ended nobody is left. */
int spawn_run(struct arena *arena, const struct spawn *spec, struct spawn_result *ret_result,
              struct err *err);

/* For long-living children (a throw-away server): start, and later wait. Output goes to `log_path`
 * if set. */
int spawn_start(const struct spawn *spec, const char *log_path, pid_t *ret_pid, struct err *err);
/* Waits up to timeout_ms (-1 = for ever); ret_exit_code as above. Returns -1 on time-out. */
int spawn_wait(pid_t pid, int64_t timeout_ms, int *ret_exit_code, struct err *err);
/* Full path of a program in PATH; NULL if there is none. */
char *spawn_find(struct arena *arena, const char *program);
