/* Seal: run.json, the result with the hashes of what the record holds; its presence says that the
 * run came to its end. */
#include "base/clock.h"
#include "base/fs.h"
#include "run/pipeline.h"

int run_stage_seal(struct run *run, const char **summary, struct err *err)
{
  struct place_entries entries = {0};
  const char *denied = NULL;
  if (place_list(run->env->place, run->arena, arena_printf(run->arena, "%s/", run->prefix),
                 &entries, err) < 0) {
    if (err->code != ERR_DENIED)
      return -1;
    denied = place_denied(run->env->place, run->arena);
    err_clear(err);
    entries.len = 0;
  }
  json_t *files = json_array();
  for (size_t i = 0; i < entries.len; i++) {
    char hash[STORE_SHA256_HEX], *bytes;
    size_t len;
    const char *name = entries.at[i].key + strlen(run->prefix) + 1;
    if (strcmp(name, "journal.jsonl") == 0 || strstr(name, "segment-"))
      continue; /* still written to; hashed in its own manifest */
    if (place_get(run->env->place, run->arena, entries.at[i].key, &bytes, &len, err) < 0) {
      if (err->code != ERR_DENIED) {
        json_decref(files);
        return -1;
      }
      denied = place_denied(run->env->place, run->arena);
      err_clear(err);
      continue;
    }
    store_sha256(bytes, len, hash);
    json_array_append_new(files, json_pack("{s:s,s:s}", "name", name, "sha256", hash));
  }
  json_t *json =
      json_pack("{s:i,s:s,s:s,s:s?,s:s,s:o}", "schema", 1, "id", run->id, "sealed_at",
                clock_iso8601(run->arena, clock_wall_us()), "backup",
                run->has_backup ? run->backup.id : NULL, "result", "done", "files", files);
  char *text = json_dumps(json, JSON_INDENT(1) | JSON_SORT_KEYS);
  const char *key = arena_printf(run->arena, "%s/run.json", run->prefix);
  int rc = place_put(run->env->place, key, text, strlen(text), err); /* only names and hashes */
  free(text);
  json_decref(json);
  *summary = arena_printf(run->arena, "record in %s/%s%s%s%s", place_name(run->env->place),
                          run->prefix, denied ? ", without hashes: the credentials may not " : "",
                          denied ? denied : "", denied ? " there" : "");
  return rc;
}
