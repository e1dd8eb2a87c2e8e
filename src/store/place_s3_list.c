/* Lists of a bucket: objects, uploads that were begun and not ended, and their parts. */
#include "base/base.h"
#include "base/clock.h"
#include "store/place_s3_private.h"
#include "store/s3_xml.h"

#include <stdlib.h>

/* A key under the place's root, as the server names it. */
static const char *full_key(struct place_s3 *p, struct arena *arena, const char *key)
{
  const char *root = p->settings.root;
  return root[0] ? arena_printf(arena, "%s/%s", root, key) : key;
}

/* And back; NULL: it is none of ours. */
static const char *own_key(struct place_s3 *p, const char *full)
{
  size_t len = strlen(p->settings.root);
  if (len && (strncmp(full, p->settings.root, len) != 0 || full[len] != '/'))
    return NULL;
  const char *key = len ? full + len + 1 : full;
  return place_key_is_valid(key) ? key : NULL;
}

static void add(struct arena *arena, struct s3_pairs *query, const char *name, const char *value)
{
  vec_push(arena, query, ((struct s3_pair){name, value}));
}

static int torn(struct place_s3 *p, struct err *err)
{
  err_set(err, ERR_STORE, "%s: a list that cannot be read", p->place.name);
  return err_hint(err, "Is endpoint= really an S3 server?");
}

/* What the pages of each kind of list have in common. */
struct page {
  struct arena *arena;
  struct place_s3 *place;
  bool is_list, truncated, encoded;
  const char *next, *next_too; /* where the next page begins */
  char *last;                  /* the same of the page before */
  int pages;
  /* of the item that is being read */
  const char *key, *id, *time, *size;
  struct place_entries *entries;
  struct s3_uploads *uploads;
  int64_t newest_us; /* of parts */
  uint64_t bytes;
};

static void note(struct page *page, const char *path, const char *text)
{
  const struct {
    const char *name;
    const char **where;
  } known[] = {{"Contents/Key", &page->key},
               {"Contents/Size", &page->size},
               {"Contents/LastModified", &page->time},
               {"Upload/Key", &page->key},
               {"Upload/UploadId", &page->id},
               {"Upload/Initiated", &page->time},
               {"Part/LastModified", &page->time},
               {"Part/Size", &page->size},
               {"NextContinuationToken", &page->next},
               {"NextKeyMarker", &page->next},
               {"NextUploadIdMarker", &page->next_too},
               {"NextPartNumberMarker", &page->next}};
  for (size_t i = 0; i < COUNT_OF(known); i++)
    if (s3_xml_is(path, known[i].name))
      *known[i].where = arena_strdup(page->arena, text);
  if (s3_xml_is(path, "IsTruncated"))
    page->truncated = strcmp(text, "true") == 0;
  else if (s3_xml_is(path, "EncodingType"))
    page->encoded = strcmp(text, "url") == 0;
}

static const char *decoded(struct page *page, const char *text)
{
  char *s = arena_strdup(page->arena, text ? text : "");
  if (page->encoded)
    s3_decode(s);
  return s;
}

static void end_item(struct page *page, const char *path)
{
  int64_t time_us = 0;
  uint64_t size = 0;
  const char *key = page->key ? own_key(page->place, decoded(page, page->key)) : NULL;
  if (page->time)
    (void)clock_parse(page->time, &time_us);
  (void)s3_read_size(page->size, &size);
  if (s3_xml_is(path, "Contents") && key && page->entries)
    vec_push(page->arena, page->entries, ((struct place_entry){key, size, time_us}));
  else if (s3_xml_is(path, "Upload") && key && page->id && page->uploads)
    vec_push(page->arena, page->uploads, ((struct s3_upload){key, page->id, time_us}));
  else if (s3_xml_is(path, "Part")) {
    page->newest_us = time_us > page->newest_us ? time_us : page->newest_us;
    page->bytes += size;
  } else
    return;
  page->key = page->id = page->time = page->size = NULL;
}

static void visit(void *context, const char *path, const char *text)
{
  struct page *page = context;
  if (text)
    note(page, path, text);
  else
    end_item(page, path);
  if (!strchr(path, '/'))
    page->is_list = strncmp(path, "List", 4) == 0;
}

/* A list whose next page is the same again would never end. */
static int check_moves(struct page *page, struct err *err)
{
  char *next = arena_printf(page->arena, "%s %s", page->next ? page->next : "",
                            page->next_too ? page->next_too : "");
  bool same = page->last && strcmp(page->last, next) == 0;
  if (page->truncated && (same || ++page->pages == S3_PAGES_MAX)) {
    err_set(err, ERR_STORE, "%s: a list without an end", page->place->place.name);
    return err_hint(err, "Is endpoint= really an S3 server?");
  }
  page->last = next;
  return 0;
}

