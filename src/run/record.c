#include "run/record.h"

#include "run/status.h"

#include "base/clock.h"

const char *record_file_state_name(enum record_file_state state)
{
  static const char *const names[] = {"not applied", "applied", "unknown", "partly applied"};
  return names[state];
}

static const char *get(struct arena *arena, const json_t *object, const char *key)
{
  return arena_strdup(arena, json_string_value(json_object_get(object, key)));
}

static struct strings get_strings(struct arena *arena, const json_t *object, const char *key)
{
  struct strings out = {0};
  size_t i;
  json_t *item;
  json_array_foreach(json_object_get(object, key), i, item)
      vec_push(arena, &out, arena_strdup(arena, json_string_value(item)));
  return out;
}

static enum inverse_verdict verdict_of(const char *name)
{
  for (enum inverse_verdict v = INVERSE_EXACT; v < INVERSE_NONE; v++)
    if (name && strcmp(name, inverse_verdict_name(v)) == 0)
      return v;
  return INVERSE_NONE;
}

static void read_file(struct arena *arena, const json_t *json, struct record_file *file)
{
  file->name = get(arena, json, "name");
  file->checksum = get(arena, json, "checksum");
  file->migration = get(arena, json, "migration");
  file->part = (size_t)json_integer_value(json_object_get(json, "part"));
  file->parts = (size_t)json_integer_value(json_object_get(json, "parts"));
  file->shape_before = get(arena, json, "shape_before");
  file->shape_after = get(arena, json, "shape_after");
  file->unheld = json_is_true(json_object_get(json, "unheld"));
  file->verdict = verdict_of(json_string_value(json_object_get(json, "verdict")));
  file->bare = json_is_true(json_object_get(json, "bare"));
  file->undo_prefix = get(arena, json, "undo");
  file->refusals = get_strings(arena, json, "refusals");
  file->costs = get_strings(arena, json, "costs");
  char *plan = json_dumps(json_object_get(json, "rollback_capture"), JSON_COMPACT);
  file->rollback_capture = arena_strdup(arena, plan);
  free(plan);
  size_t i;
  json_t *step;
  json_array_foreach(json_object_get(json, "steps"), i, step)
  {
    struct inverse_step *s = vec_add(arena, &file->steps);
    s->phase = json_integer_value(json_object_get(step, "phase")) ? INVERSE_AFTER_DATA
                                                                  : INVERSE_BEFORE_DATA;
    s->sql = get(arena, step, "sql");
    s->note = get(arena, step, "note");
  }
}

struct record_file *record_file_named(const struct record *record, const char *name)
{
  for (size_t i = 0; name && i < record->files.len; i++)
    if (strcmp(record->files.at[i].name, name) == 0)
      return &record->files.at[i];
  return NULL;
}

/* One line of the journal moves the state on. */
static void replay(struct arena *arena, struct record *record, const json_t *line)
{
  const char *event = json_string_value(json_object_get(line, "event"));
  struct record_file *file =
      record_file_named(record, json_string_value(json_object_get(line, "file")));
  if (!event)
    return;
  if (strcmp(event, "stage-begin") == 0) {
    record->last_stage = get(arena, line, "stage");
  } else if (strcmp(event, "backup-taken") == 0) {
    record->backup_id = get(arena, line, "backup");
  } else if (strcmp(event, "run-end") == 0) {
    record->ended = true;
    record->exit_code = (int)json_integer_value(json_object_get(line, "exit_code"));
  } else if (file &&
             (strcmp(event, "commit-sent") == 0 || strcmp(event, "undo-commit-sent") == 0)) {
    file->state = RECORD_UNKNOWN;
    file->undoing = event[0] == 'u';
    file->xid = get(arena, line, "xid");
  } else if (file && strcmp(event, "committed") == 0) {
    file->state = RECORD_COMMITTED;
    file->snapshot = get(arena, line, "snapshot");
  } else if (file && strcmp(event, "undo-rolled-back") == 0) {
    file->state = RECORD_COMMITTED;
  } else if (file && (strcmp(event, "rolled-back") == 0 || strcmp(event, "undo-committed") == 0)) {
    file->state = RECORD_NOT_APPLIED;
  } else if (file && strcmp(event, "statement") == 0 && file->bare) {
    file->state = RECORD_PARTIAL;
  }
}

