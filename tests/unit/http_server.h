/* http_server.h: an HTTP server in a thread, for tests of what a client does with answers that a
 * real server does not give when it is asked to. It answers by the first rule that fits. Include
 * the cmocka headers first.
 */
#pragma once

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"

struct http_rule {
  const char *match;  /* a part of the request's first line */
  const char *status; /* "200 OK"; NULL: closes the connection without an answer */
  const char *headers, *body;
  int times;       /* that it acts; 0: always */
  size_t repeat;   /* the body so often; 0: once */
  size_t promised; /* as Content-Length; 0: the true one */
  int take_ms;     /* the request's body is taken over so long */
  bool keep;       /* the connection stays open */
  int used;        /* set by the server */
};

struct http_server {
  int listener, port;
  pthread_t thread;
  struct http_rule *rules;
  size_t rule_count;
  pthread_mutex_t mutex; /* guards what follows */
  struct text requests;  /* all heads */
  int open;              /* connections */
};

static inline bool http_read_request(int fd, struct text *head, size_t *ret_body)
{
  char c;
  while (read(fd, &c, 1) == 1) {
    text_putc(head, c);
    if (head->len >= 4 && memcmp(head->data + head->len - 4, "\r\n\r\n", 4) == 0) {
      const char *length = strcasestr(head->data, "content-length: ");
      *ret_body = length ? strtoul(length + 16, NULL, 10) : 0;
      return true;
    }
  }
  return false;
}

static inline void http_take_body(int fd, size_t len, int take_ms)
{
  char piece[65536];
  size_t slice = take_ms ? len / 20 + 1 : len, since = 0;
  while (len) {
    ssize_t n = read(fd, piece, len < sizeof(piece) ? len : sizeof(piece));
    if (n <= 0)
      return;
    len -= (size_t)n;
    since += (size_t)n;
    if (take_ms && since >= slice) {
      clock_sleep_ms(take_ms / 20);
      since = 0;
    }
  }
}

static inline bool http_send(int fd, const char *bytes, size_t len)
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

static inline void http_answer(int fd, const struct http_rule *rule, bool head_only)
{
  CLEANUP(text_clear) struct text answer = TEXT_INIT;
  const char *body = rule->body ? rule->body : "";
  size_t count = rule->repeat ? rule->repeat : 1, len = count * strlen(body);
  text_printf(&answer, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n%s\r\n", rule->status,
              rule->headers ? rule->headers : "", rule->promised ? rule->promised : len,
              rule->keep ? "" : "Connection: close\r\n");
  for (size_t i = 0; i < count && !head_only; i++)
    text_puts(&answer, body);
  (void)http_send(fd, answer.data, answer.len);
}

/* false: the connection ends. */
static inline bool http_serve_one(struct http_server *s, int fd)
{
  static const struct http_rule nothing = {.status = "404 Not Found"};
  CLEANUP(text_clear) struct text head = TEXT_INIT;
  size_t body = 0;
  if (!http_read_request(fd, &head, &body))
    return false;
  CLEANUP(free_ptr) char *line = x_strndup(head.data, strcspn(head.data, "\r"));
  const struct http_rule *rule = NULL;
  pthread_mutex_lock(&s->mutex);
  for (size_t i = 0; i < s->rule_count && !rule; i++) {
    struct http_rule *r = &s->rules[i];
    if (strstr(line, r->match) && (!r->times || r->used < r->times)) {
      r->used++;
      rule = r;
    }
  }
  rule = rule ? rule : &nothing;
  text_append(&s->requests, head.data, head.len);
  pthread_mutex_unlock(&s->mutex);
  http_take_body(fd, body, rule->take_ms);
  if (!rule->status)
    return false;
  http_answer(fd, rule, strncmp(line, "HEAD", 4) == 0);
  return rule->keep;
}

struct http_connection {
  struct http_server *server;
  int fd;
};

static inline void *http_serve_connection(void *context)
{
  struct http_connection *c = context;
  while (http_serve_one(c->server, c->fd)) {
  }
  shutdown(c->fd, SHUT_WR);
  close(c->fd);
  pthread_mutex_lock(&c->server->mutex);
  c->server->open--;
  pthread_mutex_unlock(&c->server->mutex);
  free(c);
  return NULL;
}

static inline void *http_serve(void *context)
{
  struct http_server *s = context;
  for (int fd; (fd = accept(s->listener, NULL, NULL)) >= 0;) {
    struct http_connection *c = x_calloc(1, sizeof(*c));
    pthread_t thread;
    *c = (struct http_connection){s, fd};
    pthread_mutex_lock(&s->mutex);
    s->open++;
    pthread_mutex_unlock(&s->mutex);
    assert_int_equal(pthread_create(&thread, NULL, http_serve_connection, c), 0);
    pthread_detach(thread);
  }
  return NULL;
}

static inline void http_server_start(struct http_server *s, const struct http_rule *rules,
                                     size_t count)
{
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof(here);
  *s = (struct http_server){.rule_count = count, .requests = TEXT_INIT};
  s->rules = x_calloc(count, sizeof(*rules)); /* a connection may outlive the test */
  memcpy(s->rules, rules, count * sizeof(*rules));
  pthread_mutex_init(&s->mutex, NULL);
  s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(s->listener, (struct sockaddr *)&here, sizeof(here)), 0);
  assert_int_equal(listen(s->listener, 64), 0);
  assert_int_equal(getsockname(s->listener, (struct sockaddr *)&here, &len), 0);
  s->port = ntohs(here.sin_port);
  assert_int_equal(pthread_create(&s->thread, NULL, http_serve, s), 0);
}

/* The clients have closed their connections. */
static inline void http_server_stop(struct http_server *s)
{
  shutdown(s->listener, SHUT_RDWR);
  pthread_join(s->thread, NULL);
  for (bool busy = true; busy;) {
    clock_sleep_ms(1);
    pthread_mutex_lock(&s->mutex);
    busy = s->open > 0;
    pthread_mutex_unlock(&s->mutex);
  }
  close(s->listener);
  text_clear(&s->requests);
  free(s->rules);
  pthread_mutex_destroy(&s->mutex);
}

/* How many requests had this in their head. */
static inline int http_server_saw(struct http_server *s, const char *part)
{
  int count = 0;
  pthread_mutex_lock(&s->mutex);
  for (const char *p = s->requests.data; s->requests.len && (p = strcasestr(p, part)); p++)
    count++;
  pthread_mutex_unlock(&s->mutex);
  return count;
}
