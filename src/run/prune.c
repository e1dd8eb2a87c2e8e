#include "run/prune.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/map.h"
#include "run/record.h"

#define UNFINISHED_AGE_US (INT64_C(24) * 3600 * 1000000)

/* What lies under <database>/backups/<id> or <database>/runs/<id>. */
struct folder {
  const char *prefix;
  bool complete; /* it has the object that makes it one */
  uint64_t bytes;
  int64_t touched_us;
};

struct look {
  struct arena *arena;
  const struct prune_request *request;
  struct map *folders; /* prefix -> struct folder */
  struct records records;
  struct prune_plan plan;
};

static bool is_run(const char *prefix)
{
  return strstr(prefix, "/runs/") != NULL;
}

/* The object that makes it a run or a backup. */
static char *marker(struct arena *arena, const char *prefix)
{
  return arena_printf(arena, "%s/%s", prefix, is_run(prefix) ? "plan.json" : "manifest.json");
}

/* ---- what is there ---- */

static struct folder *folder_at(struct look *look, const char *prefix)
{
  struct folder *folder = map_get(look->folders, prefix);
  if (folder)
    return folder;
  folder = ARENA_NEW(look->arena, struct folder);
  folder->prefix = prefix;
  map_put(look->folders, prefix, folder);
  return folder;
}

/* The objects of one kind ("backups", "runs"), summed up by id; other names are not ours. */
static int list_folders(struct look *look, const char *kind, struct err *err)
{
  const struct run_env *env = look->request->env;
  const char *under = arena_printf(look->arena, "%s/%s/", env->database_prefix, kind);
  struct place_entries entries = {0};
  if (place_list(env->place, look->arena, under, &entries, err) < 0)
    return -1;
  for (size_t i = 0; i < entries.len; i++) {
    const struct place_entry *e = &entries.at[i];
    size_t id_len = strcspn(e->key + strlen(under), "/");
    const char *id = arena_strndup(look->arena, e->key + strlen(under), id_len);
    if (!clock_id_is_valid(id))
      continue;
    struct folder *folder =
        folder_at(look, arena_strndup(look->arena, e->key, strlen(under) + id_len));
    folder->bytes += e->size;
    if (e->modified_us > folder->touched_us)
      folder->touched_us = e->modified_us;
    if (strcmp(e->key, marker(look->arena, folder->prefix)) == 0)
      folder->complete = true;
  }
  return 0;
}

static int find_unfinished(struct look *look, struct err *err)
{
  struct place *place = look->request->env->place;
  int64_t before_us = clock_wall_us() - UNFINISHED_AGE_US;
  for (size_t i = 0; i < map_len(look->folders); i++) {
    const struct folder *folder = map_value_at(look->folders, i);
    struct place_leftovers inside;
    if (folder->complete || folder->touched_us > before_us)
      continue;
    if (place_look_for_leftovers(place, arena_printf(look->arena, "%s/", folder->prefix), &inside,
                                 err) < 0)
      return -1;
    if (inside.living == 0)
      vec_push(look->arena, &look->plan.unfinished,
               ((struct prune_unfinished){folder->prefix, folder->bytes, folder->touched_us}));
  }
  return 0;
}

static uint64_t bytes_of(const struct look *look, const char *prefix)
{
  const struct folder *folder = map_get(look->folders, prefix);
  return folder ? folder->bytes : 0;
}

/* ---- what a rollback needs ---- */

static bool same_text(const char *a, const char *b)
{
  return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_place(const struct record *a, const struct record *b)
{
  return same_text(a->server_id, b->server_id) && same_text(a->database_oid, b->database_oid);
}

static bool can_be_taken_back(const struct record *record)
{
  /* what was applied again is captured in the record of that */
  return (strcmp(record->kind, "run") == 0 || record->again) && !record->undone_by &&
         record_applied_something(record);
}

/* Why a run stays, NULL if the rules decide. Records are oldest first. */
static const char *held_run(const struct look *look, size_t index)
{
  const struct record *record = &look->records.at[index];
  int keep_runs = look->request->env->policy.retention.keep_runs;
  int later = 0, later_changes = 0; /* of the same database */
  for (size_t i = index + 1; i < look->records.len; i++) {
    const struct record *other = &look->records.at[i];
    if (!same_place(record, other))
      continue;
    later++;
    later_changes += can_be_taken_back(other);
  }
  for (size_t i = index + 1; i < look->records.len; i++)
    if (!look->records.at[i].ended && same_text(look->records.at[i].rolls_back, record->id))
      return arena_printf(look->arena, "%s rolls it back", look->records.at[i].id);
  if (!record->ended && later == 0)
    return "it has not ended";
  if (!can_be_taken_back(record) || later_changes >= keep_runs)
    return NULL;
  return later_changes ? arena_printf(look->arena,
                                      "one of the newest %d runs that changed something", keep_runs)
                       : "the newest run that changed something";
}

static const char *held_backup(const struct look *look, const struct backup_info *info)
{
  bool found = false;
  if (info->pinned)
    return "pinned";
  if (info->unread)
    return "it cannot be read now";
  for (size_t i = look->records.len; i-- > 0;) {
    const struct record *record = &look->records.at[i];
    const char *held = look->plan.runs.at[i].decision.held;
    if (!same_text(record->backup_id, info->id) &&
        !(info->run_id && strcmp(info->run_id, record->id) == 0))
      continue;
    found = true;
    if (held)
      return arena_printf(look->arena, "run %s needs it (%s)", record->id, held);
  }
  return !found && info->run_id && look->plan.unreadable.len
             ? "the record of its run may be one that cannot be read"
             : NULL;
}

/* ---- the plan ---- */

static int64_t time_of(const char *created_at, const char *id)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  int64_t us = 0;
  if ((!created_at || clock_parse(created_at, &us) < 0) &&
      clock_parse(arena_strndup(arena, id, strcspn(id, "-")), &us) < 0)
    return INT64_MAX; /* of no known time: it counts as the future and stays */
  return us;
}

