#include "backup/restore.h"

#include "base/interrupt.h"

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

/* For backups without marks. The text is the catalog's own, so its form is known: "ALTER TABLE
 * public.orders OWNER TO trader". */
static bool looks_like_owner(const char *sql)
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

bool restore_names_role(const struct restore_item *item)
{
  const struct mark *mark = &item->mark;
  if (!mark->kind)
    return looks_like_owner(item->sql);
  return mark_is_for(mark, CATALOG_FOR_OWNER) || mark_is_for(mark, CATALOG_FOR_PRIVILEGES) ||
         (mark_is_for(mark, CATALOG_FOR_SETTING) && strstr(item->sql, "ALTER ROLE "));
}

/* The name of the function in "in PL/pgSQL function app.f(integer) line 1 at RETURN". */
static char *function_of(struct arena *arena, const char *detail)
{
  static const char word[] = " function ";
  const char *name = detail ? strstr(detail, word) : NULL;
  if (!name || !begins(detail, "in "))
    return NULL;
  name += sizeof(word) - 1;
  const char *end = strstr(name, " line ");
  for (const char *p = end; p && (p = strstr(p + 1, " line "));)
    end = p;
  if (!end) /* SQL function "f" during startup */
    end = name + (*name == '"' ? strcspn(name + 1, "\"") + 2 : strcspn(name, " "));
  return arena_printf(arena, "%.*s", (int)(end - name), name);
}

void restore_explain(struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  const char *function = function_of(arena, err->detail);
  if (function)
    err_hint(err,
             "The function finds names by search_path, which is empty in a restore. The rows are"
             " safe in the backup. Go on with: belay restore --schema-only; there ALTER FUNCTION %s"
             " SET search_path = (its schemas); then belay restore --data-only. Do the same in the"
             " database that was backed up.",
             function);
}

void restore_explain_full(struct err *err)
{
  if (!err_sqlstate_is(err, "53100"))
    return;
  err_recode(err, ERR_PREFLIGHT);
  err_hint(err, "The disk of the server is full. Make room there, or restore into another"
                " tablespace with --map-tablespace; then restore again.");
}

int restore_statement_error(const char *object, const char *sql, struct err *err)
{
  enum { SHOWN = 200 };
  restore_explain(err);
  bool secret = begins(sql, "CREATE SUBSCRIPTION ") || begins(sql, "CREATE USER MAPPING ");
  if (secret && !err->detail)
    err_detail(err, "statement: %.*s (the rest holds a secret)",
               (int)(strcspn(sql, "'") < SHOWN ? strcspn(sql, "'") : SHOWN), sql);
  else if (!secret && (!err->detail || begins(err->detail, "in ")))
    err_detail(err, "statement: %.*s%s%s%s", SHOWN, sql, strlen(sql) > SHOWN ? " ..." : "",
               err->detail ? "; " : "", err->detail ? err->detail : "");
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
  if (restore->marked || restore->absent_roles.len == 0)
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

/* What the view reads may have changed since it was refreshed last, and its query may fail by now:
 * the rows of the backup do not depend on it. It runs as the view's owner, for whom row security
 * holds, as in any REFRESH. In a transaction. */
static int refresh(struct restore *restore, const struct restore_item *item, struct err *err)
{
  struct err failed = ERR_INIT;
  if (db_exec(restore->conn, "SAVEPOINT belay; SET LOCAL row_security = on", err) < 0)
    return -1;
  if (db_run_statement(restore->conn, restore->arena, item->sql, NULL, NULL, &failed) == 0)
    return db_exec(restore->conn, "SET LOCAL row_security = off; RELEASE SAVEPOINT belay", err);
  if (db_is_lost(restore->conn) || interrupt_pending()) {
    err_move(err, &failed);
    return -1;
  }
  restore_explain(&failed);
  restore_note(restore, "%s is left without rows, its query fails: %s%s%s",
               mark_title(restore->arena, &item->mark), failed.message, failed.hint ? ". " : "",
               failed.hint ? failed.hint : "");
  err_clear(&failed);
  return db_exec(restore->conn, "ROLLBACK TO SAVEPOINT belay", err);
}

static int run_item(struct restore *restore, const struct restore_item *item, struct err *err)
{
  if (item->names_role)
    return run_owner_statement(restore, item->sql, err);
  if (mark_is_for(&item->mark, CATALOG_FOR_REFRESH))
    return refresh(restore, item, err);
  return db_run_statement(restore->conn, restore->arena, item->sql, NULL, NULL, err);
}

static bool is_left_out(const struct restore *restore, const struct restore_item *item)
{
  if (item->left_out)
    return true;
  return restore->options->schema_only && mark_is_for(&item->mark, CATALOG_FOR_REFRESH);
}

static const char *title_of(const struct restore *restore, const struct restore_item *item,
                            const char *otherwise)
{
  return item->mark.kind ? mark_title(restore->arena, &item->mark) : otherwise;
}

int restore_run_within(struct restore *restore, const struct restore_items *items, const char *what,
                       struct err *err)
{
  for (size_t i = 0; i < items->len; i++) {
    if (interrupt_check(err) < 0)
      return -1;
    if (!is_left_out(restore, &items->at[i]) && run_item(restore, &items->at[i], err) < 0)
      return restore_statement_error(title_of(restore, &items->at[i], what), items->at[i].sql, err);
  }
  return 0;
}

int restore_make_large_objects(struct restore *restore, struct err *err)
{
  for (size_t i = 0; i < restore->large_objects.len; i++) {
    const struct restore_items one = {.at = &restore->large_objects.at[i], .len = 1};
    if (restore_run(restore, &one, "large objects", err) < 0)
      return -1;
  }
  return 0;
}

int restore_run(struct restore *restore, const struct restore_items *items, const char *what,
                struct err *err)
{
  size_t in_transaction = 0;
  for (size_t i = 0; i < items->len; i++) {
    const struct restore_item *item = &items->at[i];
    if (interrupt_check(err) < 0)
      return -1;
    if (is_left_out(restore, item))
      continue;
    if (in_transaction && (item->bare || in_transaction == RESTORE_BATCH)) {
      if (db_exec(restore->conn, "COMMIT", err) < 0)
        return err_wrap(err, "restoring %s", what);
      in_transaction = 0;
    }
    if (!item->bare && in_transaction++ == 0 && db_exec(restore->conn, "BEGIN", err) < 0)
      return err_wrap(err, "restoring %s", what);
    if (run_item(restore, item, err) < 0)
      return restore_statement_error(title_of(restore, item, what), item->sql, err);
  }
  if (in_transaction && db_exec(restore->conn, "COMMIT", err) < 0)
    return err_wrap(err, "restoring %s", what);
  return 0;
}
