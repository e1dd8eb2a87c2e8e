/* json.h: writing JSON onto a text. Reading is jansson's work (store, run).
 *
 *   struct jw w = jw_begin(&text);
 *   jw_object(&w);  jw_key(&w, "schema"); jw_int(&w, 1);  jw_end(&w);
 * or with the `jw_key_*` short forms. Commas and nesting are the writer's business; nesting is
 * checked by assert. Strings must be UTF-8; invalid bytes are written as U+FFFD.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum { JSON_DEPTH_MAX = 32 };

struct jw {
  struct text *out;
  int depth;
  bool has_item[JSON_DEPTH_MAX];
  bool is_array[JSON_DEPTH_MAX];
  bool after_key;
};

struct jw jw_begin(struct text *out);
void jw_object(struct jw *w);
void jw_array(struct jw *w);
void jw_end(struct jw *w); /* closes the innermost object or array */
void jw_key(struct jw *w, const char *key);
void jw_string(struct jw *w, const char *value); /* NULL writes null */
void jw_string_len(struct jw *w, const char *value, size_t len);
void jw_int(struct jw *w, int64_t value);
void jw_bool(struct jw *w, bool value);
void jw_null(struct jw *w);
void jw_raw(struct jw *w, const char *json); /* a value that is JSON already */

void jw_key_string(struct jw *w, const char *key, const char *value);
void jw_key_int(struct jw *w, const char *key, int64_t value);
void jw_key_count(struct jw *w, const char *key, int64_t count); /* negative: not known, null */
void jw_key_bool(struct jw *w, const char *key, bool value);
