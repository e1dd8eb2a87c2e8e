/* Back to the state before of wrappers, servers and foreign tables; and what cannot be brought
 * back because it holds a secret. */
#include "inverse/round.h"

#include "sql/quote.h"

struct option {
  const char *name, *value; /* as in OPTIONS (...): quoted */
};
VEC_TYPE(foreign_options, struct option);

/* Past a name or a string: its end is the first `end` outside of quotes. */
static size_t length_to(const char *s, char end)
{
  size_t len = 0;
  bool escapes = s[0] == 'E' && s[1] == '\'';
  for (char quote = 0; s[len] && (quote || s[len] != end); len++) {
    if (escapes && quote && s[len] == '\\' && s[len + 1])
      len++;
    else if (quote ? s[len] == quote : (s[len] == '\'' || s[len] == '"'))
      quote = quote ? 0 : s[len];
  }
  return len;
}

/* "name 'value', name E'value'" */
static struct foreign_options options_of(struct arena *arena, const char *text)
{
  struct foreign_options options = {0};
  for (const char *p = text ? text : ""; *p;) {
    size_t name_len = length_to(p, ' ');
    const char *value = p + name_len + (p[name_len] == ' ');
    size_t value_len = length_to(value, ',');
    vec_push(arena, &options,
             ((struct option){arena_strndup(arena, p, name_len),
                              arena_strndup(arena, value, value_len)}));
    p = value + value_len;
    p += strspn(p, ", ");
  }
  return options;
}

static const char *value_of(const struct foreign_options *options, const char *name)
{
  for (size_t i = 0; i < options->len; i++)
    if (strcmp(options->at[i].name, name) == 0)
      return options->at[i].value;
  return NULL;
}

static void add_action(struct text *list, const char *action, const char *name, const char *value)
{
  text_printf(list, "%s%s %s%s%s", list->len ? ", " : "", action, name, value ? " " : "",
              value ? value : "");
}

void alter_foreign_options(struct round *r, const struct catalog_change *c, const char *alter)
{
  if (!round_changed(c, "foreign_options"))
    return;
  struct foreign_options now = options_of(r->arena, catalog_get(c->after, "foreign_options"));
  struct foreign_options goal = options_of(r->arena, catalog_get(c->before, "foreign_options"));
  CLEANUP(text_clear) struct text list = TEXT_INIT;
  for (size_t i = 0; i < now.len; i++)
    if (!value_of(&goal, now.at[i].name))
      add_action(&list, "DROP", now.at[i].name, NULL);
  for (size_t i = 0; i < goal.len; i++) {
    const char *had = value_of(&now, goal.at[i].name);
    if (!had || strcmp(had, goal.at[i].value) != 0)
      add_action(&list, had ? "SET" : "ADD", goal.at[i].name, goal.at[i].value);
  }
  if (list.len)
    round_emit(r, INVERSE_AFTER_DATA, round_note(r, c->before, "had other options"),
               "%s OPTIONS (%s)", alter, list.data);
}

static void alter_wrapper(struct round *r, const struct catalog_change *c)
{
  static const struct {
    const char *property, *word;
  } functions[] = {{"handler", "HANDLER"}, {"validator", "VALIDATOR"}};
  const char *alter = arena_printf(r->arena, "ALTER FOREIGN DATA WRAPPER %s", c->before->identity);
  for (size_t i = 0; i < COUNT_OF(functions); i++) {
    const char *goal = catalog_get(c->before, functions[i].property);
    if (round_changed(c, functions[i].property))
      round_emit(r, INVERSE_AFTER_DATA, round_note(r, c->before, "had other functions"),
                 "%s %s%s%s%s", alter, goal ? "" : "NO ", functions[i].word, goal ? " " : "",
                 goal ? goal : "");
  }
  alter_foreign_options(r, c, alter);
}

static void alter_server(struct round *r, const struct catalog_change *c)
{
  const char *alter = arena_printf(r->arena, "ALTER SERVER %s", c->before->identity);
  const char *version = catalog_get(c->before, "version");
  if (round_changed(c, "version") && version)
    round_emit(r, INVERSE_AFTER_DATA, round_note(r, c->before, "had another version"),
               "%s VERSION %s", alter, sql_literal(r->arena, version));
  alter_foreign_options(r, c, alter);
}

void alter_foreign(struct round *r, const struct catalog_change *c, enum inverse_phase phase)
{
  if (round_changed(c, "secret_options") || round_changed(c, "conninfo")) {
    if (phase == INVERSE_BEFORE_DATA)
      vec_push(r->arena, &r->refusals,
               round_note(r, c->before,
                          "was changed: belay does not write its secret into a rollback, so it"
                          " cannot be brought back"));
    return;
  }
  if (phase != INVERSE_AFTER_DATA)
    return;
  if (c->after->kind == CATALOG_FOREIGN_WRAPPER)
    alter_wrapper(r, c);
  else if (c->after->kind == CATALOG_FOREIGN_SERVER)
    alter_server(r, c);
}

bool round_refuses_secret(struct round *r, const struct catalog_object *o)
{
  if (o->kind != CATALOG_USER_MAPPING && o->kind != CATALOG_SUBSCRIPTION)
    return false;
  vec_push(r->arena, &r->refusals,
           round_note(r, o,
                      "was dropped: it holds a secret that belay does not write into a "
                      "rollback, so it cannot be made again"));
  return true;
}