static int add_runs(struct look *look, struct err *err)
{
  const struct run_env *env = look->request->env;
  if (record_list(look->arena, env->place, env->database_prefix, &look->records,
                  &look->plan.unreadable, err) < 0)
    return -1;
  for (size_t i = 0; i < look->records.len; i++) {
    const struct record *record = &look->records.at[i];
    struct prune_item *item = vec_add(look->arena, &look->plan.runs);
    item->prefix = record->prefix;
    item->bytes = bytes_of(look, record->prefix);
    item->decision = (struct retention_item){.kind = RETENTION_RUN,
                                             .id = record->id,
                                             .time_us = time_of(record->created_at, record->id),
                                             .held = held_run(look, i)};
  }
  return 0;
}

static int add_backups(struct look *look, struct err *err)
{
  const struct run_env *env = look->request->env;
  struct backup_infos infos = {0};
  if (backup_list(look->arena, env->place, env->database_prefix, &infos, err) < 0)
    return -1;
  backup_look_at_templates(look->arena, env->place, &env->target, &infos);
  for (size_t i = 0; i < infos.len; i++) {
    const struct backup_info *info = &infos.at[i];
    struct prune_item *item = vec_add(look->arena, &look->plan.backups);
    item->prefix = info->prefix;
    item->bytes = bytes_of(look, info->prefix) +
                  (info->template && !info->damaged ? info->bytes : 0); /* the database, too */
    item->decision = (struct retention_item){.kind = info->template ? RETENTION_TEMPLATE
                                                     : info->scope  ? RETENTION_SCOPED
                                                                    : RETENTION_WHOLE,
                                             .id = info->id,
                                             .time_us = time_of(info->created_at, info->id),
                                             .damage = info->damaged ? info->damage : NULL,
                                             .held = held_backup(look, info)};
  }
  return 0;
}

static void decide(struct look *look, struct prune_items *items)
{
  struct retention_item *decisions =
      arena_alloc(look->arena, (items->len + 1) * sizeof(*decisions));
  for (size_t i = 0; i < items->len; i++)
    decisions[i] = items->at[i].decision;
  retention_decide(look->arena, &look->plan.rules, clock_wall_us(), decisions, items->len);
  for (size_t i = 0; i < items->len; i++)
    items->at[i].decision = decisions[i];
}

/* Without the record of its rollback a run would look as if it were still there. */
static void keep_rollbacks(struct look *look)
{
  struct prune_items *runs = &look->plan.runs;
  for (size_t i = 0; i < runs->len; i++) {
    const char *rolls_back = look->records.at[i].rolls_back;
    for (size_t k = 0; rolls_back && !runs->at[i].decision.keep && k < runs->len; k++)
      if (strcmp(runs->at[k].decision.id, rolls_back) == 0 && runs->at[k].decision.keep) {
        runs->at[i].decision.keep = true;
        runs->at[i].decision.why =
            arena_printf(look->arena, "it rolled back %s, which stays", rolls_back);
      }
  }
}

static int choose_rules(struct look *look, struct err *err)
{
  const struct policy *policy = &look->request->env->policy;
  struct retention_rules *rules = &look->plan.rules;
  *rules = look->request->rules;
  if (retention_has_rules(rules))
    return 0;
  *rules = policy->retention.keep;
  rules->damaged = look->request->rules.damaged;
  look->plan.from_policy = retention_has_rules(rules);
  if (look->plan.from_policy || rules->damaged)
    return 0;
  err_set(err, ERR_USAGE,
          "nothing says what to keep, so nothing is removed: policy %s (%s) has no"
          " retention rule",
          policy->name, policy->source);
  return err_hint(err, "Give --keep-last N, --keep-daily N, --keep-weekly N, --keep-monthly N or"
                       " --keep-within DURATION, or write them under `retention:` in the policy.");
}

