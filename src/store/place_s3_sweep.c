/* Uploads that killed writers left. Nobody tells whether the writer of an upload lives: one that
 * has got no part for as long as the place's `stale` does not, unless another one in the same
 * directory has, for that may be a backup's hold (place_s3_hold.c). */
#include "base/base.h"
#include "base/fs.h"
#include "store/place_s3_private.h"

struct candidate {
  const struct s3_upload *upload;
  int64_t newest_us;
  uint64_t bytes;
};

struct sweep {
  struct place_s3 *place;
  struct arena *arena;
  int64_t stale_us; /* what is newer lives */
  VEC(struct candidate) candidates;
  bool unseen; /* the credentials may not list uploads */
};

/* Fills uploads; who may not, or cannot, see them is told so by *ret_unseen. */
static int list_uploads(struct place_s3 *p, struct arena *arena, const char *prefix,
                        struct s3_uploads *ret, bool *ret_unseen, struct err *err)
{
  CLEANUP(s3_answer_clear) struct s3_answer answer = {.body = TEXT_INIT};
  CLEANUP(err_clear) struct err why = ERR_INIT;
  *ret_unseen = s3_list_uploads(p, arena, prefix, false, ret, &answer, &why) < 0;
  if (!*ret_unseen || s3_answer_is_denied(&answer) || answer.status == 501)
    return 0;
  err_move(err, &why);
  return -1;
}

/* Only of an upload that was begun long ago the parts are asked for. */
static int look_at_upload(struct sweep *s, const struct s3_upload *upload, struct err *err)
{
  CLEANUP(err_clear) struct err why = ERR_INIT;
  struct candidate c = {.upload = upload, .newest_us = upload->initiated_us};
  if (upload->initiated_us <= s->stale_us &&
      s3_look_at_parts(s->place, s->arena, upload, &c.newest_us, &c.bytes, &why) < 0) {
    if (why.code != ERR_DENIED) {
      err_move(err, &why);
      return -1;
    }
    c.newest_us = INT64_MAX; /* its parts cannot be seen: left alone */
  }
  vec_push(s->arena, &s->candidates, c);
  return 0;
}

static bool in_one_directory(const char *a, const char *b)
{
  size_t len = (size_t)(strrchr(a, '/') ? strrchr(a, '/') + 1 - a : 0);
  return strncmp(a, b, len) == 0 && !strchr(b + len, '/');
}

static bool is_living(const struct sweep *s, const struct candidate *c)
{
  for (size_t i = 0; i < s->candidates.len; i++) {
    const struct candidate *other = &s->candidates.at[i];
    if (other->newest_us > s->stale_us && in_one_directory(c->upload->key, other->upload->key))
      return true;
  }
  return false;
}

static int abort_upload(struct sweep *s, const struct s3_upload *upload, struct err *err)
{
  CLEANUP(err_clear) struct err why = ERR_INIT;
  if (s3_abort_upload(s->place, upload->key, upload->id, &why) == 0 || why.code == ERR_DENIED)
    return 0;
  err_move(err, &why);
  return -1;
}

int s3_sweep(struct place *place, const char *prefix, bool remove, struct place_leftovers *ret,
             struct err *err)
{
  struct place_s3 *p = (struct place_s3 *)place;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct s3_uploads uploads = {0};
  struct place_leftovers found = {0};
  struct sweep s = {.place = p, .arena = arena};
  if (list_uploads(p, arena, prefix, &uploads, &s.unseen, err) < 0)
    return -1;
  found.living = s.unseen; /* nobody knows: what is being written is not to be taken away */
  s.stale_us = s3_now_us(p) - p->settings.stale_ms * 1000;
  for (size_t i = 0; i < uploads.len; i++)
    if (look_at_upload(&s, &uploads.at[i], err) < 0)
      return -1;
  for (size_t i = 0; i < s.candidates.len; i++) {
    const struct candidate *c = &s.candidates.at[i];
    if (is_living(&s, c)) {
      found.living++;
      continue;
    }
    if (remove && abort_upload(&s, c->upload, err) < 0)
      return -1;
    found.abandoned++;
    found.bytes += c->bytes;
  }
  *ret = found;
  return 0;
}

int s3_remove_dir(struct place *place, const char *dir, struct err *err)
{
  struct place_s3 *p = (struct place_s3 *)place;
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  struct s3_uploads uploads = {0};
  bool unseen;
  if (list_uploads(p, arena, arena_printf(arena, "%s/", dir), &uploads, &unseen, err) < 0)
    return -1;
  for (size_t i = 0; i < uploads.len; i++)
    if (s3_abort_upload(p, uploads.at[i].key, uploads.at[i].id, err) < 0)
      return -1;
  if (fs_remove_tree(fs_join(arena, p->state_dir, dir), err) < 0)
    return err_recode(err, ERR_STORE);
  return 0;
}
