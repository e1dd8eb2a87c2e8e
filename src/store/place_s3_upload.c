/* An upload in parts, each sent by a thread of its own: a place has so many in flight, of all
 * writers together, and one filling for each writer. That bounds the memory. */
#include "base/base.h"
#include "store/place_s3_sink.h"
#include "store/s3_xml.h"

#include <signal.h>
#include <stdlib.h>

struct part {
  struct s3_sink *sink;
  int number; /* from 1 */
  char *bytes;
  size_t len;
  char sha256[STORE_SHA256_HEX];
};

static void add(struct arena *arena, struct s3_pairs *pairs, const char *name, const char *value)
{
  vec_push(arena, pairs, ((struct s3_pair){name, value}));
}

/* ---- an upload ---- */

static void visit_upload_id(void *context, const char *path, const char *text)
{
  if (text && s3_xml_is(path, "InitiateMultipartUploadResult/UploadId"))
    text_puts(context, text);
}

int s3_upload_begin(struct s3_sink *s, struct err *err)
{
  CLEANUP(text_clear) struct text id = TEXT_INIT;
  CLEANUP(s3_answer_clear) struct s3_answer answer = {.body = TEXT_INIT};
  struct s3_request request = {.method = "POST",
                               .doing = "beginning the upload of",
                               .key = s->key,
                               .headers = s3_sink_properties(s),
                               .body = "",
                               .xml = true,
                               .once = true,
                               .cancelled = &s->cancelled};
  add(s->arena, &request.query, "uploads", "");
  int status = s3_ask(s->place, s->arena, &request, &answer, err);
  s->upload_unsure = answer.unsure;
  if (status < 0)
    return -1;
  if (s3_xml_read(answer.body.data, answer.body.len, visit_upload_id, &id) < 0 || !id.len) {
    s->upload_unsure = true;
    return s3_sink_fail(s, err, "cannot be written: the server names no upload");
  }
  s->upload = arena_strdup(s->arena, id.data);
  return 0;
}

/* Called once nothing of the upload is needed any more. Those that only a lost answer named are
 * found by their key, which nobody else has. */
void s3_upload_abort(struct s3_sink *s, bool ours)
{
  CLEANUP(err_clear) struct err ignored = ERR_INIT;
  if (ours && s->upload && s3_abort_upload(s->place, s->key, s->upload, &ignored) == 0)
    s->upload = NULL;
  if (!s->upload_unsure)
    return;
  CLEANUP(s3_answer_clear) struct s3_answer answer = {.body = TEXT_INIT};
  CLEANUP(err_clear) struct err unseen = ERR_INIT;
  struct s3_uploads uploads = {0};
  if (s3_list_uploads(s->place, s->arena, s->key, true, &uploads, &answer, &unseen) < 0)
    return; /* the sweep finds them */
  for (size_t i = 0; i < uploads.len; i++) {
    CLEANUP(err_clear) struct err unaborted = ERR_INIT;
    (void)s3_abort_upload(s->place, s->key, uploads.at[i].id, &unaborted);
  }
}

/* ---- parts ---- */

char *s3_take_buffer(struct place_s3 *p)
{
  pthread_mutex_lock(&p->mutex);
  char *buffer = p->buffer_count ? p->buffers[--p->buffer_count] : NULL;
  pthread_mutex_unlock(&p->mutex);
  return buffer ? buffer : x_malloc(p->settings.part_bytes);
}

void s3_give_buffer(struct place_s3 *p, char *buffer)
{
  pthread_mutex_lock(&p->mutex);
  if (p->buffer_count < p->settings.parallel) {
    p->buffers[p->buffer_count++] = buffer;
    buffer = NULL;
  }
  pthread_mutex_unlock(&p->mutex);
  free(buffer);
}

static int send_part(const struct part *part, struct arena *arena, const char **ret_etag,
                     struct err *err)
{
  struct s3_sink *s = part->sink;
  CLEANUP(s3_answer_clear) struct s3_answer answer = {.body = TEXT_INIT};
  struct s3_request request = {.method = "PUT",
                               .doing = "writing a part of",
                               .key = s->key,
                               .body = part->bytes,
                               .len = part->len,
                               .sha256 = part->sha256,
                               .cancelled = &s->cancelled};
  add(arena, &request.query, "partNumber", arena_printf(arena, "%d", part->number));
  add(arena, &request.query, "uploadId", s->upload);
  s3_sink_add_md5(s, arena, &request.headers, part->bytes, part->len);
  if (s3_ask(s->place, arena, &request, &answer, err) < 0)
    return -1;
  const char *etag = s3_answer_header(&answer, "etag");
  if (!etag || !*etag)
    return s3_sink_fail(s, err, "cannot be written: the server gave a part no ETag");
  *ret_etag = etag;
  return 0;
}

static void *part_thread(void *context)
{
  struct part *part = context;
  struct s3_sink *s = part->sink;
  struct place_s3 *p = s->place;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct err err = ERR_INIT;
  const char *etag = NULL;
  int status = send_part(part, arena, &etag, &err);
  s3_give_buffer(p, part->bytes);
  pthread_mutex_lock(&p->mutex);
  if (status == 0)
    s->etags[part->number - 1] = arena_strdup(s->etag_arena, etag);
  else if (!err_is_set(&s->failure))
    err_move(&s->failure, &err);
  p->in_flight--;
  s->sending--;
  pthread_cond_broadcast(&p->part_done);
  pthread_mutex_unlock(&p->mutex);
  err_clear(&err);
  free(part);
  return NULL;
}

