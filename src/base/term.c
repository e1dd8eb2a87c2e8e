#include "base/base.h"
#include "base/clock.h"
#include "base/term.h"

#include <sys/ioctl.h>
#include <unistd.h>

static bool colour_off, progress_off, progress_shown;
static int64_t progress_started_ms, progress_last_ms;
static char progress_what[64];

void term_disable_colour(void)
{
  colour_off = true;
}

void term_disable_progress(void)
{
  progress_off = true;
}

bool term_colour(int fd)
{
  const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
  return !colour_off && !(no && no[0]) && term && strcmp(term, "dumb") != 0 && isatty(fd);
}

int term_width(int fd)
{
  struct winsize size;
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void term_progress(const char *what, uint64_t done, uint64_t total, const char *unit)
{
  if (progress_off || !isatty(2))
    return;
  int64_t now = clock_monotonic_ms();
  if (strncmp(progress_what, what, sizeof(progress_what) - 1) != 0) {
    snprintf(progress_what, sizeof(progress_what), "%s", what);
    progress_started_ms = now;
  }
  if (now - progress_started_ms < 1000 || now - progress_last_ms < 100)
    return;
  progress_last_ms = now;
  int64_t elapsed = now - progress_started_ms;
  int64_t left_s = done && total > done
                       ? (int64_t)((double)elapsed / (double)done * (double)(total - done) / 1000.0)
                       : 0;
  fprintf(stderr, "\r\033[K%s: %" PRIu64 "/%" PRIu64 " %s, %" PRIu64 " %s/s", what, done, total,
          unit, done * 1000 / (uint64_t)elapsed, unit);
  if (left_s)
    fprintf(stderr, ", about %" PRId64 ":%02" PRId64 " left", left_s / 60, left_s % 60);
  fflush(stderr);
  progress_shown = true;
}

void term_progress_clear(void)
{
  if (!progress_shown)
    return;
  fputs("\r\033[K", stderr);
  progress_shown = false;
}

bool term_is_interactive(void)
{
  return isatty(0) && isatty(2);
}

bool term_confirm(const char *question)
{
  if (!term_is_interactive())
    return false;
  term_progress_clear();
  fprintf(stderr, "%s [y/N] ", question);
  fflush(stderr);
  char answer[16] = "";
  if (!fgets(answer, sizeof(answer), stdin))
    return false;
  return strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0 || strcmp(answer, "Y\n") == 0;
}
