#include "store/s3_xml.h"

struct reader {
  const char *p, *end;
  s3_xml_visit *visit;
  void *context;
  struct text path, text;
  size_t path_len_before[S3_XML_DEPTH_MAX]; /* of the path, before each open element */
  int depth;
  bool leaf; /* the innermost open element has had no child */
  bool root_seen;
};

static bool at(const struct reader *r, const char *word)
{
  size_t len = strlen(word);
  return (size_t)(r->end - r->p) >= len && memcmp(r->p, word, len) == 0;
}

/* Moves behind the next `word`; -1 if there is none. */
static int skip_past(struct reader *r, const char *word)
{
  for (; r->p < r->end; r->p++)
    if (at(r, word)) {
      r->p += strlen(word);
      return 0;
    }
  return -1;
}

static bool is_blank(char c)
{
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name_char(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && strchr("_-.:", c));
}

static void skip_blanks(struct reader *r)
{
  while (r->p < r->end && is_blank(*r->p))
    r->p++;
}

/* The name at p without its namespace prefix. */
static int read_name(struct reader *r, const char **ret_name, size_t *ret_len)
{
  const char *name = r->p;
  while (r->p < r->end && is_name_char(*r->p))
    if (*r->p++ == ':')
      name = r->p;
  *ret_name = name;
  *ret_len = (size_t)(r->p - name);
  return *ret_len > 0 ? 0 : -1;
}

static void put_utf8(struct text *t, unsigned long c)
{
  if (c < 0x80) {
    text_putc(t, (char)c);
  } else if (c < 0x800) {
    text_putc(t, (char)(0xC0 | c >> 6));
    text_putc(t, (char)(0x80 | (c & 0x3F)));
  } else {
    if (c < 0x10000) {
      text_putc(t, (char)(0xE0 | c >> 12));
    } else {
      text_putc(t, (char)(0xF0 | c >> 18));
      text_putc(t, (char)(0x80 | (c >> 12 & 0x3F)));
    }
    text_putc(t, (char)(0x80 | (c >> 6 & 0x3F)));
    text_putc(t, (char)(0x80 | (c & 0x3F)));
  }
}

static int read_number(struct reader *r, unsigned long *ret)
{
  unsigned base = 10;
  unsigned long value = 0;
  r->p += 2;
  if (r->p < r->end && *r->p == 'x') {
    base = 16;
    r->p++;
  }
  const char *first = r->p;
  for (; r->p < r->end && *r->p != ';'; r->p++) {
    unsigned char c = (unsigned char)*r->p;
    unsigned digit = c - '0';
    if (digit > 9)
      digit = base == 16 && ((c | 0x20u) - 'a') < 6u ? (c | 0x20u) - 'a' + 10 : 99;
    value = value * base + digit;
    if (digit >= base || value > 0x10FFFF)
      return -1;
  }
  if (r->p == r->end || r->p == first || value == 0 || (value >= 0xD800 && value < 0xE000))
    return -1;
  r->p++;
  *ret = value;
  return 0;
}

static int read_entity(struct reader *r)
{
  static const struct {
    const char *word;
    char c;
  } known[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
  for (size_t i = 0; i < COUNT_OF(known); i++)
    if (at(r, known[i].word)) {
      text_putc(&r->text, known[i].c);
      r->p += strlen(known[i].word);
      return 0;
    }
  unsigned long c;
  if (!at(r, "&#") || read_number(r, &c) < 0)
    return -1;
  put_utf8(&r->text, c);
  return 0;
}

static int skip_attributes(struct reader *r)
{
  for (;;) {
    skip_blanks(r);
    if (r->p == r->end)
      return -1;
    if (*r->p == '>' || at(r, "/>"))
      return 0;
    const char *name;
    size_t len;
    if (read_name(r, &name, &len) < 0)
      return -1;
    skip_blanks(r);
    if (r->p == r->end || *r->p++ != '=')
      return -1;
    skip_blanks(r);
    if (r->p == r->end || (*r->p != '"' && *r->p != '\''))
      return -1;
    const char quote[2] = {*r->p++, '\0'};
    if (skip_past(r, quote) < 0)
      return -1;
  }
}

static void close_element(struct reader *r)
{
  r->visit(r->context, r->path.data, r->leaf ? r->text.data : NULL);
  text_truncate(&r->path, r->path_len_before[--r->depth]);
  text_reset(&r->text);
  r->leaf = false;
}

static int begin_element(struct reader *r)
{
  const char *name;
  size_t len;
  r->p++;
  if (read_name(r, &name, &len) < 0 || r->depth == S3_XML_DEPTH_MAX ||
      (r->depth == 0 && r->root_seen) || r->path.len + len + 1 > S3_XML_PATH_MAX)
    return -1;
  r->root_seen = true;
  r->path_len_before[r->depth++] = r->path.len;
  if (r->path.len)
    text_putc(&r->path, '/');
  text_append(&r->path, name, len);
  text_reset(&r->text);
  r->leaf = true;
  if (skip_attributes(r) < 0)
    return -1;
  bool empty = *r->p == '/';
  r->p += empty ? 2 : 1;
  if (empty)
    close_element(r);
  return 0;
}

static int end_element(struct reader *r)
{
  const char *name;
  size_t len;
  r->p += 2;
  if (r->depth == 0 || read_name(r, &name, &len) < 0)
    return -1;
  size_t before = r->path_len_before[r->depth - 1];
  const char *open = r->path.data + before + (before ? 1 : 0);
  skip_blanks(r);
  if (strlen(open) != len || memcmp(open, name, len) != 0 || r->p == r->end || *r->p++ != '>')
    return -1;
  close_element(r);
  return 0;
}

static int read_cdata(struct reader *r)
{
  r->p += strlen("<![CDATA[");
  const char *begin = r->p;
  if (r->depth == 0 || skip_past(r, "]]>") < 0)
    return -1;
  text_append(&r->text, begin, (size_t)(r->p - begin) - 3);
  return 0;
}

static int read_piece(struct reader *r)
{
  if (at(r, "<!--"))
    return skip_past(r, "-->");
  if (at(r, "<?"))
    return skip_past(r, "?>");
  if (at(r, "<![CDATA["))
    return read_cdata(r);
  if (at(r, "<!"))
    return -1;
  if (at(r, "</"))
    return end_element(r);
  if (*r->p == '<')
    return begin_element(r);
  if (r->depth == 0)
    return is_blank(*r->p++) ? 0 : -1;
  if (*r->p == '&')
    return read_entity(r);
  if (*r->p == '\0')
    return -1;
  text_putc(&r->text, *r->p++);
  return 0;
}

int s3_xml_read(const char *bytes, size_t len, s3_xml_visit *visit, void *context)
{
  struct reader r = {.p = bytes,
                     .end = bytes + len,
                     .visit = visit,
                     .context = context,
                     .path = TEXT_INIT,
                     .text = TEXT_INIT};
  if (at(&r, "\xEF\xBB\xBF"))
    r.p += 3;
  int status = 0;
  while (status == 0 && r.p < r.end)
    status = read_piece(&r);
  if (r.depth > 0 || !r.root_seen)
    status = -1;
  text_clear(&r.path);
  text_clear(&r.text);
  return status;
}

bool s3_xml_is(const char *path, const char *tail)
{
  size_t len = strlen(path), tail_len = strlen(tail);
  return len >= tail_len && strcmp(path + len - tail_len, tail) == 0 &&
         (len == tail_len || path[len - tail_len - 1] == '/');
}
