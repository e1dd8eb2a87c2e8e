#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/suggest.h"
#include "lint/check.h"

/* In the order of `belay explain`. */
#define FAMILIES(X)                                                                                \
  X(destructive)                                                                                   \
  X(data)                                                                                          \
  X(index)                                                                                         \
  X(index_design)                                                                                  \
  X(constraint)                                                                                    \
  X(foreign_key)                                                                                   \
  X(not_null)                                                                                      \
  X(domain)                                                                                        \
  X(column)                                                                                        \
  X(type)                                                                                          \
  X(partition)                                                                                     \
  X(fails)                                                                                         \
  X(may_fail)                                                                                      \
  X(rename)                                                                                        \
  X(maintenance)                                                                                   \
  X(transaction)                                                                                   \
  X(window)                                                                                        \
  X(timeout)                                                                                       \
  X(version)                                                                                       \
  X(psql)                                                                                          \
  X(enum)                                                                                          \
  X(matview)                                                                                       \
  X(trigger)                                                                                       \
  X(security)                                                                                      \
  X(history)                                                                                       \
  X(design)                                                                                        \
  X(style)                                                                                         \
  X(meta)                                                                                          \
  X(observed)

#define DECLARE(family) extern const struct lint_family lint_family_##family;
FAMILIES(DECLARE)

#define ADDRESS(family) &lint_family_##family,
const struct lint_family *const lint_families[] = {FAMILIES(ADDRESS)};
const size_t lint_family_count = COUNT_OF(lint_families);

const struct lint_rule *lint_rule_next(const struct lint_rule *rule)
{
  bool found = rule == NULL;
  for (size_t f = 0; f < COUNT_OF(lint_families); f++) {
    for (size_t i = 0; i < lint_families[f]->rule_count; i++) {
      if (found)
        return &lint_families[f]->rules[i];
      found = &lint_families[f]->rules[i] == rule;
    }
  }
  return NULL;
}

enum { PART_LEN_MIN = 4, RULES_MAX = 256 }; /* shorter pieces are in too many names */

static const struct lint_rule *by_id[RULES_MAX];
static size_t by_id_count;

static int compare_ids(const void *a, const void *b)
{
  return strcmp((*(const struct lint_rule *const *)a)->id,
                (*(const struct lint_rule *const *)b)->id);
}

static void sort_by_id(void)
{
  for (const struct lint_rule *r = lint_rule_next(NULL); r; r = lint_rule_next(r)) {
    assert(by_id_count < RULES_MAX);
    by_id[by_id_count++] = r;
  }
  qsort(by_id, by_id_count, sizeof(*by_id), compare_ids);
}

const struct lint_rule *lint_rule_find(const char *id)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, sort_by_id);
  const struct lint_rule key = {.id = id}, *wanted = &key;
  const struct lint_rule **found =
      bsearch(&wanted, by_id, by_id_count, sizeof(*by_id), compare_ids);
  return found ? *found : NULL;
}

const char *lint_rule_suggest(const char *id)
{
  const char *ids[RULES_MAX];
  size_t count = 0;
  for (const struct lint_rule *r = lint_rule_next(NULL); r && count < RULES_MAX;
       r = lint_rule_next(r))
    ids[count++] = r->id;
  for (size_t i = 0; i < count && strlen(id) >= PART_LEN_MIN; i++)
    if (strstr(ids[i], id))
      return ids[i];
  return suggest_word(id, ids, count);
}