static void replay_journal(struct arena *arena, struct record *record, const char *bytes)
{
  while (*bytes) {
    size_t len = strcspn(bytes, "\n");
    json_t *line = bytes[len] ? json_loadb(bytes, len, 0, NULL)
                              : NULL; /* a torn last line counts as not written */
    if (line)
      replay(arena, record, line);
    json_decref(line);
    bytes += len + (bytes[len] ? 1 : 0);
  }
}

/* The journal was written on another machine, which has not come to tell the end: what it did since
 * the stage began is not known here. Stages are published before they begin. */
static void doubt(struct record *record)
{
  const char *stage = record->last_stage ? record->last_stage : "";
  bool undoes = strcmp(stage, "verify") == 0; /* perhaps */
  bool acts = undoes || strcmp(record->kind, "rollback") == 0 || strcmp(stage, "apply") == 0;
  if (record->ended || !acts)
    return;
  for (size_t i = 0; i < record->files.len; i++) {
    struct record_file *file = &record->files.at[i];
    if (file->state != (undoes ? RECORD_COMMITTED : RECORD_NOT_APPLIED))
      continue;
    file->state = RECORD_UNKNOWN; /* without an xid: the ledger decides */
    file->xid = NULL;
  }
}

static json_t *load(struct arena *arena, struct place *place, const char *key, struct err *err)
{
  char *bytes;
  size_t len;
  if (place_get(place, arena, key, &bytes, &len, err) < 0)
    return NULL;
  json_error_t why;
  json_t *json = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &why);
  if (!json)
    err_set(err, ERR_DAMAGED, "%s is not valid JSON: line %d: %s", key, why.line, why.text);
  return json;
}

/* No journal is fine (the run was killed before its first line), one that cannot be read is not:
 * the run would look as if it had changed nothing. */
static int read_journal(struct arena *arena, struct place *place, const char *prefix,
                        struct record *record, struct err *err)
{
  const char *key = arena_printf(arena, "%s/journal.jsonl", prefix);
  char *bytes;
  size_t len;
  bool lags = false;
  struct place_entries found = {0};
  CLEANUP(err_clear) struct err why = ERR_INIT;
  if (place_get_appended(place, arena, key, &bytes, &len, &lags, &why) == 0) {
    replay_journal(arena, record, bytes);
  } else {
    if (place_list(place, arena, key, &found, err) < 0)
      return -1;
    if (found.len > 0) {
      err_move(err, &why);
      return err_wrap(err, "reading the journal of %s", prefix);
    }
  }
  if (lags)
    doubt(record);
  return 0;
}

static const char *recipients_of(struct arena *arena, const json_t *plan)
{
  CLEANUP(text_clear) struct text all = TEXT_INIT;
  const struct strings list = get_strings(arena, plan, "recipients");
  for (size_t i = 0; i < list.len; i++)
    text_printf(&all, "%s%s", i ? ", " : "", list.at[i] ? list.at[i] : "");
  return list.len ? arena_strdup(arena, all.data) : NULL;
}

/* The whole plan. Without an identity of an encrypted one its clear part, which says less: then
 * *ret_locked. */
