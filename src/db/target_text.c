#include "db/target_text.h"

#include <ctype.h>

const char *target_param_get(const struct target_params *params, const char *key)
{
  for (size_t i = 0; i < params->len; i++)
    if (strcmp(params->at[i].key, key) == 0)
      return params->at[i].value;
  return NULL;
}

void target_param_set(struct arena *arena, struct target_params *params, const char *key,
                      const char *value)
{
  for (size_t i = 0; i < params->len; i++)
    if (strcmp(params->at[i].key, key) == 0) {
      params->at[i].value = value;
      return;
    }
  vec_push(arena, params, ((struct target_param){key, value}));
}

bool target_is_url(const char *text)
{
  return strncmp(text, "postgresql://", 13) == 0 || strncmp(text, "postgres://", 11) == 0;
}

/* --- URL --- */

/* Where the pieces of a URL are: offsets as libpq's scanner finds them. */
struct pieces {
  const char *user, *user_end;         /* user_end == user: none */
  const char *password, *password_end; /* NULL: none */
  const char *hosts, *hosts_end;
  const char *path, *path_end; /* without the slash; path == hosts_end: no slash */
  const char *query;           /* behind the ?, or the end */
};

static void find_pieces(const char *url, struct pieces *ret)
{
  const char *start = strstr(url, "://") + 3;
  struct pieces p = {.user = start, .user_end = start, .hosts = start};
  const char *at = start + strcspn(start, "@/");
  if (*at == '@') {
    const char *colon = memchr(start, ':', (size_t)(at - start));
    p.user_end = colon ? colon : at;
    if (colon) {
      p.password = colon + 1;
      p.password_end = at;
    }
    p.hosts = at + 1;
  }
  p.hosts_end = p.hosts + strcspn(p.hosts, "/?");
  p.path = *p.hosts_end == '/' ? p.hosts_end + 1 : p.hosts_end;
  p.path_end = p.path + strcspn(p.path, "?");
  p.query = *p.path_end ? p.path_end + 1 : p.path_end;
  *ret = p;
}