/* One page; page->truncated tells whether there are more. EncodingType may come after the keys it
 * is about, so the list is read twice. */
static int read_page(struct page *page, struct s3_request *request, struct s3_answer *answer,
                     struct err *err)
{
  if (s3_ask(page->place, page->arena, request, answer, err) < 0)
    return -1;
  struct page look = {.arena = page->arena, .place = page->place};
  if (s3_xml_read(answer->body.data, answer->body.len, visit, &look) < 0 || !look.is_list)
    return torn(page->place, err);
  page->encoded = look.encoded;
  page->truncated = false;
  page->next = page->next_too = NULL;
  (void)s3_xml_read(answer->body.data, answer->body.len, visit, page);
  if (page->truncated && (!page->next || !*page->next))
    return torn(page->place, err);
  return check_moves(page, err);
}

int s3_list(struct place *place, struct arena *arena, const char *prefix, struct place_entries *ret,
            struct err *err)
{
  struct place_s3 *p = (struct place_s3 *)place;
  struct page page = {.arena = arena, .place = p, .entries = ret};
  do {
    CLEANUP(s3_answer_clear) struct s3_answer answer = {.body = TEXT_INIT};
    struct s3_request request = {.method = "GET", .doing = "listing", .xml = true};
    add(arena, &request.query, "list-type", "2");
    add(arena, &request.query, "encoding-type", "url");
    add(arena, &request.query, "max-keys", "1000");
    add(arena, &request.query, "prefix", full_key(p, arena, prefix));
    if (page.next)
      add(arena, &request.query, "continuation-token", page.next);
    if (read_page(&page, &request, &answer, err) < 0)
      return -1;
  } while (page.truncated);
  return 0;
}

/* ---- uploads ---- */

int s3_list_uploads(struct place_s3 *p, struct arena *arena, const char *prefix, bool exact,
                    struct s3_uploads *ret, struct s3_answer *ret_answer, struct err *err)
{
  struct s3_uploads all = {0};
  struct page page = {.arena = arena, .place = p, .uploads = &all};
  do {
    struct s3_request request = {
        .method = "GET", .doing = "listing the uploads", .xml = true, .cleaning_up = true};
    add(arena, &request.query, "uploads", "");
    add(arena, &request.query, "max-uploads", "1000");
    add(arena, &request.query, "prefix", full_key(p, arena, prefix));
    if (page.next)
      add(arena, &request.query, "key-marker", page.next);
    if (page.next_too && *page.next_too)
      add(arena, &request.query, "upload-id-marker", page.next_too);
    s3_answer_clear(ret_answer);
    if (read_page(&page, &request, ret_answer, err) < 0)
      return -1;
  } while (page.truncated);
  for (size_t i = 0; i < all.len; i++)
    if (!exact || strcmp(all.at[i].key, prefix) == 0)
      vec_push(arena, ret, all.at[i]);
  return 0;
}

int s3_abort_upload(struct place_s3 *p, const char *key, const char *id, struct err *err)
{
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  CLEANUP(s3_answer_clear) struct s3_answer answer = {.body = TEXT_INIT};
  struct s3_request request = {
      .method = "DELETE", .doing = "aborting the upload of", .key = key, .cleaning_up = true};
  add(arena, &request.query, "uploadId", id);
  if (s3_ask(p, arena, &request, &answer, err) == 0)
    return 0;
  if (answer.status != 404 || strcmp(answer.code, "NoSuchBucket") == 0)
    return -1;
  err_clear(err);
  return 0;
}

int s3_look_at_parts(struct place_s3 *p, struct arena *arena, const struct s3_upload *upload,
                     int64_t *ret_newest_us, uint64_t *ret_bytes, struct err *err)
{
  struct page page = {.arena = arena, .place = p, .newest_us = upload->initiated_us};
  do {
    CLEANUP(s3_answer_clear) struct s3_answer answer = {.body = TEXT_INIT};
    struct s3_request request = {
        .method = "GET", .doing = "listing the parts of", .key = upload->key, .xml = true};
    add(arena, &request.query, "uploadId", upload->id);
    if (page.next)
      add(arena, &request.query, "part-number-marker", page.next);
    if (read_page(&page, &request, &answer, err) < 0) {
      if (answer.status != 404)
        return -1;
      err_clear(err);
      page.newest_us = s3_now_us(p);
      break;
    }
  } while (page.truncated);
  *ret_newest_us = page.newest_us;
  *ret_bytes = page.bytes;
  return 0;
}