int prune_look(const struct prune_request *request, struct prune_plan *ret, struct err *err)
{
  const struct run_env *env = request->env;
  struct look look = {.arena = env->arena, .request = request, .folders = map_new(env->arena)};
  if (choose_rules(&look, err) < 0 || list_folders(&look, "backups", err) < 0 ||
      list_folders(&look, "runs", err) < 0 || add_runs(&look, err) < 0 ||
      add_backups(&look, err) < 0 || find_unfinished(&look, err) < 0 ||
      place_look_for_leftovers(env->place, arena_printf(env->arena, "%s/", env->database_prefix),
                               &look.plan.leftovers, err) < 0)
    return -1;
  decide(&look, &look.plan.backups);
  decide(&look, &look.plan.runs);
  keep_rollbacks(&look);
  *ret = look.plan;
  return 0;
}

static bool any_goes(const struct prune_items *items)
{
  for (size_t i = 0; i < items->len; i++)
    if (!items->at[i].decision.keep)
      return true;
  return false;
}

bool prune_is_empty(const struct prune_plan *plan)
{
  return !any_goes(&plan->backups) && !any_goes(&plan->runs) && plan->unfinished.len == 0 &&
         plan->leftovers.abandoned == 0;
}

/* ---- removing ---- */

/* What makes it a run or a backup goes first: nothing half is listed. */
static int remove_folder(const struct run_env *env, const char *prefix, struct err *err)
{
  const struct backup_info backup = {.id = fs_basename(prefix), .prefix = prefix};
  if (interrupt_check(err) < 0)
    return -1;
  if (!is_run(prefix))
    return backup_delete(env->arena, env->place, &env->target, &backup, err);
  if (place_delete(env->place, marker(env->arena, prefix), err) < 0 ||
      place_delete_prefix(env->place, prefix, err) < 0)
    return err_wrap(err, "removing the record of run %s", backup.id);
  return 0;
}

static bool goes(const struct prune_items *items, const char *prefix)
{
  for (size_t i = 0; i < items->len; i++)
    if (strcmp(items->at[i].prefix, prefix) == 0)
      return !items->at[i].decision.keep;
  return false;
}

/* Only what was shown, and of that what still goes (`now`).
 * A template backup whose database is not the one that it made stays, and does not hold up the
 * others; at the end it is a failure. */
static int remove_items(const struct run_env *env, const struct prune_items *items,
                        const struct prune_items *now, struct prune_removed *ret, struct err *err)
{
  int rc = 0;
  for (size_t i = 0; i < items->len; i++) {
    const struct prune_item *item = &items->at[i];
    CLEANUP(err_clear) struct err refused = ERR_INIT;
    if (item->decision.keep || !goes(now, item->prefix) ||
        backup_is_pinned(env->place, item->prefix))
      continue;
    if (remove_folder(env, item->prefix, &refused) == 0) {
      ret->count++;
      ret->bytes += item->bytes;
      continue;
    }
    enum err_code code = refused.code;
    if (rc == 0)
      err_move(err, &refused);
    else
      log_warning("%s", refused.message);
    rc = -1;
    if (code != ERR_REFUSED)
      return -1;
  }
  return rc;
}

static int remove_unfinished(const struct run_env *env, const struct prune_unfinisheds *unfinished,
                             struct prune_removed *ret, struct err *err)
{
  for (size_t i = 0; i < unfinished->len; i++) {
    const struct prune_unfinished *u = &unfinished->at[i];
    if (place_exists(env->place, marker(env->arena, u->prefix)))
      continue;
    if (remove_folder(env, u->prefix, err) < 0)
      return -1;
    ret->count++;
    ret->bytes += u->bytes;
  }
  return 0;
}

int prune_remove(const struct prune_request *request, const struct prune_plan *plan,
                 struct prune_report *ret, struct err *err)
{
  const struct run_env *env = request->env;
  struct prune_plan now;
  int swept = 0;
  *ret = (struct prune_report){0};
  if (prune_look(request, &now, err) < 0 ||
      remove_items(env, &plan->runs, &now.runs, &ret->runs, err) < 0 ||
      remove_items(env, &plan->backups, &now.backups, &ret->backups, err) < 0 ||
      remove_unfinished(env, &plan->unfinished, &ret->unfinished, err) < 0)
    return -1;
  const char *under = arena_printf(env->arena, "%s/", env->database_prefix);
  if (plan->leftovers.abandoned && place_sweep(env->place, under, &swept, err) < 0)
    return -1;
  ret->temporary = (struct prune_removed){swept, swept ? plan->leftovers.bytes : 0};
  return 0;
}
