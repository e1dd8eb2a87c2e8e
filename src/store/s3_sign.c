#include "store/s3_sign.h"

#include "store/stream.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MAC_LEN = 32 };

/* ---- encoding ---- */

static bool is_bare(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

void s3_encode(struct text *out, const char *bytes, bool keep_slashes)
{
  for (const char *p = bytes; *p; p++) {
    if (is_bare(*p) || (keep_slashes && *p == '/'))
      text_putc(out, *p);
    else
      text_printf(out, "%%%02X", (unsigned char)*p);
  }
}

static int hex_value(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void s3_decode(char *s)
{
  char *out = s;
  for (const char *p = s; *p; p++) {
    if (*p == '%' && hex_value(p[1]) >= 0 && hex_value(p[2]) >= 0) {
      *out++ = (char)(hex_value(p[1]) * 16 + hex_value(p[2]));
      p += 2;
    } else {
      *out++ = *p;
    }
  }
  *out = '\0';
}

static int by_name_and_value(const void *a, const void *b)
{
  const struct s3_pair *x = a, *y = b;
  int order = strcmp(x->name, y->name);
  return order ? order : strcmp(x->value, y->value);
}

static const char *encoded(struct arena *arena, const char *s)
{
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  s3_encode(&t, s, false);
  return arena_strdup(arena, t.data);
}

static struct s3_pairs sorted(struct arena *arena, const struct s3_pairs *pairs, bool encode)
{
  struct s3_pairs out = {0};
  for (size_t i = 0; i < pairs->len; i++) {
    struct s3_pair p = pairs->at[i];
    if (encode)
      p = (struct s3_pair){encoded(arena, p.name), encoded(arena, p.value)};
    vec_push(arena, &out, p);
  }
  if (out.len)
    qsort(out.at, out.len, sizeof(*out.at), by_name_and_value);
  return out;
}

char *s3_canonical_query(struct arena *arena, const struct s3_pairs *query)
{
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  struct s3_pairs pairs = sorted(arena, query, true);
  for (size_t i = 0; i < pairs.len; i++)
    text_printf(&t, "%s%s=%s", i ? "&" : "", pairs.at[i].name, pairs.at[i].value);
  return arena_strdup(arena, t.data);
}

void s3_date(int64_t at_s, char ret_date[S3_DATE_SIZE])
{
  time_t t = (time_t)at_s;
  struct tm tm;
  gmtime_r(&t, &tm);
  strftime(ret_date, S3_DATE_SIZE, "%Y%m%dT%H%M%SZ", &tm);
}

/* ---- signing ---- */

static void mac(const unsigned char *key, size_t key_len, const char *text,
                unsigned char ret_mac[MAC_LEN])
{
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned len = 0;
  if (!HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, strlen(text), sum,
            &len) ||
      len != MAC_LEN) {
    fputs("belay: OpenSSL cannot compute HMAC-SHA256; check its configuration (openssl.cnf)\n",
          stderr);
    exit(1);
  }
  memcpy(ret_mac, sum, MAC_LEN);
}

/* A header's value as it is signed: no blanks around it, runs of blanks are one. */
static void put_trimmed(struct text *t, const char *value)
{
  bool gap = false, begun = false;
  for (const char *p = value; *p; p++) {
    if (*p == ' ' || *p == '\t') {
      gap = begun;
      continue;
    }
    if (gap)
      text_putc(t, ' ');
    text_putc(t, *p);
    gap = false;
    begun = true;
  }
}

/* Sorted by name alone, not by the whole line: one name may begin with another. */
static void put_headers(struct text *request, struct text *names, const struct s3_pairs *headers)
{
  for (size_t i = 0; i < headers->len; i++) {
    const struct s3_pair *h = &headers->at[i];
    if (i && strcmp(headers->at[i - 1].name, h->name) == 0) {
      request->data[request->len - 1] = ','; /* a name that comes again: one line */
    } else {
      text_printf(request, "%s:", h->name);
      text_printf(names, "%s%s", names->len ? ";" : "", h->name);
    }
    put_trimmed(request, h->value);
    text_putc(request, '\n');
  }
}

char *s3_sign(struct arena *arena, const struct s3_to_sign *what, const struct s3_keys *keys)
{
  CLEANUP(text_clear) struct text request = TEXT_INIT;
  CLEANUP(text_clear) struct text names = TEXT_INIT;
  struct s3_pairs headers = sorted(arena, what->headers, false);
  text_printf(&request, "%s\n%s\n%s\n", what->method, what->path, what->query);
  put_headers(&request, &names, &headers);
  text_printf(&request, "\n%s\n%s", names.data, what->payload_sha256);
  char request_hash[STORE_SHA256_HEX];
  store_sha256(request.data, request.len, request_hash);

  char *scope =
      arena_printf(arena, "%.8s/%s/%s/aws4_request", what->date, what->region, what->service);
  char *to_sign =
      arena_printf(arena, "AWS4-HMAC-SHA256\n%s\n%s\n%s", what->date, scope, request_hash);
  CLEANUP(free_ptr) char *first = x_printf("AWS4%s", keys->secret);
  unsigned char key[MAC_LEN];
  char *day = arena_strndup(arena, what->date, 8);
  mac((unsigned char *)first, strlen(first), day, key);
  mac(key, MAC_LEN, what->region, key);
  mac(key, MAC_LEN, what->service, key);
  mac(key, MAC_LEN, "aws4_request", key);
  mac(key, MAC_LEN, to_sign, key);
  explicit_bzero(first, strlen(first));
  char hex[2 * MAC_LEN + 1];
  for (size_t i = 0; i < MAC_LEN; i++)
    snprintf(hex + 2 * i, 3, "%02x", key[i]);
  return arena_printf(arena, "AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s",
                      keys->id, scope, names.data, hex);
}
