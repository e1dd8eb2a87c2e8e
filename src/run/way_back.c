/* Will the way back fit the rows? The proof has none, or hardly any; here they are. A column that
 * goes back to its old type must be able to, and a partition into its tree (or out of it): a value
 * that cannot be cast, or a row that lies elsewhere by now, would make every rollback fail. So the
 * steps are tried on the rows that the migration leaves, and undone. */
#include "base/log.h"
#include "run/apply.h"

static bool changes_types(const struct inverse *inverse)
{
  for (size_t i = 0; i < inverse->steps.len; i++)
    if (strncmp(inverse->steps.at[i].sql, "ALTER TABLE ", 12) == 0 &&
        strstr(inverse->steps.at[i].sql, " TYPE "))
      return true;
  return false;
}

/* Where no rows are written the partitions hold what they held. */
static bool moves_partitions(const struct run_file *file)
{
  const struct inverse *inverse = file->inverse;
  for (size_t i = 0; capture_plan_count(&file->capture) && i < inverse->steps.len; i++)
    if (strstr(inverse->steps.at[i].sql, " ATTACH PARTITION ") ||
        strstr(inverse->steps.at[i].sql, " DETACH PARTITION "))
      return true;
  return false;
}

static int try_steps(struct run *run, const struct inverse *inverse, struct err *err)
{
  for (size_t i = 0; i < inverse->steps.len; i++) {
    const struct inverse_step *step = &inverse->steps.at[i];
    /* a default taken from a sequence would use numbers up, which no ROLLBACK gives back */
    if (step->phase == INVERSE_BEFORE_DATA && !strstr(step->sql, "nextval(") &&
        db_run_statement(run->conn, run->arena, step->sql, NULL, NULL, err) < 0)
      return err_wrap(err, "%s", step->sql);
  }
  return 0;
}

static int refuse(struct run *run, const struct run_file *file, struct err *why, struct err *err)
{
  const char *name = file->migration->name;
  if (policy_allows(&run->env->policy, name)) {
    log_warning("%s: a rollback will fail: %s (allowed by name in policy %s)", file->name,
                why->message, run->env->policy.name);
    return 0;
  }
  err_set(err, ERR_REFUSED, "%s: a rollback would fail on the rows as they are then", file->name);
  err_detail(err, "%s", why->message);
  return err_hint(err, "%s, or accept it by name with inverse.allow: [%s] in the policy.",
                  changes_types(file->inverse)
                      ? "Keep the old column beside the new one until nobody needs the way back"
                      : "Write the rows in a migration of their own",
                  name);
}

int apply_try_way_back(struct run *run, const struct run_file *file, struct err *err)
{
  static const char back[] = "ROLLBACK TO SAVEPOINT belay_way_back; RELEASE SAVEPOINT"
                             " belay_way_back";
  CLEANUP(err_clear) struct err why = ERR_INIT;
  if (file->inverse->verdict == INVERSE_NONE ||
      (!changes_types(file->inverse) && !moves_partitions(file)))
    return 0;
  if (db_exec(run->conn, "SET CONSTRAINTS ALL IMMEDIATE; SAVEPOINT belay_way_back", err) < 0)
    return -1;
  int tried = try_steps(run, file->inverse, &why);
  if (db_is_lost(run->conn) || db_transaction_status(run->conn) == 'I') {
    err_move(err, &why);
    return -1;
  }
  if (db_exec(run->conn, back, err) < 0)
    return -1;
  /* what fails for another reason than a value (a lock, an event that is pending) says nothing */
  bool by_value =
      err_sqlstate_is(&why, "22") || err_sqlstate_is(&why, "23") || err_sqlstate_is(&why, "42846");
  return tried < 0 && by_value ? refuse(run, file, &why, err) : 0;
}