static json_t *load_plan(struct arena *arena, struct place *place, const char *prefix,
                         bool *ret_locked, struct err *err)
{
  CLEANUP(err_clear) struct err closed = ERR_INIT;
  const char *key = arena_printf(arena, "%s/plan.json", prefix);
  char *bytes;
  size_t len;
  json_error_t why;
  json_t *clear = load(arena, place, key, err);
  *ret_locked = false;
  if (!clear || !json_object_get(clear, "recipients"))
    return clear;
  if (place_get_sealed(place, arena, key, &bytes, &len, &closed) < 0) {
    *ret_locked = closed.code == ERR_SEALED || closed.code == ERR_USAGE;
    if (*ret_locked)
      return clear;
    err_move(err, &closed);
    json_decref(clear);
    return NULL;
  }
  json_decref(clear);
  json_t *plan = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &why);
  if (!plan)
    err_set(err, ERR_DAMAGED, "%s.age is not valid JSON: line %d: %s", key, why.line, why.text);
  return plan;
}

int record_say_locked(const struct record *record, struct err *err)
{
  err_set(err, ERR_SEALED, "the record of run %s is encrypted for %s, and no identity opens it",
          record->id, record->recipients);
  return err_hint(err, "Give an identity of one of them: --identity FILE, or BELAY_IDENTITY.");
}

int record_read(struct arena *arena, struct place *place, const char *prefix, struct record *ret,
                struct err *err)
{
  bool locked;
  json_t *plan = load_plan(arena, place, prefix, &locked, err);
  if (!plan)
    return -1;
  struct record record = {
      .locked = locked,
      .recipients = recipients_of(arena, plan),
      .id = get(arena, plan, "id"),
      .prefix = arena_strdup(arena, prefix),
      .kind = get(arena, plan, "kind"),
      .database = get(arena, plan, "database"),
      .created_at = get(arena, plan, "created_at"),
      .environment = get(arena, plan, "environment"),
      .target = get(arena, plan, "target"),
      .rolls_back = get(arena, plan, "rolls_back"),
      .again = json_is_true(json_object_get(plan, "again")),
      .command = get(arena, plan, "command"),
      .server_id = get(arena, plan, "server_id"),
      .database_oid = get(arena, plan, "database_oid"),
  };
  if (!record.id || !record.kind) {
    json_decref(plan);
    return err_set(err, ERR_DAMAGED, "%s/plan.json is not a plan of belay", prefix);
  }
  size_t i;
  json_t *file;
  json_array_foreach(json_object_get(plan, "files"), i, file)
      read_file(arena, file, vec_add(arena, &record.files));
  json_decref(plan);
  if (read_journal(arena, place, prefix, &record, err) < 0)
    return -1;
  *ret = record;
  return 0;
}

static bool is_partly_applied(const struct record *record, size_t first, size_t last)
{
  size_t applied = 0;
  for (size_t i = first; i < last; i++) {
    if (record->files.at[i].state == RECORD_PARTIAL)
      return true;
    applied += record->files.at[i].state == RECORD_COMMITTED;
  }
  return applied > 0 && applied < record->files.at[first].parts;
}

struct record_counts record_count(const struct record *record)
{
  struct record_counts counts = {0};
  for (size_t first = 0, last; first < record->files.len; first = last) {
    const struct record_file *file = &record->files.at[first];
    for (last = first + 1; last < record->files.len; last++)
      if (strcmp(record->files.at[last].migration, file->migration) != 0)
        break;
    counts.all++;
    if (is_partly_applied(record, first, last))
      counts.partial = counts.partial ? counts.partial : file->migration;
    else
      counts.applied += file->state == RECORD_COMMITTED;
  }
  return counts;
}

bool record_applied_something(const struct record *record)
{
  for (size_t i = 0; i < record->files.len; i++)
    if (record->files.at[i].state != RECORD_NOT_APPLIED)
      return true;
  return false;
}

static struct record *record_with_id(struct records *records, const char *id)
{
  for (size_t i = 0; id && i < records->len; i++)
    if (strcmp(records->at[i].id, id) == 0)
      return &records->at[i];
  return NULL;
}

