#include "db/target.h"
#include "base/fs.h"
#include "base/log.h"
#include "db/target_text.h"

#include <libpq-fe.h>
#include <unistd.h>

/* --- Prisma's parameters --- */

struct translation {
  struct arena *arena;
  struct target_params params; /* what libpq gets */
  const char *schema;          /* NULL: not given */
  const char *ca_file;         /* Prisma's sslcert */
  bool pooled, strict;
};

typedef int (*take_param)(struct translation *t, const char *name, const char *value,
                          struct err *err);

static int take_nothing(struct translation *t, const char *name, const char *value, struct err *err)
{
  UNUSED(t);
  UNUSED(name);
  UNUSED(value);
  UNUSED(err);
  return 0;
}

static int take_schema(struct translation *t, const char *name, const char *value, struct err *err)
{
  UNUSED(name);
  if (!value[0])
    return err_set(err, ERR_USAGE, "the parameter schema is empty");
  t->schema = value;
  return 0;
}

static int take_pgbouncer(struct translation *t, const char *name, const char *value,
                          struct err *err)
{
  bool yes = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
  if (!yes && strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
    return err_set(err, ERR_USAGE, "the parameter %s is neither true nor false", name);
  t->pooled = yes;
  return 0;
}

static int take_sslaccept(struct translation *t, const char *name, const char *value,
                          struct err *err)
{
  t->strict = strcmp(value, "strict") == 0;
  if (!t->strict && strcmp(value, "accept_invalid_certs") != 0)
    return err_set(err, ERR_USAGE, "the parameter %s is neither strict nor accept_invalid_certs",
                   name);
  return 0;
}

static int take_identity(struct translation *t, const char *name, const char *value,
                         struct err *err)
{
  UNUSED(t);
  UNUSED(value);
  err_set(err, ERR_USAGE, "the parameter %s (a PKCS #12 identity) is Prisma's own", name);
  return err_hint(err,
                  "Extract certificate and key with `openssl pkcs12`, and give them to belay as "
                  "sslcert=FILE&sslkey=FILE in BELAY_DATABASE_URL.");
}

static int take_ssl(struct translation *t, const char *name, const char *value, struct err *err)
{
  if (strcmp(value, "true") != 0)
    return err_set(err, ERR_USAGE, "the parameter %s is known with the value true only", name);
  target_param_set(t->arena, &t->params, "sslmode", "require");
  return 0;
}

/* Parameters of URLs that libpq does not know. */
static const struct {
  const char *name;
  take_param take;
} url_params[] = {
    {"schema", take_schema},
    {"pgbouncer", take_pgbouncer},
    {"sslaccept", take_sslaccept},
    {"sslidentity", take_identity},
    {"ssl", take_ssl}, /* libpq takes it in URLs, as JDBC's */
    /* sizes and times of the application's pool: nothing that belay has */
    {"connection_limit", take_nothing},
    {"pool_timeout", take_nothing},
    {"socket_timeout", take_nothing},
    {"statement_cache_size", take_nothing},
    {"max_connection_lifetime", take_nothing},
    {"max_idle_connection_lifetime", take_nothing},
    {"single_use_connections", take_nothing},
    {"uselibpqcompat", take_nothing}, /* node-postgres: "as libpq does" */
};

static void free_options(PQconninfoOption **options)
{
  if (*options)
    PQconninfoFree(*options);
}

static bool is_libpq_keyword(const PQconninfoOption *options, const char *key)
{
  for (; options->keyword; options++)
    if (strcmp(options->keyword, key) == 0)
      return true;
  return false;
}

static int take_param_of(struct translation *t, const PQconninfoOption *known,
                         const struct target_param *p, struct err *err)
{
  for (size_t i = 0; i < COUNT_OF(url_params); i++)
    if (strcmp(url_params[i].name, p->key) == 0)
      return url_params[i].take(t, p->key, p->value, err);
  if (is_libpq_keyword(known, p->key)) {
    target_param_set(t->arena, &t->params, p->key, p->value);
    return 0;
  }
  err_set(err, ERR_USAGE, "unknown parameter \"%s\"", p->key);
  return err_hint(err, "Remove it, or give belay a URL of its own in BELAY_DATABASE_URL with the "
                       "parameters that libpq knows.");
}

/* Prisma looks for a relative path below prisma/. A CA file that is absent would switch
 * verification off silently (libpq, sslmode=require), so it is refused. */
static int set_ca_file(struct translation *t, struct err *err)
{
  const char *path = t->ca_file;
  if (path[0] != '/' && access(path, R_OK) != 0) {
    const char *below_prisma = fs_join(t->arena, "prisma", path);
    if (access(below_prisma, R_OK) == 0)
      path = below_prisma;
  }
  if (access(path, R_OK) != 0) {
    err_errno(err, ERR_USAGE, "sslcert, the server's CA certificate: %s", path);
    return err_hint(err,
                    "Give its absolute path; a client certificate needs sslkey beside sslcert.");
  }
  target_param_set(t->arena, &t->params, "sslrootcert", path);
  return 0;
}

/* Prisma's strict trusts the system's authorities; libpq needs to be told where they are. */
static void set_strict(struct translation *t)
{
  static const char *const bundles[] = {"/etc/ssl/certs/ca-certificates.crt",
                                        "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};
  const char *mode = target_param_get(&t->params, "sslmode");
  if (mode && strcmp(mode, "disable") == 0)
    return;
  target_param_set(t->arena, &t->params, "sslmode", "verify-full");
  const char *home = getenv("HOME");
  if (target_param_get(&t->params, "sslrootcert") || getenv("PGSSLROOTCERT") ||
      (home && access(arena_printf(t->arena, "%s/.postgresql/root.crt", home), R_OK) == 0))
    return;
  if (PQlibVersion() >= 160000) {
    target_param_set(t->arena, &t->params, "sslrootcert", "system");
    return;
  }
  for (size_t i = 0; i < COUNT_OF(bundles); i++)
    if (access(bundles[i], R_OK) == 0) {
      target_param_set(t->arena, &t->params, "sslrootcert", bundles[i]);
      return;
    }
}

/* options=... -csearch_path="schema"; blanks and backslashes are escaped for the server's
 * splitting. */
static void set_search_path(struct translation *t)
{
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  const char *given = target_param_get(&t->params, "options");
  if (!given)
    given = getenv("PGOPTIONS"); /* our `options` would hide it */
  if (given && given[0])
    text_printf(&out, "%s ", given);
  text_puts(&out, "-csearch_path=\"");
  for (const char *p = t->schema; *p; p++) {
    if (*p == '"')
      text_putc(&out, '"');
    if (*p == '\\' || *p == ' ' || (*p >= '\t' && *p <= '\r'))
      text_putc(&out, '\\');
    text_putc(&out, *p);
  }
  text_putc(&out, '"');
  target_param_set(t->arena, &t->params, "options", arena_strdup(t->arena, out.data));
}

/* Poolers that are known by their address: Neon's host name, Supabase's transaction port. */
static bool is_pooler_address(const struct target_params *params)
{
  const char *host = target_param_get(params, "host");
  const char *port = target_param_get(params, "port");
  if (!host)
    return false;
  if (strstr(host, "-pooler.") && strstr(host, ".neon.tech"))
    return true;
  return strstr(host, ".pooler.supabase.com") && port && strcmp(port, "6543") == 0;
}

static int translate(struct translation *t, const struct target_params *given,
                     const PQconninfoOption *known, struct err *err)
{
  /* Prisma's sslcert is the server's CA; libpq's is the client's certificate, which has a key or a
   * CA beside it */
  bool prisma_sslcert =
      !target_param_get(given, "sslkey") && !target_param_get(given, "sslrootcert");
  for (size_t i = 0; i < given->len; i++) {
    const struct target_param *p = &given->at[i];
    if (prisma_sslcert && strcmp(p->key, "sslcert") == 0)
      t->ca_file = p->value;
    else if (prisma_sslcert && strcmp(p->key, "sslpassword") == 0)
      return take_identity(t, p->key, p->value, err);
    else if (take_param_of(t, known, p, err) < 0)
      return -1;
  }
  if (t->ca_file && set_ca_file(t, err) < 0)
    return -1;
  if (t->strict)
    set_strict(t);
  if (t->schema)
    set_search_path(t);
  t->pooled = t->pooled || is_pooler_address(&t->params);
  return 0;
}

/* --- what libpq would fill in --- */

/* The options of `params` and the defaults (service file, environment, built in) for those that are
 * not given. libpq reads a service file only for PGSERVICE, so that is set while it looks. */
static int with_defaults(struct arena *arena, const struct target_params *params,
                         struct target_params *ret, struct err *err)
{
  const char *service = target_param_get(params, "service"), *old = getenv("PGSERVICE");
  CLEANUP(free_ptr) char *kept = old ? x_strdup(old) : NULL;
  if (service)
    setenv("PGSERVICE", service, 1);
  CLEANUP(free_options) PQconninfoOption *defaults = PQconndefaults();
  if (service && kept)
    setenv("PGSERVICE", kept, 1);
  else if (service)
    unsetenv("PGSERVICE");
  if (!defaults)
    return err_set(err, ERR_UNEXPECTED, "libpq has no connection defaults (out of memory?)");
  static const char *const wanted[] = {"user", "password", "host", "hostaddr", "port", "dbname"};
  struct target_params all = {0};
  for (size_t i = 0; i < COUNT_OF(wanted); i++) {
    const char *value = target_param_get(params, wanted[i]);
    for (const PQconninfoOption *o = defaults; !value && o->keyword; o++)
      if (strcmp(o->keyword, wanted[i]) == 0)
        value = o->val;
    if (value && value[0])
      target_param_set(arena, &all, wanted[i], arena_strdup(arena, value));
  }
  if (!target_param_get(&all, "dbname") && target_param_get(&all, "user"))
    target_param_set(arena, &all, "dbname", target_param_get(&all, "user"));
  *ret = all;
  return 0;
}

static char *shown_of(struct arena *arena, const struct target_params *effective)
{
  struct target_params shown = {0};
  for (size_t i = 0; i < effective->len; i++)
    if (strcmp(effective->at[i].key, "password") != 0)
      vec_push(arena, &shown, effective->at[i]);
  return target_join_url(arena, &shown);
}

/* A URL for programs that take nothing else: what was given, completed by where libpq would go. */
static char *url_of(struct arena *arena, const struct target_params *given,
                    const struct target_params *effective)
{
  struct target_params all = {0};
  for (size_t i = 0; i < effective->len; i++)
    vec_push(arena, &all, effective->at[i]);
  for (size_t i = 0; i < given->len; i++)
    target_param_set(arena, &all, given->at[i].key, given->at[i].value);
  return target_join_url(arena, &all);
}

/* --- one string --- */

static int refuse_scheme(const char *text, struct err *err)
{
  if (strncmp(text, "prisma://", 9) == 0 || strncmp(text, "prisma+postgres://", 18) == 0) {
    err_set(err, ERR_USAGE, "a prisma:// URL leads to Prisma's proxy, not to a database");
    return err_hint(err, "Give the direct URL, postgresql://..., in BELAY_DATABASE_URL.");
  }
  if (text[0] == '"' || text[0] == '\'') {
    err_set(err, ERR_USAGE, "the value starts with a quote");
    return err_hint(err, "Take the quotes away: they belong to the shell, not to the value.");
  }
  size_t scheme =
      strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-:");
  if (strncmp(text + scheme, "//", 2) != 0 || scheme == 0 || text[scheme - 1] != ':')
    return 0;
  err_set(err, ERR_USAGE, "a URL of another kind: %.*s//", (int)scheme, text);
  return err_hint(err, "Give it as postgresql://USER@HOST:5432/DATABASE.");
}

static char *trimmed(struct arena *arena, const char *text)
{
  static const char blanks[] = " \t\r\n";
  text += strspn(text, blanks);
  size_t len = strlen(text);
  while (len && strchr(blanks, text[len - 1]))
    len--;
  return arena_strndup(arena, text, len);
}

static int fill_target(struct translation *t, const char *url, const char *source,
                       struct db_target *ret, struct err *err)
{
  struct target_params effective;
  if (with_defaults(t->arena, &t->params, &effective, err) < 0)
    return -1;
  const char *database = target_param_get(&effective, "dbname");
  if (!database)
    return err_set(err, ERR_USAGE, "no database name and no user name to take instead");
  log_secret(target_param_get(&effective, "password"));
  log_secret(target_param_get(&t->params, "sslpassword"));
  *ret = (struct db_target){
      .url = url ? url : url_of(t->arena, &t->params, &effective),
      .conninfo = target_join_conninfo(t->arena, &t->params),
      .shown = shown_of(t->arena, &effective),
      .source = arena_strdup(t->arena, source),
      .schema = t->schema ? t->schema : "public",
      .database = database,
      .pooled = t->pooled,
  };
  return 0;
}

/* user:SECRET@ as it stands in the URL, percent-encoded */
static void hide_encoded_password(struct arena *arena, const char *url)
{
  const char *start = strstr(url, "://") + 3, *at = start + strcspn(start, "@/");
  const char *colon = memchr(start, ':', (size_t)(at - start));
  if (*at == '@' && colon)
    log_secret(arena_strndup(arena, colon + 1, (size_t)(at - colon - 1)));
}

static int parse_text(struct arena *arena, const char *text, const char *source,
                      struct db_target *ret, struct err *err)
{
  CLEANUP(free_options) PQconninfoOption *known = PQconndefaults();
  if (!known)
    return err_set(err, ERR_UNEXPECTED, "libpq has no connection defaults (out of memory?)");
  struct target_params given = {0};
  struct translation t = {.arena = arena};
  bool is_url = target_is_url(text);
  if (!is_url && refuse_scheme(text, err) < 0)
    return -1;
  if (is_url) {
    hide_encoded_password(arena, text);
    if (target_split_url(arena, text, &given, err) < 0 || translate(&t, &given, known, err) < 0)
      return -1;
    return fill_target(&t, text, source, ret, err);
  }
  if (target_split_conninfo(arena, text, &given, err) < 0)
    return -1;
  for (size_t i = 0; i < given.len; i++)
    if (!is_libpq_keyword(known, given.at[i].key))
      return err_set(err, ERR_USAGE, "unknown parameter \"%s\"", given.at[i].key);
  t.params = given;
  t.pooled = is_pooler_address(&given);
  return fill_target(&t, NULL, source, ret, err);
}

int db_target_parse(struct arena *arena, const char *url, const char *source,
                    struct db_target *ret_target, struct err *err)
{
  const char *text = trimmed(arena, url);
  if (!text[0]) {
    err_set(err, ERR_USAGE, "%s is set but empty", source);
    return err_hint(err, "Give it a value, or unset it to let belay look further.");
  }
  if (parse_text(arena, text, source, ret_target, err) < 0)
    return err_wrap(err, "%s", source);
  return 0;
}

int db_target_with_database(struct arena *arena, const struct db_target *target,
                            const char *database, struct db_target *ret_target, struct err *err)
{
  struct target_params params, effective;
  if (target_split_conninfo(arena, target->conninfo, &params, err) < 0)
    return -1;
  target_param_set(arena, &params, "dbname", arena_strdup(arena, database));
  if (with_defaults(arena, &params, &effective, err) < 0)
    return -1;
  struct db_target other = *target;
  other.conninfo = target_join_conninfo(arena, &params);
  other.url = target_url_with_database(arena, target->url, database);
  other.shown = shown_of(arena, &effective);
  other.database = arena_strdup(arena, database);
  *ret_target = other;
  return 0;
}

/* --- the order of sources --- */

struct place {          /* where names are looked up: the environment, or one .env file */
  const char *env_file; /* NULL: the environment */
  const char *shown;    /* of the file */
};

static int look_up(struct arena *arena, const struct place *place, const char *name,
                   const char **ret_value, const char **ret_source, struct err *err)
{
  *ret_source = place->env_file ? arena_printf(arena, "%s (%s)", place->shown, name)
                                : arena_strdup(arena, name);
  if (place->env_file)
    return db_env_file_get(arena, place->env_file, name, ret_value, err);
  *ret_value = getenv(name);
  return 0;
}

/* A pooled URL is replaced by the direct one of the same place, if there is one. The places are not
 * mixed: a DIRECT_URL of a developer's .env has nothing to do with the DATABASE_URL of the
 * environment. */
static int prefer_direct(struct arena *arena, const struct place *place, const char *names,
                         struct db_target *target, struct err *err)
{
  const char *at = names ? names : "DIRECT_URL,DIRECT_DATABASE_URL";
  while (*at) {
    size_t len = strcspn(at, ",");
    const char *name = trimmed(arena, arena_strndup(arena, at, len));
    at += len + (at[len] == ',');
    const char *value = NULL, *source;
    if (name[0] && look_up(arena, place, name, &value, &source, err) < 0)
      return -1;
    if (!value || !trimmed(arena, value)[0])
      continue;
    struct db_target direct;
    source = arena_printf(arena, "%s, because %s is pooled", source, target->source);
    if (db_target_parse(arena, value, source, &direct, err) < 0)
      return -1;
    if (!direct.pooled) {
      *target = direct;
      return 0;
    }
  }
  return 0;
}

/* *ret_found: one of the two names is there. */
static int resolve_in(struct arena *arena, const struct place *place, const char *direct_names,
                      struct db_target *ret, bool *ret_found, struct err *err)
{
  static const char *const names[] = {"BELAY_DATABASE_URL", "DATABASE_URL"};
  *ret_found = false;
  for (size_t i = 0; i < COUNT_OF(names); i++) {
    const char *value, *source;
    if (look_up(arena, place, names[i], &value, &source, err) < 0)
      return -1;
    if (!value)
      continue;
    *ret_found = true;
    if (db_target_parse(arena, value, source, ret, err) < 0)
      return -1;
    return ret->pooled ? prefer_direct(arena, place, direct_names, ret, err) : 0;
  }
  return 0;
}

static int resolve_libpq(struct arena *arena, struct db_target *ret, struct err *err)
{
  static const char *const names[] = {"PGSERVICE", "PGHOST",     "PGHOSTADDR",
                                      "PGPORT",    "PGDATABASE", "PGUSER"};
  CLEANUP(text_clear) struct text set = TEXT_INIT;
  for (size_t i = 0; i < COUNT_OF(names); i++)
    if (getenv(names[i]))
      text_printf(&set, "%s%s", set.len ? ", " : "", names[i]);
  struct translation t = {.arena = arena};
  return fill_target(&t, NULL, set.len ? set.data : "libpq defaults", ret, err);
}

static int resolve_env_file(struct arena *arena, const struct db_target_request *request,
                            struct db_target *ret, bool *ret_found, struct err *err)
{
  struct place file = {.env_file = request->env_file, .shown = request->env_file};
  if (!file.env_file) {
    file.env_file = fs_join(arena, request->dir ? request->dir : ".", ".env");
    file.shown = ".env";
    if (!fs_exists(file.env_file))
      return 0;
  }
  return resolve_in(arena, &file, request->direct_url_names, ret, ret_found, err);
}

int db_target_resolve(struct arena *arena, const struct db_target_request *request,
                      struct db_target *ret_target, struct err *err)
{
  if (request->env_file && !fs_exists(request->env_file))
    return err_set(err, ERR_USAGE, "%s: the file that --env-file or env_file names does not exist",
                   request->env_file);
  if (request->option)
    return db_target_parse(arena, request->option, "--database", ret_target, err);
  struct place environment = {0};
  bool found;
  if (resolve_in(arena, &environment, request->direct_url_names, ret_target, &found, err) < 0)
    return -1;
  if (!found && resolve_env_file(arena, request, ret_target, &found, err) < 0)
    return -1;
  if (found)
    return 0;
  if (request->configured)
    return db_target_parse(arena, request->configured, "belay.yaml", ret_target, err);
  if (request
          ->env_file) { /* named on purpose: falling through to another database would surprise */
    err_set(err, ERR_USAGE, "%s holds neither BELAY_DATABASE_URL nor DATABASE_URL",
            request->env_file);
    return err_hint(err, "Put DATABASE_URL=postgresql://... into it, or use --database URL.");
  }
  return resolve_libpq(arena, ret_target, err);
}
