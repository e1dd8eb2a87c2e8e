#include "run/run.h"

const char *run_database_state(enum err_code code)
{
  switch (err_exit_code(code)) {
  case 0:
    return "as wanted";
  case 6:
    return "as before";
  case 7:
    return "restored";
  case 8:
  case 9:
    return "changed";
  case 130:
  case 143:
    return "see belay status";
  default:
    return "untouched";
  }
}

char *run_database_words(struct arena *arena, enum err_code code)
{
  static const char phrase[] = "; the database is ";
  const char *state = run_database_state(code), *text = err_code_text(code);
  const char *again = strstr(text, phrase), *rest = again ? again + strlen(phrase) : NULL;
  if (!again || strncmp(rest, state, strlen(state)) != 0)
    return arena_printf(arena, "%s (%s)", state, text);
  return arena_printf(arena, "%s (%.*s%s)", state, (int)(again - text), text, rest + strlen(state));
}
