/* What doctor says of a bucket beyond the probe: clock, versions, object lock, and lifecycle rules
 * that would work against belay. */
#include "base/base.h"
#include "base/clock.h"
#include "store/place_s3_private.h"
#include "store/s3_http.h"
#include "store/s3_xml.h"

#include <stdlib.h>

enum { CLOCK_OFF_MAX_S = 60 };

struct look {
  struct place_s3 *place;
  struct arena *arena;
  struct place_advices *out;
  bool versions;            /* the bucket keeps them */
  bool lock;                /* it was made with object lock */
  const char *default_lock; /* mode of what is written without a lock of its own */
  bool aborts, expires_old; /* a rule does it: with uploads, with old versions */
  bool unseen;              /* something may not be looked at */
  struct rule {             /* the one that is being read */
    bool enabled, narrow;   /* narrow: only for objects with tags, which belay writes none of */
    const char *prefix, *abort_days, *old_days, *days, *class;
  } rule;
};

static void tell(struct look *l, bool warning, const char *what, const char *fix)
{
  vec_push(l->arena, l->out,
           ((struct place_advice){.name = "bucket", .warning = warning, .what = what, .fix = fix}));
}

/* ---- the clock ---- */

static void look_at_clock(struct look *l, const struct s3_answer *answer)
{
  const char *date = s3_answer_header(answer, "date");
  int64_t server_s = date ? s3_http_date(date) : -1;
  int64_t ahead_s = clock_wall_us() / 1000000 - server_s;
  if (server_s < 0 || llabs(ahead_s) <= CLOCK_OFF_MAX_S)
    return;
  tell(l, true,
       arena_printf(l->arena, "this machine's clock is %s %s the bucket's",
                    clock_duration(l->arena, llabs(ahead_s) * 1000),
                    ahead_s > 0 ? "ahead of" : "behind"),
       "Set the clock: most servers refuse requests that are 15 minutes off, and locks and "
       "retention go by it.");
}

/* ---- asking ---- */

/* 1: there is an answer, 0: there is nothing of the kind, or it may not be seen. */
static int ask(struct look *l, const char *about, const char *doing, struct s3_answer *answer,
               struct err *err)
{
  CLEANUP(err_clear) struct err why = ERR_INIT;
  struct s3_request request = {.method = "GET", .doing = doing, .xml = true};
  vec_push(l->arena, &request.query, ((struct s3_pair){about, ""}));
  if (s3_send(l->place->client, l->arena, &request, answer, &why) == 0)
    return 1;
  if (s3_answer_is_denied(answer))
    l->unseen = true;
  else if (answer->status < 400 || answer->status >= 500) {
    if (answer->status == 501)
      return 0;
    err_move(err, &why);
    return -1;
  }
  return 0; /* "no lifecycle", "not known here": an answer, too */
}

/* ---- versions and lock ---- */

static void visit_versioning(void *context, const char *path, const char *text)
{
  struct look *l = context;
  if (text && s3_xml_is(path, "VersioningConfiguration/Status"))
    l->versions = strcmp(text, "Enabled") == 0;
}

static void visit_lock(void *context, const char *path, const char *text)
{
  struct look *l = context;
  if (text && s3_xml_is(path, "ObjectLockEnabled"))
    l->lock = strcmp(text, "Enabled") == 0;
  else if (text && s3_xml_is(path, "DefaultRetention/Mode"))
    l->default_lock = arena_strdup(l->arena, text);
}

static void tell_lock(struct look *l)
{
  const struct s3_settings *set = &l->place->settings;
  if (set->lock && !l->lock && !l->unseen)
    tell(l, true,
         arena_printf(l->arena, "lock=%s is wanted, and the bucket has no object lock",
                      s3_lock_name(set->lock)),
         "Use a bucket that was made with object lock, or leave lock= away: else each backup "
         "fails.");
  else if (set->lock && l->lock)
    tell(l, false,
         arena_printf(l->arena, "object lock: what is written cannot be deleted for %d day%s (%s)",
                      set->lock_days, set->lock_days == 1 ? "" : "s", s3_lock_name(set->lock)),
         NULL);
  else if (l->default_lock)
    tell(l, false,
         arena_printf(l->arena, "object lock: the bucket's own rule (%s) holds for what is written",
                      l->default_lock),
         NULL);
  else if (l->lock)
    tell(l, false, "the bucket has object lock, and belay is not told to use it",
         "Add lock=GOVERNANCE&lock_days=30 to the store, and nobody deletes a backup sooner.");
}

/* ---- lifecycle rules ---- */

/* Does a rule for keys of this prefix touch what belay writes? */
static bool concerns_us(const struct look *l, const char *prefix)
{
  const char *root = l->place->settings.root;
  size_t len = strlen(root), prefix_len = strlen(prefix);
  if (len == 0 || prefix_len == 0)
    return true;
  if (strncmp(root, prefix, prefix_len < len ? prefix_len : len) != 0)
    return false;
  return prefix_len <= len || prefix[len] == '/';
}

