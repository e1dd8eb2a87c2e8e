#include "base/suggest.h"

#include <ctype.h>

enum { SUGGEST_WORD_MAX = 64 }; /* longer words are not compared */

static int folded(char c)
{
  return c == '-' ? '_' : tolower((unsigned char)c);
}

static size_t min_of(size_t a, size_t b)
{
  return a < b ? a : b;
}

/* Levenshtein with swaps of neighbours, row by row. */
static size_t distance(const char *a, const char *b)
{
  size_t rows[3][SUGGEST_WORD_MAX + 1];
  size_t a_len = strlen(a), b_len = strlen(b);
  if (a_len > SUGGEST_WORD_MAX || b_len > SUGGEST_WORD_MAX)
    return SIZE_MAX;
  for (size_t j = 0; j <= b_len; j++)
    rows[0][j] = j;
  for (size_t i = 1; i <= a_len; i++) {
    size_t *row = rows[i % 3], *before = rows[(i + 2) % 3], *two_before = rows[(i + 1) % 3];
    row[0] = i;
    for (size_t j = 1; j <= b_len; j++) {
      bool same = folded(a[i - 1]) == folded(b[j - 1]);
      row[j] = min_of(min_of(before[j] + 1, row[j - 1] + 1), before[j - 1] + !same);
      if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) &&
          folded(a[i - 2]) == folded(b[j - 1]))
        row[j] = min_of(row[j], two_before[j - 2] + 1);
    }
  }
  return rows[a_len % 3][b_len];
}

const char *suggest_word(const char *word, const char *const *known, size_t count)
{
  const char *best = NULL;
  size_t best_distance =
      strlen(word) / 3 + 2; /* must be below: one slip in short words, more in long ones */
  for (size_t i = 0; i < count; i++) {
    size_t d = distance(word, known[i]);
    if (d < best_distance && d < strlen(known[i])) {
      best = known[i];
      best_distance = d;
    }
  }
  return best;
}
