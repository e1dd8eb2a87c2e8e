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
