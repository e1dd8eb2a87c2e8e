#include "backup/restore.h"

#include "base/interrupt.h"
#include "sql/script.h"

static bool begins(const char *sql, const char *with)
{
  return strncmp(sql, with, strlen(with)) == 0;
}

/* One identifier and nothing behind it? */
static bool is_identifier(const char *s)
{
  if (*s != '"')
    return *s && s[strcspn(s, " \t\n\"(),;.")] == '\0';
  for (s++; *s; s++) {
    if (*s != '"')
      continue;
    if (s[1] != '"')
      return s[1] == '\0';
    s++;
  }
  return false;
}

/* The text is the catalog's own, so its form is known: "ALTER TABLE public.orders OWNER TO
 * trader". */
bool restore_is_owner_statement(const char *sql)
{
  static const char owner_to[] = " OWNER TO ";
  if (begins(sql, "GRANT ") || begins(sql, "REVOKE ") || begins(sql, "ALTER DEFAULT PRIVILEGES "))
    return true;
  if (begins(sql, "DO ")) /* owner and privileges of schema public; settings of a role */
    return strstr(sql, "ALTER SCHEMA public OWNER TO ") || strstr(sql, "ALTER ROLE ");
  const char *last = NULL;
  for (const char *p = sql; (p = strstr(p, owner_to)); p++)
    last = p;
  return begins(sql, "ALTER ") && last && is_identifier(last + strlen(owner_to));
}

static int statement_error(const char *object, const char *sql, struct err *err)
{
  enum { SHOWN = 200 };
  if (!err->detail)
    err_detail(err, "statement: %.*s%s", SHOWN, sql, strlen(sql) > SHOWN ? " ..." : "");
  return err_wrap(err, "restoring %s", object);
}

/* The role that the server's message names, if it is one of those that do not exist here. */
static const char *absent_role(const struct restore *restore, const struct err *err)
{
  const char *found = NULL;
  if (!err_sqlstate_is(err, "42704"))
    return NULL;
  for (size_t i = 0; i < restore->absent_roles.len; i++) {
    const char *role = restore->absent_roles.at[i];
    if (strstr(err->message, role) && (!found || strlen(role) > strlen(found)))
      found = role;
  }
  return found;
}

static void note_missing(struct restore *restore, const char *role)
{
  for (size_t i = 0; i < restore->missing_roles.len; i++)
    if (strcmp(restore->missing_roles.at[i], role) == 0)
      return;
  vec_push(restore->arena, &restore->missing_roles, role);
}

/* In a transaction; only where roles are missing it pays for savepoints. */
static int run_owner_statement(struct restore *restore, const char *sql, struct err *err)
{
  struct err failed = ERR_INIT;
  if (restore->options->no_owner)
    return 0;
  if (restore->absent_roles.len == 0)
    return db_run_statement(restore->conn, restore->arena, sql, NULL, NULL, err);
  if (db_exec(restore->conn, "SAVEPOINT belay", err) < 0)
    return -1;
  if (db_run_statement(restore->conn, restore->arena, sql, NULL, NULL, &failed) == 0)
    return db_exec(restore->conn, "RELEASE SAVEPOINT belay", err);
  const char *role = absent_role(restore, &failed);
  if (!role) {
    err_move(err, &failed);
    return -1;
  }
  err_clear(&failed);
  note_missing(restore, role);
  return db_exec(restore->conn, "ROLLBACK TO SAVEPOINT belay", err);
}

static int run_statement(struct restore *restore, const struct sql_statement *s, struct err *err)
{
  if (restore_is_owner_statement(s->text))
    return run_owner_statement(restore, s->text, err);
  return db_run_statement(restore->conn, restore->arena, s->text, NULL, NULL, err);
}

static int run_script(struct restore *restore, const char *object, const struct sql_script *script,
                      struct err *err)
{
  size_t in_transaction = 0;
  for (size_t i = 0; i < script->statements.len; i++) {
    const struct sql_statement *s = &script->statements.at[i];
    if (interrupt_check(err) < 0)
      return -1;
    if (in_transaction && (s->bare || in_transaction == RESTORE_BATCH)) {
      if (db_exec(restore->conn, "COMMIT", err) < 0)
        return err_wrap(err, "restoring %s", object);
      in_transaction = 0;
    }
    if (!s->bare && in_transaction++ == 0 && db_exec(restore->conn, "BEGIN", err) < 0)
      return err_wrap(err, "restoring %s", object);
    if (run_statement(restore, s, err) < 0)
      return statement_error(object, s->text, err);
  }
  if (in_transaction && db_exec(restore->conn, "COMMIT", err) < 0)
    return err_wrap(err, "restoring %s", object);
  return 0;
}

int restore_sql(struct restore *restore, const char *object, struct err *err)
{
  bool found = false;
  for (size_t i = 0; i < restore->archive->entries.len; i++) {
    const struct archive_entry *e = &restore->archive->entries.at[i];
    if (strcmp(e->kind, "sql") != 0 || strcmp(e->object, object) != 0)
      continue;
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(text_clear) struct text sql = TEXT_INIT;
    struct sql_script *script = NULL;
    found = true;
    if (archive_read(restore->archive, e, &sql, err) < 0 ||
        sql_script_read(arena, object, sql.data, sql.len, &script, err) < 0 ||
        run_script(restore, object, script, err) < 0)
      return -1;
  }
  if (!found)
    return err_set(err, ERR_DAMAGED, "%s: there is no member \"%s\"", restore->archive->prefix,
                   object);
  return 0;
}