static const char *days(struct look *l, const char *count)
{
  return arena_printf(l->arena, "%s day%s", count, strcmp(count, "1") == 0 ? "" : "s");
}

static void judge_rule(struct look *l)
{
  const struct rule r = l->rule;
  l->rule = (struct rule){0};
  const char *prefix = r.prefix ? r.prefix : "";
  if (!r.enabled || !concerns_us(l, prefix))
    return;
  l->aborts = l->aborts || r.abort_days;
  l->expires_old = l->expires_old || r.old_days;
  const char *below = *prefix ? arena_printf(l->arena, " below %s", prefix) : "";
  if (r.abort_days && strtol(r.abort_days, NULL, 10) < 2)
    tell(l, true, "a lifecycle rule aborts uploads that take longer than a day",
         "Let it wait for 7 days: a slow backup would fail.");
  if (r.narrow)
    return;
  if (r.days)
    tell(l, true,
         arena_printf(l->arena, "a lifecycle rule deletes objects%s after %s, listed backups, too",
                      below, days(l, r.days)),
         "Take that rule away, and let belay prune decide: retention in the policy.");
  if (r.class)
    tell(l, true, arena_printf(l->arena, "a lifecycle rule moves objects%s to %s", below, r.class),
         "Where that class must be thawed before reading, verify and restore fail until then.");
}

static void visit_lifecycle(void *context, const char *path, const char *text)
{
  struct look *l = context;
  const struct {
    const char *name;
    const char **where;
  } known[] = {{"Rule/Prefix", &l->rule.prefix},
               {"Filter/Prefix", &l->rule.prefix},
               {"And/Prefix", &l->rule.prefix},
               {"AbortIncompleteMultipartUpload/DaysAfterInitiation", &l->rule.abort_days},
               {"NoncurrentVersionExpiration/NoncurrentDays", &l->rule.old_days},
               {"Expiration/Days", &l->rule.days},
               {"Transition/StorageClass", &l->rule.class}};
  if (s3_xml_is(path, "LifecycleConfiguration/Rule") && !text) {
    judge_rule(l);
    return;
  }
  l->rule.narrow = l->rule.narrow || s3_xml_is(path, "Filter/Tag") || s3_xml_is(path, "And/Tag");
  if (!text)
    return;
  if (s3_xml_is(path, "Rule/Status"))
    l->rule.enabled = strcmp(text, "Enabled") == 0;
  for (size_t i = 0; i < COUNT_OF(known); i++)
    if (s3_xml_is(path, known[i].name))
      *known[i].where = arena_strdup(l->arena, text);
}

static void tell_lifecycle(struct look *l)
{
  if (!l->aborts)
    tell(l, false, "no lifecycle rule aborts uploads that were never finished",
         "belay aborts its own with prune and the next backup; a rule that aborts all after 7 days "
         "does so without it.");
  if (l->versions && !l->expires_old)
    tell(l, true, "the bucket keeps versions, and no lifecycle rule removes old ones",
         "What belay prune deletes stays, and is paid for: add a rule "
         "NoncurrentVersionExpiration.");
}

int s3_advise(struct place *place, struct arena *arena, struct place_advices *ret, struct err *err)
{
  struct look l = {.place = (struct place_s3 *)place, .arena = arena, .out = ret};
  CLEANUP(s3_answer_clear) struct s3_answer versions = {.body = TEXT_INIT};
  CLEANUP(s3_answer_clear) struct s3_answer lock = {.body = TEXT_INIT};
  CLEANUP(s3_answer_clear) struct s3_answer rules = {.body = TEXT_INIT};
  int has_versions = ask(&l, "versioning", "looking at the versioning", &versions, err);
  int has_lock = has_versions < 0 ? -1 : ask(&l, "object-lock", "looking at the lock", &lock, err);
  int has_rules =
      has_lock < 0 ? -1 : ask(&l, "lifecycle", "looking at the lifecycle rules", &rules, err);
  if (has_rules < 0)
    return -1;
  look_at_clock(&l, &rules);
  if (has_versions)
    (void)s3_xml_read(versions.body.data, versions.body.len, visit_versioning, &l);
  if (has_lock)
    (void)s3_xml_read(lock.body.data, lock.body.len, visit_lock, &l);
  tell_lock(&l);
  if (has_rules)
    (void)s3_xml_read(rules.body.data, rules.body.len, visit_lifecycle, &l);
  if (l.unseen)
    tell(&l, false, "its versions, lock or lifecycle rules may not be looked at with these keys",
         "Look at them once with keys that may (s3:GetBucketVersioning, "
         "s3:GetBucketObjectLockConfiguration, s3:GetLifecycleConfiguration).");
  else
    tell_lifecycle(&l);
  return 0;
}
