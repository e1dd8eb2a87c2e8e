/* Keys from ~/.aws/credentials and ~/.aws/config: of a profile, or by the program it names. */
#include "store/s3_credentials_private.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/spawn.h"

#include <stdlib.h>

enum { PROCESS_WORDS_MAX = 64, PROCESS_TIMEOUT_MS = 60000 };

struct profile {
  const char *id, *secret, *token, *process, *role, *token_file, *session, *source;
  bool seen;
};

static char *strip(char *s)
{
  s += strspn(s, " \t\r");
  for (char *end = s + strlen(s); end > s && strchr(" \t\r", end[-1]);)
    *--end = '\0';
  return s;
}

static void keep(struct arena *arena, struct profile *p, const char *name, const char *value)
{
  const struct {
    const char *name;
    const char **where;
  } known[] = {{"aws_access_key_id", &p->id},
               {"aws_secret_access_key", &p->secret},
               {"aws_session_token", &p->token},
               {"credential_process", &p->process},
               {"role_arn", &p->role},
               {"web_identity_token_file", &p->token_file},
               {"role_session_name", &p->session},
               {"source_profile", &p->source}};
  for (size_t i = 0; i < COUNT_OF(known); i++)
    if (strcmp(name, known[i].name) == 0 && *value)
      *known[i].where = arena_strdup(arena, value);
}

/* "[profile x]" in config, "[x]" in credentials. */
static bool is_section(char *line, const char *profile, bool config)
{
  char *end = strchr(line, ']');
  if (!end)
    return false;
  *end = '\0';
  char *name = strip(line + 1);
  bool is_default = strcmp(name, "default") == 0;
  if (config && !is_default) {
    if (strncmp(name, "profile ", 8) != 0)
      return false;
    name = strip(name + 8);
  }
  return strcmp(name, profile) == 0;
}

static int read_file(struct s3_search *s, const char *path, const char *profile, bool config,
                     struct profile *p, struct err *err)
{
  char *bytes;
  size_t len;
  if (!fs_exists(path))
    return 0;
  if (fs_read(s->arena, path, &bytes, &len, err) < 0)
    return err_recode(err, ERR_STORE);
  bool inside = false;
  for (char *line; (line = strsep(&bytes, "\n"));) {
    char *value = strchr(line, '=');
    if (line[0] == '[') {
      inside = is_section(line, profile, config);
      p->seen = p->seen || inside;
    } else if (inside && value && !strchr("#; \t", line[0])) {
      *value++ = '\0';
      keep(s->arena, p, strip(line), strip(value));
    }
  }
  return 0;
}

static char *home_file(struct s3_search *s, const char *variable, const char *name)
{
  const char *told = s3_environment(variable), *home = s3_environment("HOME");
  if (told && strncmp(told, "~/", 2) == 0 && home)
    return fs_join(s->arena, home, told + 2);
  return told ? arena_strdup(s->arena, told) : fs_join(s->arena, home ? home : "/", name);
}

/* Words as a shell would split them: blanks, quotes, backslashes; nothing else is special. */
static int split_words(struct arena *arena, const char *p, const char **argv)
{
  int count = 0;
  for (p += strspn(p, " \t"); *p; p += strspn(p, " \t")) {
    CLEANUP(text_clear) struct text word = TEXT_INIT;
    for (char quote = '\0'; *p && (quote || (*p != ' ' && *p != '\t')); p++) {
      if (quote && *p == quote)
        quote = '\0';
      else if (!quote && (*p == '\'' || *p == '"'))
        quote = *p;
      else if (*p == '\\' && quote != '\'' && p[1])
        text_putc(&word, *++p);
      else
        text_putc(&word, *p);
    }
    if (count == PROCESS_WORDS_MAX)
      return -1;
    argv[count++] = arena_strdup(arena, word.data);
  }
  argv[count] = NULL;
  return count;
}

/* What it writes to stderr is dropped: it may be anything. */
static int run_process(struct s3_search *s, const char *command, struct s3_found *ret,
                       struct err *err)
{
  const char *argv[PROCESS_WORDS_MAX + 5] = {"sh", "-c", "exec \"$@\" 2>/dev/null", "sh"};
  struct spawn spec = {
      .argv = argv, .capture = true, .own_group = true, .timeout_ms = PROCESS_TIMEOUT_MS};
  struct spawn_result result = {0};
  if (split_words(s->arena, command, argv + 4) < 1)
    return err_set(err, ERR_STORE, "credential_process names no program");
  if (spawn_run(s->arena, &spec, &result, err) < 0) {
    err_recode(err, ERR_STORE);
    return err_wrap(err, "credential_process");
  }
  if (result.exit_code != 0)
    return err_set(err, ERR_STORE, "credential_process %s ended with exit code %d%s", argv[4],
                   result.exit_code, result.timed_out ? " (it took too long)" : "");
  return s3_read_keys_json(s, "credential_process", result.output, result.output_len, ret, err);
}

int s3_find_in_files(struct s3_search *s, struct s3_found *ret, struct err *err)
{
  struct profile p = {0};
  const char *named = s->profile ? s->profile : s3_environment("AWS_PROFILE");
  const char *profile = named ? named : "default";
  char *config = home_file(s, "AWS_CONFIG_FILE", ".aws/config");
  char *credentials = home_file(s, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
  if (read_file(s, config, profile, true, &p, err) < 0 ||
      read_file(s, credentials, profile, false, &p, err) < 0)
    return -1;
  if (p.id && p.secret) {
    ret->keys = (struct s3_keys){p.id, p.secret, p.token};
    return 1;
  }
  if (p.process)
    return run_process(s, p.process, ret, err);
  if (p.role && p.token_file)
    return s3_assume_by_token(s, p.role, p.token_file, p.session, ret, err);
  if (!named) {
    text_printf(&s->looked, "%s and %s hold no keys of profile default", credentials, config);
    return 0;
  }
  if (p.role || p.source)
    err_set(err, ERR_STORE, "profile %s assumes a role through another profile", profile);
  else
    err_set(err, ERR_STORE, "profile %s %s in %s or %s", profile, p.seen ? "has no keys" : "is not",
            credentials, config);
  return err_hint(err,
                  p.role || p.source
                      ? "Let the aws program do it: credential_process = aws configure "
                        "export-credentials --profile %s"
                      : "Correct AWS_PROFILE or profile=, or add the profile: aws configure "
                        "--profile %s",
                  profile);
}
