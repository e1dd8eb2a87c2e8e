/* The public C API: belay/belay.h on top of the modules. Everything that it calls returns errors
 * and prints nothing. */
#include "belay/belay.h"

#include "lint/lint.h"
#include "run/proof.h"

struct belay_error {
  struct err err;
};

const char *belay_version(void)
{
  return BELAY_VERSION;
}

/* Gives the error to the caller, if the caller wants it. */
static int give(belay_error **ret, struct err *err)
{
  if (ret) {
    *ret = x_calloc(1, sizeof(**ret));
    err_move(&(*ret)->err, err);
  } else {
    err_clear(err);
  }
  return -1;
}

int belay_error_code(const belay_error *error)
{
  return error ? err_exit_code(error->err.code) : BELAY_OK;
}

const char *belay_error_message(const belay_error *error)
{
  return error && error->err.message ? error->err.message : "";
}

const char *belay_error_detail(const belay_error *error)
{
  return error ? error->err.detail : NULL;
}

const char *belay_error_hint(const belay_error *error)
{
  return error ? error->err.hint : NULL;
}

const char *belay_error_sqlstate(const belay_error *error)
{
  return error ? error->err.sqlstate : "";
}

void belay_error_free(belay_error *error)
{
  if (error)
    err_clear(&error->err);
  free(error);
}

void belay_free(char *string)
{
  free(string);
}

_Static_assert((int)BELAY_INFO == (int)LINT_INFO && (int)BELAY_WARNING == (int)LINT_WARNING &&
                   (int)BELAY_ERROR == (int)LINT_ERROR,
               "severities go out as they are");

static belay_finding finding_of(const struct lint_finding *f)
{
  return (belay_finding){
      .rule = f->rule->id,
      .severity = (int)f->severity,
      .file = f->file,
      .line = f->start.line,
      .column = f->start.column,
      .end_line = f->end.line,
      .end_column = f->end.column,
      .message = f->message,
      .hazard = f->rule->hazard,
      .safe = f->rule->safe,
      .lock = f->rule->lock,
      .relation = f->relation,
      .suppressed = f->suppressed,
      .reason = f->reason,
  };
}

/* The text may be gone after the call that brought it, what is made of it lives in the arena. */
static int read_script(struct arena *arena, const char *name, const char *sql, size_t len,
                       struct sql_script **ret, struct err *err)
{
  if (!sql && len)
    return err_set(err, ERR_USAGE, "no SQL is given");
  if (sql_script_read(arena, name ? arena_strdup(arena, name) : "-", arena_strndup(arena, sql, len),
                      len, ret, err) < 0)
    return err_recode(err, ERR_REFUSED);
  return 0;
}

int belay_lint(const char *name, const char *sql, size_t len, belay_finding_fn fn, void *context,
               belay_error **error)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(err_clear) struct err err = ERR_INIT;
  static const struct lint_settings settings = {.fail_on = LINT_OFF};
  struct sql_script *script = NULL;
  struct lint_report report;
  const struct lint_input input = {.scripts = &script, .count = 1};
  if (read_script(arena, name, sql, len, &script, &err) < 0 ||
      lint_scripts(arena, &settings, &input, &report, &err) < 0)
    return give(error, &err);
  for (size_t i = 0; fn && i < report.findings.len; i++) {
    belay_finding finding = finding_of(&report.findings.at[i]);
    if (fn(&finding, context) != 0)
      break;
  }
  return 0;
}

static int prove(struct arena *arena, const char *url, struct sql_script *script,
                 struct inverse **ret, struct err *err)
{
  struct db_target target;
  if (!url || !url[0])
    return err_set(err, ERR_USAGE, "no database is given");
  if (db_target_parse(arena, url, "database_url", &target, err) < 0)
    return -1;
  struct proof_request request = {.target = &target, .application_name = "belay_inverse"};
  CLEANUP(proof_closep) struct proof *proof = NULL;
  if (proof_open(arena, &request, &proof, err) < 0)
    return -1;
  return proof_script(proof, script, ret, err);
}

int belay_inverse(const char *database_url, const char *name, const char *sql, size_t len,
                  char **script, char **verdict, belay_error **error)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(err_clear) struct err err = ERR_INIT;
  struct sql_script *migration;
  struct inverse *inverse;
  if (read_script(arena, name, sql, len, &migration, &err) < 0 ||
      prove(arena, database_url, migration, &inverse, &err) < 0)
    return give(error, &err);
  if (script)
    *script = x_strdup(inverse_script_text(arena, inverse));
  if (verdict)
    *verdict = x_strdup(inverse_verdict_name(inverse->verdict));
  return 0;
}
