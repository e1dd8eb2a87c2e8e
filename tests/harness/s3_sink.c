/* s3_sink PORT: an S3 server that answers at once and keeps nothing but how much it got: for
 * tests/bench/s3.sh. A HEAD says 404 to a
 * key never written, and the size and metadata of the last write else; a list is empty. One thread
 * a connection.*/
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OBJECTS_MAX = 4096, PIECE = 1 << 20 };

struct object {
  char path[512], nonce[64];
  long long size;
  bool whole;
};

static struct object objects[OBJECTS_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct object *find(const char *path)
{
  size_t len = strcspn(path, "? ");
  for (size_t i = 0; i < OBJECTS_MAX; i++) {
    struct object *o = &objects[i];
    if (!o->path[0])
      snprintf(o->path, sizeof(o->path), "%.*s", (int)len, path);
    if (strlen(o->path) == len && strncmp(o->path, path, len) == 0)
      return o;
  }
  exit(1);
}

static void header(const char *head, const char *name, char *value, size_t size)
{
  const char *p = strcasestr(head, name);
  snprintf(value, size, "%.*s", p ? (int)strcspn(p + strlen(name), "\r") : 0,
           p ? p + strlen(name) : "");
}

static void note(const char *method, const char *path, const char *head, long long len)
{
  struct object *o = find(path);
  bool part = strstr(path, "partNumber=") != NULL;
  if (strcmp(method, "PUT") == 0)
    o->size = part ? o->size + len : len;
  if (strstr(path, "uploads="))
    o->size = 0;
  if (!part && strcmp(method, "PUT") * strcmp(method, "POST") == 0 &&
      strcasestr(head, "belay-write"))
    header(head, "x-amz-meta-belay-write: ", o->nonce, sizeof(o->nonce));
  if (!part && !strstr(path, "uploads=") && strcmp(method, "GET") && strcmp(method, "HEAD"))
    o->whole = strcmp(method, "DELETE") != 0;
}

static void answer(int fd, const char *method, const char *path)
{
  static const char list[] =
      "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
  static const char begun[] = "<InitiateMultipartUploadResult><UploadId>u</UploadId>"
                              "</InitiateMultipartUploadResult>";
  static const char done[] = "<CompleteMultipartUploadResult><ETag>e</ETag>"
                             "</CompleteMultipartUploadResult>";
  char text[1024];
  struct object *o = find(path);
  if (strcmp(method, "HEAD") == 0) {
    snprintf(text, sizeof(text),
             "HTTP/1.1 %s\r\nContent-Length: %lld\r\nx-amz-meta-belay-write: %s\r\n\r\n",
             o->whole ? "200 OK" : "404 Not Found", o->whole ? o->size : 0, o->nonce);
  } else {
    const char *body = strcmp(method, "GET") == 0    ? list
                       : strstr(path, "uploads=")    ? begun
                       : strcmp(method, "POST") == 0 ? done
                                                     : "";
    snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
  }
  (void)!write(fd, text, strlen(text));
}

static void *serve(void *argument)
{
  int fd = (int)(long)argument;
  char *buffer = malloc(PIECE + 1), method[16], path[512], value[64];
  size_t len = 0;
  for (;;) {
    char *end;
    buffer[len] = '\0';
    while (!(end = strstr(buffer, "\r\n\r\n"))) {
      ssize_t n = read(fd, buffer + len, PIECE - len);
      if (n <= 0)
        goto out;
      len += (size_t)n;
      buffer[len] = '\0';
    }
    size_t head = (size_t)(end + 4 - buffer);
    end[2] = '\0';
    header(buffer, "content-length: ", value, sizeof(value));
    long long body = atoll(value), got = (long long)(len - head);
    if (sscanf(buffer, "%15s %511s", method, path) != 2)
      goto out;
    pthread_mutex_lock(&lock);
    note(method, path, buffer, body);
    pthread_mutex_unlock(&lock);
    while (got < body) {
      ssize_t n = read(fd, buffer, PIECE);
      if (n <= 0)
        goto out;
      got += n;
    }
    len = 0;
    answer(fd, method, path);
  }
out:
  close(fd);
  free(buffer);
  return NULL;
}

int main(int argc, char **argv)
{
  int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in here = {.sin_family = AF_INET,
                             .sin_port = htons((unsigned short)atoi(argc > 1 ? argv[1] : "0")),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(listener, (struct sockaddr *)&here, sizeof(here)) < 0 || listen(listener, 64) < 0)
    return perror("s3_sink"), 1;
  for (;;) {
    long fd = accept(listener, NULL, NULL);
    pthread_t thread;
    setsockopt((int)fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (fd >= 0 && pthread_create(&thread, NULL, serve, (void *)fd) == 0)
      pthread_detach(thread);
  }
}
