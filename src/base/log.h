/* log.h: the talk, on stderr. Only cli/ and run/ (and progress of long work) use it; libraries
 * return errors. Levels: -q shows only errors and warnings, -v adds debug. Secrets registered with
 * log_secret are printed as ***. */
#pragma once

#include "base/err.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
enum log_level log_level(void);
/* Copied; of more than LOG_SECRETS_MAX the oldest is forgotten. NULL and words below 3 bytes are
 * ignored: they would blank out ordinary text. */
void log_secret(const char *secret);
enum { LOG_SECRETS_MAX = 256 };

void log_print(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
#define log_error(...) log_print(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_print(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_print(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_print(LOG_DEBUG, __VA_ARGS__)

/* "error: message", "detail: ...", "hint: ..." */
void log_err(const struct err *err);
/* Replaces registered secrets in a string, and what follows "://user:", "password=" or
 * "PGPASSWORD=" in it; malloc'ed, caller frees. */
char *log_redact(const char *text) MUST_CHECK;