/* What the rollback did to the files of another record. */
static void move_files(const struct record *rollback, struct record *of,
                       enum record_file_state state)
{
  for (size_t f = 0; of && f < rollback->files.len; f++) {
    struct record_file *file = record_file_named(of, rollback->files.at[f].name);
    if (file && rollback->files.at[f].state == RECORD_COMMITTED)
      file->state = state;
  }
}

/* Applied again, it destroyed what was there by then: the newer capture is the one to put back. */
static void take_captures(const struct record *again, struct record *run)
{
  for (size_t f = 0; f < again->files.len; f++) {
    const struct record_file *newer = &again->files.at[f];
    struct record_file *file = record_file_named(run, newer->name);
    if (!file || newer->state != RECORD_COMMITTED || !file->undo_prefix)
      continue;
    file->undo_prefix = newer->undo_prefix;
    file->xid = newer->xid;
    file->snapshot = newer->snapshot;
  }
}

/* A committed rollback of a file undoes it, and one of that rollback brings it in again. When
 * nothing of the run is left, the run is undone. The records are oldest first. */
static void link_rollbacks(struct records *records)
{
  for (size_t i = 0; i < records->len; i++) {
    const struct record *rollback = &records->at[i];
    struct record *of = record_with_id(records, rollback->rolls_back);
    if (!of || !record_applied_something(rollback))
      continue;
    move_files(rollback, of, RECORD_NOT_APPLIED);
    of->undone_by = record_applied_something(of) ? NULL : rollback->id;
    struct record *run = rollback->again ? record_with_id(records, of->rolls_back) : NULL;
    if (!run)
      continue;
    move_files(rollback, run, RECORD_COMMITTED);
    take_captures(rollback, run);
    run->undone_by = record_applied_something(run) ? NULL : run->undone_by;
  }
}

int record_list(struct arena *arena, struct place *place, const char *database_prefix,
                struct records *ret, struct strings *ret_damaged, struct err *err)
{
  struct place_entries entries = {0};
  struct records records = {0};
  struct strings damaged = {0};
  if (place_list(place, arena, arena_printf(arena, "%s/runs/", database_prefix), &entries, err) < 0)
    return -1;
  static const char tail[] = "/plan.json";
  for (size_t i = 0; i < entries.len; i++) {
    const char *key = entries.at[i].key;
    size_t len = strlen(key), tail_len = sizeof(tail) - 1;
    if (len <= tail_len || strcmp(key + len - tail_len, tail) != 0)
      continue;
    CLEANUP(err_clear) struct err why = ERR_INIT;
    struct record record;
    if (record_read(arena, place, arena_strndup(arena, key, len - tail_len), &record, &why) == 0)
      vec_push(arena, &records, record);
    else
      vec_push(arena, &damaged, arena_strdup(arena, why.message));
  }
  link_rollbacks(&records);
  *ret = records;
  if (ret_damaged)
    *ret_damaged = damaged;
  return 0;
}

int record_place_read(struct arena *arena, struct db_conn *conn, struct record_place *ret,
                      struct err *err)
{
  CLEANUP(err_clear) struct err hidden = ERR_INIT;
  struct record_place place = {0};
  if (db_query_value(conn, arena, &place.database_oid, err,
                     "SELECT oid::text FROM pg_database WHERE datname = current_database()",
                     NULL) < 0)
    return -1;
  if (db_query_value(conn, arena, &place.server_id, &hidden,
                     "SELECT system_identifier::text FROM pg_control_system()", NULL) < 0 &&
      hidden.code == ERR_CONNECT) {
    err_move(err, &hidden);
    return -1;
  }
  *ret = place;
  return 0;
}

bool record_is_of(const struct record *record, const struct record_place *place)
{
  bool same_server =
      !record->server_id || !place->server_id || strcmp(record->server_id, place->server_id) == 0;
  return same_server && record->database_oid &&
         strcmp(record->database_oid, place->database_oid) == 0;
}

static bool is_candidate(const struct record *record, const struct record_place *here)
{
  return strcmp(record->kind, "run") == 0 && !record->undone_by &&
         record_applied_something(record) && (!here || record_is_of(record, here));
}

