#include "run/pipeline.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/spawn.h"

enum { HOOK_TIMEOUT_MS = 10000 };

void run_event(struct run *run, const char *event, const char *stage, const char *result)
{
  const struct config *config = &run->env->config;
  if (!run->id || config->hooks.len == 0)
    return;
  CLEANUP(text_clear) struct text json = TEXT_INIT;
  struct jw w = jw_begin(&json);
  jw_object(&w);
  jw_key_int(&w, "schema", 1);
  jw_key_string(&w, "event", event);
  jw_key_string(&w, "run", run->id);
  jw_key_string(&w, "target", run->env->target.shown);
  jw_key_string(&w, "environment", run->env->policy.name);
  jw_key_string(&w, "stage", stage);
  jw_key_string(&w, "result", result);
  jw_end(&w);
  const char *env[] = {
      arena_printf(run->arena, "BELAY_EVENT=%s", event),
      arena_printf(run->arena, "BELAY_RUN=%s", run->id),
      arena_printf(run->arena, "BELAY_STAGE=%s", stage ? stage : ""),
      arena_printf(run->arena, "BELAY_RESULT=%s", result ? result : ""),
      NULL,
  };
  for (size_t i = 0; i < config->hooks.len; i++) {
    const char *argv[] = {fs_join(run->arena, config->dir, config->hooks.at[i]), NULL};
    struct spawn spec = {.argv = argv,
                         .env = env,
                         .input = json.data,
                         .capture = true,
                         .own_group = true,
                         .after_interrupt = true,
                         .timeout_ms = HOOK_TIMEOUT_MS};
    struct spawn_result done;
    CLEANUP(err_clear) struct err err = ERR_INIT;
    if (spawn_run(run->arena, &spec, &done, &err) < 0)
      log_warning("hook %s: %s", argv[0], err.message);
    else if (done.exit_code != 0)
      log_warning("hook %s ended with %d%s", argv[0], done.exit_code,
                  done.timed_out ? " (timed out)" : "");
  }
}
