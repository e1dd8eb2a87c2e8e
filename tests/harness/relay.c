/* relay LISTEN TARGET RULES LOG: forwards HTTP from 127.0.0.1:LISTEN to 127.0.0.1:TARGET unchanged
 * (so that signatures hold), but for what the file RULES says. It is read anew for each request;
 * its lines are
 *
 *   N COUNT ACTION [ARGUMENT] /REGEX/
 *
 * The regular expression is matched with the request line ("PUT /bucket/key?a=b HTTP/1.1").
 * The rule skips its first N matches, then acts on COUNT (0: all). The first rule that acts is
 * taken. Actions before the server sees anything:
 *
 *   answer STATUS[,CODE[,HEADER: VALUE]]   answers so, an <Error> with CODE as body
 *   refuse          closes at once, with a reset
 *   reset BYTES     resets after so many bytes of the request
 *   stall           takes the request, never answers
 *   flipup BYTE     changes one bit of that byte of the request's body
 *   delay MS        forwards later
 *
 * and after it has done its work:
 *
 *   lose            resets: the answer is lost
 *   cut BYTES       closes after so many bytes of the answer's body
 *   stallback BYTES stops after so many, and holds the connection
 *   flip BYTE       changes one bit of that byte of the answer's body
 *   etag            changes the ETag header of the answer
 *   old             puts the times of uploads and parts in the answer ten years back
 *   error CODE      answers 200 with an <Error> as body
 *
 * Each request is one line in LOG: the action (or "-") and the request line. One thread and one
 * request a connection.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RULES_MAX = 32, HEAD_MAX = 65536, PIECE = 65536 };

static int target_port;
static const char *rules_path;
static FILE *logged;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* How often the rule of this text has matched. */
static struct {
  char text[512];
  long matches;
} seen[RULES_MAX * 8];

struct action {
  char name[16], argument[256];
};

/* ---- rules ---- */

static long *matches_of(const char *text)
{
  size_t i = 0;
  while (seen[i].text[0] && strcmp(seen[i].text, text) != 0)
    i++;
  snprintf(seen[i].text, sizeof(seen[i].text), "%s", text);
  return &seen[i].matches;
}

static bool matches(const char *pattern, const char *line)
{
  regex_t regex;
  if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
    return false;
  bool yes = regexec(&regex, line, 0, NULL, 0) == 0;
  regfree(&regex);
  return yes;
}

static bool rule_acts(char *line, const char *request, struct action *ret)
{
  char *pattern = strchr(line, '/'), text[512];
  long skip, count;
  int used = 0;
  if (!pattern || line[0] == '#')
    return false;
  snprintf(text, sizeof(text), "%s", line);
  char *end = strrchr(pattern, '/');
  *end = '\0';
  *pattern++ = '\0';
  if (sscanf(line, "%ld %ld %15s %n", &skip, &count, ret->name, &used) < 3 ||
      !matches(pattern, request))
    return false;
  snprintf(ret->argument, sizeof(ret->argument), "%s", line + used);
  for (size_t n = strlen(ret->argument); n && ret->argument[n - 1] == ' ';)
    ret->argument[--n] = '\0';
  long nth = (*matches_of(text))++;
  return nth >= skip && (count == 0 || nth < skip + count);
}

/* What to do with a request; name "-": nothing. */
static struct action find_action(const char *request)
{
  struct action action = {.name = "-"}, tried;
  char line[512];
  pthread_mutex_lock(&lock);
  FILE *file = fopen(rules_path, "r");
  while (file && fgets(line, sizeof(line), file)) {
    line[strcspn(line, "\n")] = '\0';
    if (rule_acts(line, request, &tried) && action.name[0] == '-')
      action = tried;
  }
  if (file)
    fclose(file);
  fprintf(logged, "%s %s\n", action.name, request);
  fflush(logged);
  pthread_mutex_unlock(&lock);
  return action;
}

/* ---- connections ---- */