static int none_found(struct place *place, const char *which, struct err *err)
{
  if (strcmp(which, "last") == 0)
    err_set(err, ERR_USAGE, "no run that could be rolled back is in %s for this database",
            place_name(place));
  else
    err_set(err, ERR_USAGE, "no run %s", which);
  return err_hint(err, "See what there is with: belay list runs");
}

int record_find(struct arena *arena, struct place *place, const char *database_prefix,
                const char *which, const struct record_place *here, struct record *ret,
                struct err *err)
{
  struct records records;
  if (record_list(arena, place, database_prefix, &records, NULL, err) < 0)
    return -1;
  return record_pick(place, &records, which, here, ret, err);
}

int record_pick(struct place *place, const struct records *list, const char *which,
                const struct record_place *here, struct record *ret, struct err *err)
{
  const struct records records = *list;
  bool last = strcmp(which, "last") == 0;
  const struct record *found = NULL;
  size_t hits = 0;
  for (size_t i = 0; i < records.len; i++) {
    bool match = last ? is_candidate(&records.at[i], here)
                      : strncmp(records.at[i].id, which, strlen(which)) == 0;
    found = match ? &records.at[i] : found;
    hits += match;
  }
  if (!found)
    return none_found(place, which, err);
  if (!last && hits > 1) {
    err_set(err, ERR_USAGE, "%s is the beginning of %zu runs", which, hits);
    return err_hint(err, "Give more of the id; see: belay list runs");
  }
  if (here && !record_is_of(found, here)) {
    err_set(err, ERR_REFUSED, "%s ran on another server or database (%s)", found->id,
            found->target);
    return err_hint(err, "Give the database it ran on with --database, or see: belay list runs");
  }
  *ret = *found;
  return 0;
}

static bool ledger_has(const struct migration_statuses *ledger, const char *name)
{
  for (size_t i = 0; ledger && i < ledger->len; i++)
    if (strcmp(ledger->at[i].name, name) == 0)
      return ledger->at[i].state == MIGRATION_APPLIED || ledger->at[i].state == MIGRATION_EDITED ||
             ledger->at[i].state == MIGRATION_MISSING;
  return false;
}

int record_settle(struct arena *arena, struct db_conn *conn,
                  const struct migration_statuses *ledger, const struct record_place *here,
                  struct records *records, struct err *err)
{
  for (size_t i = 0; i < records->len; i++)
    if (records->at[i].rolls_back && !records->at[i].locked &&
        record_is_of(&records->at[i], here) &&
        record_resolve(arena, conn, ledger, &records->at[i], err) < 0)
      return -1;
  link_rollbacks(records);
  return 0;
}

int record_resolve(struct arena *arena, struct db_conn *conn,
                   const struct migration_statuses *ledger, struct record *record, struct err *err)
{
  bool of_rollback = strcmp(record->kind, "rollback") == 0;
  bool takes_back = of_rollback && !record->again;
  for (size_t i = 0; i < record->files.len; i++) {
    struct record_file *file = &record->files.at[i];
    enum run_xact_state xact;
    if (file->state != RECORD_UNKNOWN)
      continue;
    if (run_xact_status(arena, conn, file->xid, &xact, err) < 0)
      return -1;
    if (xact == RUN_XACT_IN_PROGRESS)
      continue;
    bool finished = ledger_has(ledger, file->migration);
    if (xact == RUN_XACT_TOO_OLD && file->parts > 1 && !finished)
      continue; /* the ledger does not know of parts */
    bool in = xact == RUN_XACT_TOO_OLD ? finished != takes_back
                                       : (xact == RUN_XACT_COMMITTED) != file->undoing;
    bool partly = !in && !file->xid && file->bare && !of_rollback;
    file->state = in ? RECORD_COMMITTED : partly ? RECORD_PARTIAL : RECORD_NOT_APPLIED;
  }
  return 0;
}