int s3_start_thread(pthread_t *ret, void *(*run)(void *), void *context)
{
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int status = pthread_create(ret, NULL, run, context);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return status;
}

int s3_upload_touch(struct s3_sink *s, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  char byte = '\n';
  const char *etag;
  struct part part = {.sink = s, .number = 1, .bytes = &byte, .len = 1};
  store_sha256(&byte, 1, part.sha256);
  return send_part(&part, arena, &etag, err);
}

int s3_upload_check_failure(struct s3_sink *s, struct err *err)
{
  pthread_mutex_lock(&s->place->mutex);
  bool failed = err_is_set(&s->failure);
  if (failed && !err_is_set(err)) {
    err_set(err, s->failure.code, "%s", s->failure.message);
    if (s->failure.detail)
      err_detail(err, "%s", s->failure.detail);
    if (s->failure.hint)
      err_hint(err, "%s", s->failure.hint);
  }
  pthread_mutex_unlock(&s->place->mutex);
  return failed ? -1 : 0;
}

/* Hands the buffer to a thread, once one is free. */
int s3_upload_part(struct s3_sink *s, struct err *err)
{
  struct place_s3 *p = s->place;
  if (!s->upload && s3_upload_begin(s, err) < 0)
    return -1;
  if (s3_upload_check_failure(s, err) < 0)
    return -1;
  if (s->parts == S3_PARTS_MAX)
    return s3_sink_fail(s, err, "has too many parts: give a larger part_size=");
  struct part *part = x_calloc(1, sizeof(*part));
  *part = (struct part){.sink = s, .number = ++s->parts, .bytes = s->buffer, .len = s->len};
  store_hash_end(TAKE(s->hash), part->sha256);
  s->size += s->len;
  s->buffer = NULL;
  s->len = 0;
  pthread_mutex_lock(&p->mutex);
  while (p->in_flight >= p->settings.parallel)
    pthread_cond_wait(&p->part_done, &p->mutex);
  p->in_flight++;
  s->sending++;
  pthread_mutex_unlock(&p->mutex);
  pthread_t thread;
  if (s3_start_thread(&thread, part_thread, part) == 0)
    pthread_detach(thread);
  else
    part_thread(part); /* no thread to be had: here, then */
  return 0;
}

void s3_upload_wait(struct s3_sink *s)
{
  pthread_mutex_lock(&s->place->mutex);
  while (s->sending > 0)
    pthread_cond_wait(&s->place->part_done, &s->place->mutex);
  pthread_mutex_unlock(&s->place->mutex);
}

/* ---- completing ---- */

static void put_escaped(struct text *out, const char *value)
{
  for (const char *c = value; *c; c++) {
    if (*c == '&')
      text_puts(out, "&amp;");
    else if (*c == '<')
      text_puts(out, "&lt;");
    else
      text_putc(out, *c);
  }
}

static void visit_etag(void *context, const char *path, const char *text)
{
  if (text && *text && s3_xml_is(path, "CompleteMultipartUploadResult/ETag"))
    *(bool *)context = true;
}

static int ask_to_complete(struct s3_sink *s, const struct text *body, bool conditional,
                           struct s3_answer *answer, struct err *err)
{
  struct s3_request request = {.method = "POST",
                               .doing = "completing",
                               .key = s->key,
                               .body = body->data,
                               .len = body->len,
                               .xml = true,
                               .cancelled = &s->cancelled};
  add(s->arena, &request.headers, "content-type", "application/xml");
  add(s->arena, &request.query, "uploadId", s->upload);
  if (conditional)
    add(s->arena, &request.headers, "if-none-match", "*");
  if (s3_ask(s->place, s->arena, &request, answer, err) < 0)
    return -1;
  bool has_etag = false;
  if (s3_xml_read(answer->body.data, answer->body.len, visit_etag, &has_etag) == 0 && has_etag)
    return 0;
  answer->unsure = true;
  return s3_sink_fail(s, err, "may not be whole: the server's answer has no ETag");
}

int s3_upload_complete(struct s3_sink *s, struct err *err)
{
  CLEANUP(text_clear) struct text body = TEXT_INIT;
  CLEANUP(err_clear) struct err why = ERR_INIT;
  CLEANUP(s3_answer_clear) struct s3_answer answer = {.body = TEXT_INIT};
  text_puts(&body, "<CompleteMultipartUpload>");
  for (int i = 0; i < s->parts; i++) {
    text_printf(&body, "<Part><PartNumber>%d</PartNumber><ETag>", i + 1);
    put_escaped(&body, s->etags[i]);
    text_puts(&body, "</ETag></Part>");
  }
  text_puts(&body, "</CompleteMultipartUpload>");
  /* most servers ignore the condition here, so belay looks itself, too */
  if (s->exclusive && s3_sink_check_absent(s, err) < 0)
    return -1;
  bool conditional = s->exclusive && !atomic_load(&s->place->unconditional);
  int status = ask_to_complete(s, &body, conditional, &answer, &why);
  if (status < 0 && conditional && answer.status == 501) {
    err_clear(&why);
    s3_answer_clear(&answer);
    status = ask_to_complete(s, &body, false, &answer, &why);
  }
  bool done_before = answer.status == 412 || answer.status == 404; /* by a request sent again */
  if (status < 0 && (answer.unsure || done_before) && s3_sink_came_through(s))
    status = 0;
  if (status == 0) {
    s3_upload_abort(s, false); /* a second one of a lost answer */
    return s3_sink_check(s, err);
  }
  if (answer.status == 412 && !answer.unsure)
    return s3_sink_exists_already(s, err);
  err_move(err, &why);
  return -1;
}
