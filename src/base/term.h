/* term.h: what a terminal may be shown. Colour and progress only on a terminal, each stream judged
 * alone; NO_COLOR, TERM=dumb, --no-color and --no-progress are honoured. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define TERM_RESET "\033[0m"
#define TERM_BOLD "\033[1m"
#define TERM_DIM "\033[2m"
#define TERM_RED "\033[31m"
#define TERM_GREEN "\033[32m"
#define TERM_YELLOW "\033[33m"
#define TERM_CYAN "\033[36m"

void term_disable_colour(void);
void term_disable_progress(void);
bool term_colour(int fd);
int term_width(int fd); /* columns, 80 if unknown */
/* One progress line on stderr, redrawn at most 10 times a second, first after 1 s; nothing when not
 * on a terminal. */
void term_progress(const char *what, uint64_t done, uint64_t total, const char *unit);
void term_progress_clear(void);
/* Asks on the terminal; false when there is none or the answer is not y/yes. */
bool term_confirm(const char *question);
bool term_is_interactive(void); /* stdin and stderr are terminals */