static int hex_digit(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c = (char)tolower((unsigned char)c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int encode_hint(struct err *err)
{
  return err_hint(err, "Percent-encode special characters of the password: / is %%2F, @ is %%40, "
                       ": is %%3A, ? is %%3F, # is %%23, %% is %%25.");
}

static int decode(struct arena *arena, const char *from, const char *end, const char **ret,
                  struct err *err)
{
  char *out = arena_alloc(arena, (size_t)(end - from) + 1), *to = out;
  while (from < end) {
    if (*from != '%') {
      *to++ = *from++;
      continue;
    }
    int high = end - from > 2 ? hex_digit(from[1]) : -1;
    int low = end - from > 2 ? hex_digit(from[2]) : -1;
    if (high < 0 || low < 0 || (high == 0 && low == 0)) {
      err_set(err, ERR_USAGE, "the URL holds a %% that is not a percent-encoded character");
      return encode_hint(err);
    }
    *to++ = (char)(high * 16 + low);
    from += 3;
  }
  *ret = out;
  return 0;
}

/* host[:port] up to `end`; ret_port "" when absent */
static int split_host(struct arena *arena, const char *from, const char *end, const char **ret_host,
                      const char **ret_port, struct err *err)
{
  const char *host_end = from;
  if (*from == '[') {
    host_end = memchr(from, ']', (size_t)(end - from));
    if (!host_end)
      return err_set(err, ERR_USAGE, "the URL holds an IPv6 address without its closing ]");
    *ret_host = arena_strndup(arena, from + 1, (size_t)(host_end - from - 1));
    host_end++;
  } else {
    while (host_end < end && *host_end != ':')
      host_end++;
    if (memchr(from, '@', (size_t)(host_end - from))) {
      err_set(err, ERR_USAGE, "the URL holds more than one @ before the host");
      return encode_hint(err);
    }
    if (decode(arena, from, host_end, ret_host, err) < 0)
      return -1;
  }
  *ret_port = "";
  if (host_end == end)
    return 0;
  const char *port = host_end + 1;
  size_t len = (size_t)(end - port);
  size_t digits = strspn(port, "0123456789");
  if (*host_end != ':' || digits < len || len > 5) {
    err_set(err, ERR_USAGE, "the URL holds a port that is not a number");
    return encode_hint(err);
  }
  *ret_port = arena_strndup(arena, port, len);
  return 0;
}

static int split_hosts(struct arena *arena, const struct pieces *p, struct target_params *ret,
                       struct err *err)
{
  CLEANUP(text_clear) struct text hosts = TEXT_INIT;
  CLEANUP(text_clear) struct text ports = TEXT_INIT;
  bool any_host = false, any_port = false;
  for (const char *at = p->hosts;; at++) {
    const char *end = at;
    while (end < p->hosts_end && *end != ',')
      end++;
    const char *host, *port;
    if (split_host(arena, at, end, &host, &port, err) < 0)
      return -1;
    text_printf(&hosts, "%s%s", at == p->hosts ? "" : ",", host);
    text_printf(&ports, "%s%s", at == p->hosts ? "" : ",", port);
    any_host = any_host || host[0] || at != p->hosts;
    any_port = any_port || port[0];
    at = end;
    if (at == p->hosts_end)
      break;
  }
  if (any_host)
    target_param_set(arena, ret, "host", arena_strdup(arena, hosts.data));
  if (any_port)
    target_param_set(arena, ret, "port", arena_strdup(arena, ports.data));
  return 0;
}

static int split_query(struct arena *arena, const char *query, struct target_params *ret,
                       struct err *err)
{
  for (const char *at = query; *at;) {
    const char *end = at + strcspn(at, "&");
    const char *equals = memchr(at, '=', (size_t)(end - at));
    const char *key, *value;
    if (!equals || equals == at)
      return err_set(err, ERR_USAGE, "the URL holds a parameter that is not name=value");
    if (decode(arena, at, equals, &key, err) < 0 || decode(arena, equals + 1, end, &value, err) < 0)
      return -1;
    target_param_set(arena, ret, key, value);
    at = *end ? end + 1 : end;
  }
  return 0;
}

int target_split_url(struct arena *arena, const char *url, struct target_params *ret,
                     struct err *err)
{
  struct pieces p;
  find_pieces(url, &p);
  struct target_params params = {0};
  const char *value;
  if (p.user_end > p.user) {
    if (decode(arena, p.user, p.user_end, &value, err) < 0)
      return -1;
    target_param_set(arena, &params, "user", value);
  }
  if (p.password && p.password_end > p.password) {
    if (decode(arena, p.password, p.password_end, &value, err) < 0)
      return -1;
    target_param_set(arena, &params, "password", value);
  }
  if (split_hosts(arena, &p, &params, err) < 0)
    return -1;
  /* user:pa/ss@host: the slash ended what libpq takes for the host */
  if (p.hosts == p.user && memchr(p.path, '@', (size_t)(p.path_end - p.path))) {
    err_set(err, ERR_USAGE, "the URL holds an @ behind its first /");
    return encode_hint(err);
  }
  if (p.path_end > p.path) {
    if (decode(arena, p.path, p.path_end, &value, err) < 0)
      return -1;
    target_param_set(arena, &params, "dbname", value);
  }
  if (split_query(arena, p.query, &params, err) < 0)
    return -1;
  *ret = params;
  return 0;
}

static void encode(struct text *out, const char *value, const char *also_plain)
{
  for (const char *p = value; *p; p++) {
    unsigned char c = (unsigned char)*p;
    if (isalnum(c) || strchr("-._~", c) || strchr(also_plain, c))
      text_putc(out, *p);
    else
      text_printf(out, "%%%02X", (unsigned)c);
  }
}

char *target_url_with_database(struct arena *arena, const char *url, const char *database)
{
  struct pieces p;
  find_pieces(url, &p);
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  text_append(&out, url, (size_t)(p.hosts_end - url));
  text_putc(&out, '/');
  encode(&out, database, "");
  char separator = '?';
  for (const char *at = p.query; *at;) {
    size_t len = strcspn(at, "&");
    if (strncmp(at, "dbname=", 7) != 0) { /* it would override the path */
      text_putc(&out, separator);
      text_append(&out, at, len);
      separator = '&';
    }
    at += len + (at[len] == '&');
  }
  return arena_strdup(arena, out.data);
}

static void join_hosts(struct text *out, const char *host, const char *port)
{
  for (;;) {
    size_t host_len = strcspn(host, ","), port_len = strcspn(port, ",");
    bool colon = memchr(host, ':', host_len) != NULL; /* IPv6 */
    CLEANUP(free_ptr) char *one = x_strndup(host, host_len);
    text_puts(out, colon ? "[" : "");
    encode(out, one, ":");
    text_puts(out, colon ? "]" : "");
    if (port_len)
      text_printf(out, ":%.*s", (int)port_len, port);
    if (!host[host_len])
      return;
    text_putc(out, ',');
    host += host_len + 1;
    /* a single port holds for all hosts */
    port += strchr(port, ',') ? port_len + 1 : 0;
  }
}

char *target_join_url(struct arena *arena, const struct target_params *params)
{
  const char *user = target_param_get(params, "user");
  const char *password = target_param_get(params, "password");
  const char *host = target_param_get(params, "host"), *port = target_param_get(params, "port");
  const char *dbname = target_param_get(params, "dbname");
  bool in_place = host && host[0] != '/' && host[0] != '@' && !strstr(host, ",/");
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  text_puts(&out, "postgresql://");
  encode(&out, user ? user : "", "");
  if (password) {
    text_putc(&out, ':');
    encode(&out, password, "");
  }
  if (user || password)
    text_putc(&out, '@');
  if (in_place)
    join_hosts(&out, host, port ? port : "");
  text_putc(&out, '/');
  encode(&out, dbname ? dbname : "", "");
  char separator = '?';
  for (size_t i = 0; i < params->len; i++) {
    const struct target_param *p = &params->at[i];
    bool placed = strcmp(p->key, "user") == 0 || strcmp(p->key, "dbname") == 0 ||
                  (in_place && (strcmp(p->key, "host") == 0 || strcmp(p->key, "port") == 0));
    if (placed || strcmp(p->key, "password") == 0)
      continue;
    text_putc(&out, separator);
    separator = '&';
    encode(&out, p->key, "_");
    text_putc(&out, '=');
    encode(&out, p->value, "/,");
  }
  return arena_strdup(arena, out.data);
}

/* --- keyword = value --- */

static int read_value(const char **at, struct text *out, struct err *err)
{
  const char *p = *at;
  bool quoted = *p == '\'';
  for (p += quoted; *p && (quoted ? *p != '\'' : !isspace((unsigned char)*p)); p++) {
    if (*p == '\\' && p[1])
      p++;
    text_putc(out, *p);
  }
  if (quoted && *p != '\'')
    return err_set(err, ERR_USAGE, "the connection string holds a quote that is not closed");
  *at = p + quoted;
  return 0;
}

static const char *skip_space(const char *p)
{
  while (isspace((unsigned char)*p))
    p++;
  return p;
}

int target_split_conninfo(struct arena *arena, const char *text, struct target_params *ret,
                          struct err *err)
{
  struct target_params params = {0};
  for (const char *at = skip_space(text); *at; at = skip_space(at)) {
    const char *key = at;
    while (*at && *at != '=' && !isspace((unsigned char)*at))
      at++;
    const char *name = arena_strndup(arena, key, (size_t)(at - key));
    at = skip_space(at);
    if (*at != '=' || !name[0]) {
      err_set(err, ERR_USAGE,
              "neither a postgresql:// URL nor a connection string of the form keyword=value");
      return err_hint(err, "Give it as postgresql://USER@HOST:5432/DATABASE.");
    }
    at = skip_space(at + 1);
    CLEANUP(text_clear) struct text value = TEXT_INIT;
    if (read_value(&at, &value, err) < 0)
      return -1;
    target_param_set(arena, &params, name, arena_strdup(arena, value.data));
  }
  *ret = params;
  return 0;
}

char *target_join_conninfo(struct arena *arena, const struct target_params *params)
{
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  for (size_t i = 0; i < params->len; i++) {
    text_printf(&out, "%s%s='", i ? " " : "", params->at[i].key);
    for (const char *p = params->at[i].value; *p; p++) {
      if (*p == '\'' || *p == '\\')
        text_putc(&out, '\\');
      text_putc(&out, *p);
    }
    text_putc(&out, '\'');
  }
  return arena_strdup(arena, out.data);
}