static int connect_target(void)
{
  struct sockaddr_in to = {.sin_family = AF_INET,
                           .sin_port = htons((unsigned short)target_port),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
    return fd;
  close(fd);
  return -1;
}

static bool send_all(int fd, const char *bytes, size_t len)
{
  while (len) {
    ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
    if (n <= 0)
      return false;
    bytes += n;
    len -= (size_t)n;
  }
  return true;
}

static void reset(int fd)
{
  struct linger hard = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

struct message { /* of a side: its head, and how much body follows */
  int fd;
  char head[HEAD_MAX + 1];
  size_t len, head_len; /* read so far; of the head with its empty line */
  long long body;
  bool old; /* its times lie back */
};

static const char *header(const struct message *m, const char *name, char *value, size_t size)
{
  size_t len = strlen(name);
  for (const char *p = m->head; (p = strstr(p, "\r\n")) && p < m->head + m->head_len;) {
    p += 2;
    if (strncasecmp(p, name, len) == 0 && p[len] == ':') {
      p += len + 1 + strspn(p + len + 1, " ");
      snprintf(value, size, "%.*s", (int)strcspn(p, "\r"), p);
      return value;
    }
  }
  return NULL;
}

/* false: the other side has closed. What was read too far stays in head. */
static bool read_head(struct message *m)
{
  char value[256], *end;
  memmove(m->head, m->head + m->head_len, m->len - m->head_len);
  m->len -= m->head_len;
  m->head_len = 0;
  for (;;) {
    m->head[m->len] = '\0';
    end = strstr(m->head, "\r\n\r\n");
    if (end)
      break;
    ssize_t n = m->len < HEAD_MAX ? read(m->fd, m->head + m->len, HEAD_MAX - m->len) : 0;
    if (n <= 0)
      return false;
    m->len += (size_t)n;
  }
  m->head_len = (size_t)(end + 4 - m->head);
  m->body = header(m, "content-length", value, sizeof(value)) ? atoll(value) : 0;
  if (header(m, "transfer-encoding", value, sizeof(value)))
    m->body = LLONG_MAX; /* chunks: all there is until the server closes */
  return true;
}

static void put_back(char *bytes, size_t len)
{
  static const char *const names[] = {"<Initiated>20", "<LastModified>20"};
  for (size_t i = 0; i < 2; i++) {
    size_t n = strlen(names[i]);
    for (char *p = bytes; (p = memmem(p, len - (size_t)(p - bytes), names[i], n)); p += n)
      if (p + n < bytes + len)
        p[n]--;
  }
}

/* Forwards the body, at most `stop` bytes of it (-1: all), with one bit of byte `flip` changed. */
static bool forward_body(struct message *from, int to, long long stop, long long flip)
{
  char piece[PIECE];
  long long done = 0;
  while (done < from->body && (stop < 0 || done < stop)) {
    size_t have = from->len - from->head_len, want = PIECE;
    if ((long long)want > from->body - done)
      want = (size_t)(from->body - done);
    ssize_t n;
    if (have) {
      n = (ssize_t)(have < want ? have : want);
      memcpy(piece, from->head + from->head_len, (size_t)n);
      memmove(from->head + from->head_len, from->head + from->head_len + n, have - (size_t)n);
      from->len -= (size_t)n;
    } else {
      n = read(from->fd, piece, want);
    }
    if (n <= 0)
      return from->body == LLONG_MAX;
    if (from->old)
      put_back(piece, (size_t)n);
    if (flip >= done && flip < done + n)
      piece[flip - done] ^= 1;
    if (stop >= 0 && done + n > stop)
      n = (ssize_t)(stop - done);
    if (to >= 0 && !send_all(to, piece, (size_t)n))
      return false;
    done += n;
  }
  return true;
}

/* ---- one request ---- */

static bool is(const struct action *a, const char *name)
{
  return strcmp(a->name, name) == 0;
}

static bool answer_error(int client, const char *argument, const char *method)
{
  char status[64] = "", code[64] = "Fault", extra[160] = "", body[256], text[1024];
  sscanf(argument, "%63[^,],%63[^,],%159[^\n]", status, code, extra);
  int len = snprintf(body, sizeof(body),
                     "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>made by the relay"
                     "</Message></Error>",
                     code);
  bool head = strcmp(method, "HEAD") == 0;
  int n = snprintf(text, sizeof(text),
                   "HTTP/1.1 %s Fault\r\nContent-Length: %d\r\nConnection: close\r\n%s%s\r\n%s",
                   status, head ? 0 : len, extra, extra[0] ? "\r\n" : "", head ? "" : body);
  return send_all(client, text, (size_t)n);
}

/* Changes the ETag's first hexadecimal digit. */
static void change_etag(struct message *m)
{
  char *p = strcasestr(m->head, "\r\netag:");
  for (p = p ? p + 7 : NULL; p && *p != '\r'; p++)
    if (isxdigit((unsigned char)*p)) {
      *p = *p == '0' ? '1' : '0';
      return;
    }
}

static bool forward_answer(struct message *server, int client, const struct action *a,
                           const char *method)
{
  if (!read_head(server))
    return false;
  if (strcmp(method, "HEAD") == 0 || strstr(server->head, " 204 "))
    server->body = 0;
  if (is(a, "error")) {
    char with_status[300];
    forward_body(server, -1, -1, -1);
    snprintf(with_status, sizeof(with_status), "200,%s", a->argument);
    answer_error(client, with_status, "POST");
    return false;
  }
  if (is(a, "etag"))
    change_etag(server);
  server->old = is(a, "old");
  long long n = atoll(a->argument);
  bool stops = is(a, "cut") || is(a, "stallback");
  if (!send_all(client, server->head, server->head_len) ||
      !forward_body(server, client, stops ? n : -1, is(a, "flip") ? n : -1))
    return false;
  if (is(a, "stallback"))
    sleep(600);
  return false;
}

/* Those that come before the server sees anything. 1: go on, 0: the connection ends. */
static bool before(const struct action *a, struct message *client, const char *method)
{
  char sink[PIECE];
  if (is(a, "refuse"))
    reset(client->fd);
  if (is(a, "refuse"))
    return false;
  if (is(a, "answer")) {
    forward_body(client, -1, -1, -1);
    answer_error(client->fd, a->argument, method);
    return false;
  }
  if (is(a, "reset")) {
    forward_body(client, -1, atoll(a->argument), -1);
    reset(client->fd);
    return false;
  }
  if (is(a, "stall")) {
    forward_body(client, -1, -1, -1);
    while (read(client->fd, sink, sizeof(sink)) > 0) {
    }
    return false;
  }
  if (is(a, "delay"))
    usleep((unsigned)atoi(a->argument) * 1000);
  return true;
}

/* The server shall close after its answer: then chunks need not be understood. The header is not
 * among those that are signed. */
static bool send_head(int fd, const struct message *m)
{
  static const char tail[] = "Connection: close\r\n\r\n";
  return send_all(fd, m->head, m->head_len - 2) && send_all(fd, tail, sizeof(tail) - 1);
}

static bool one_request(struct message *client, struct message *server)
{
  char request[2048], method[16];
  if (!read_head(client))
    return false;
  snprintf(request, sizeof(request), "%.*s", (int)strcspn(client->head, "\r"), client->head);
  snprintf(method, sizeof(method), "%.*s", (int)strcspn(request, " "), request);
  struct action a = find_action(request);
  if (!before(&a, client, method))
    return false;
  if (server->fd < 0)
    server->fd = connect_target();
  if (server->fd < 0 || !send_head(server->fd, client) ||
      !forward_body(client, server->fd, -1, is(&a, "flipup") ? atoll(a.argument) : -1))
    return false;
  if (is(&a, "lose")) {
    if (read_head(server))
      forward_body(server, -1, -1, -1);
    reset(client->fd);
    return false;
  }
  return forward_answer(server, client->fd, &a, method);
}

static void *serve(void *argument)
{
  struct message *client = calloc(1, sizeof(*client)), *server = calloc(1, sizeof(*server));
  client->fd = (int)(long)argument;
  server->fd = -1;
  one_request(client, server);
  close(client->fd);
  if (server->fd >= 0)
    close(server->fd);
  free(client);
  free(server);
  return NULL;
}

int main(int argc, char **argv)
{
  if (argc != 5)
    return fputs("usage: relay LISTEN TARGET RULES LOG\n", stderr), 2;
  int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in here = {.sin_family = AF_INET,
                             .sin_port = htons((unsigned short)atoi(argv[1])),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  target_port = atoi(argv[2]);
  rules_path = argv[3];
  logged = fopen(argv[4], "a");
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (!logged || bind(listener, (struct sockaddr *)&here, sizeof(here)) < 0 ||
      listen(listener, 64) < 0)
    return perror("relay"), 1;
  for (;;) {
    long fd = accept(listener, NULL, NULL);
    pthread_t thread;
    if (fd < 0)
      continue;
    setsockopt((int)fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (pthread_create(&thread, NULL, serve, (void *)fd) == 0)
      pthread_detach(thread);
    else
      close((int)fd);
  }
}
