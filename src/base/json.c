#include "base/json.h"

#include <assert.h>

#include "base/base.h"
#include "base/utf8.h"

struct jw jw_begin(struct text *out)
{
  return (struct jw){.out = out};
}

static void before_value(struct jw *w)
{
  if (w->after_key) {
    w->after_key = false;
    return;
  }
  if (w->depth > 0) {
    assert(w->is_array[w->depth - 1]);
    if (w->has_item[w->depth - 1])
      text_putc(w->out, ',');
    w->has_item[w->depth - 1] = true;
  }
}

static void open(struct jw *w, bool array)
{
  before_value(w);
  assert(w->depth < JSON_DEPTH_MAX);
  w->is_array[w->depth] = array;
  w->has_item[w->depth] = false;
  w->depth++;
  text_putc(w->out, array ? '[' : '{');
}

void jw_object(struct jw *w)
{
  open(w, false);
}

void jw_array(struct jw *w)
{
  open(w, true);
}

void jw_end(struct jw *w)
{
  assert(w->depth > 0 && !w->after_key);
  w->depth--;
  text_putc(w->out, w->is_array[w->depth] ? ']' : '}');
}

/* How many bytes stand for themselves in a string. */
static size_t plain_run(const char *value, size_t len)
{
  size_t n = 0;
  while (n < len && value[n] >= 0x20 && value[n] < 0x7f && value[n] != '"' && value[n] != '\\')
    n++;
  return n;
}

static void quote(struct text *out, const char *value, size_t len)
{
  text_putc(out, '"');
  for (size_t i = 0; i < len;) {
    size_t plain = plain_run(value + i, len - i);
    text_append(out, value + i, plain);
    i += plain;
    if (i == len)
      break;
    unsigned char c = (unsigned char)value[i];
    size_t n = utf8_read(value + i, len - i, NULL);
    if (n == 0) {
      text_puts(out, "\\ufffd");
      i++;
    } else if (n > 1) {
      text_append(out, value + i, n);
      i += n;
    } else {
      if (c == '"' || c == '\\')
        text_printf(out, "\\%c", c);
      else if (c == '\n')
        text_puts(out, "\\n");
      else if (c == '\t')
        text_puts(out, "\\t");
      else if (c < 0x20 || c == 0x7f)
        text_printf(out, "\\u%04x", c);
      else
        text_putc(out, (char)c);
      i++;
    }
  }
  text_putc(out, '"');
}

void jw_key(struct jw *w, const char *key)
{
  assert(w->depth > 0 && !w->is_array[w->depth - 1] && !w->after_key);
  if (w->has_item[w->depth - 1])
    text_putc(w->out, ',');
  w->has_item[w->depth - 1] = true;
  quote(w->out, key, strlen(key));
  text_putc(w->out, ':');
  w->after_key = true;
}

void jw_string_len(struct jw *w, const char *value, size_t len)
{
  before_value(w);
  quote(w->out, value, len);
}

void jw_string(struct jw *w, const char *value)
{
  if (value)
    jw_string_len(w, value, strlen(value));
  else
    jw_null(w);
}

void jw_int(struct jw *w, int64_t value)
{
  before_value(w);
  text_printf(w->out, "%" PRId64, value);
}

void jw_bool(struct jw *w, bool value)
{
  jw_raw(w, value ? "true" : "false");
}

void jw_null(struct jw *w)
{
  jw_raw(w, "null");
}

void jw_raw(struct jw *w, const char *json)
{
  before_value(w);
  text_puts(w->out, json);
}

void jw_key_string(struct jw *w, const char *key, const char *value)
{
  jw_key(w, key);
  jw_string(w, value);
}

void jw_key_int(struct jw *w, const char *key, int64_t value)
{
  jw_key(w, key);
  jw_int(w, value);
}

void jw_key_count(struct jw *w, const char *key, int64_t count)
{
  jw_key(w, key);
  if (count < 0)
    jw_null(w);
  else
    jw_int(w, count);
}

void jw_key_bool(struct jw *w, const char *key, bool value)
{
  jw_key(w, key);
  jw_bool(w, value);
}
