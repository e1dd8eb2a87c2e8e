#include "base/utf8.h"

#include "base/base.h"

static size_t length_by_first(unsigned char c)
{
  return c < 0x80                ? 1
         : c >= 0xc2 && c < 0xe0 ? 2
         : (c & 0xf0) == 0xe0    ? 3
         : c >= 0xf0 && c < 0xf5 ? 4
                                 : 0;
}

size_t utf8_read(const char *bytes, size_t left, uint32_t *ret)
{
  const unsigned char *s = (const unsigned char *)bytes;
  size_t n = left > 0 ? length_by_first(s[0]) : 0;
  if (n == 0 || n > left)
    return 0;
  uint32_t c = n == 1 ? s[0] : s[0] & (0x7fU >> n);
  for (size_t i = 1; i < n; i++) {
    if ((s[i] & 0xc0) != 0x80)
      return 0;
    c = c << 6 | (s[i] & 0x3fU);
  }
  bool overlong = (n == 3 && c < 0x800) || (n == 4 && c < 0x10000);
  if (overlong || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
    return 0;
  if (ret)
    *ret = c;
  return n;
}

size_t utf8_count(const char *s, size_t len)
{
  size_t count = 0;
  for (size_t i = 0; i < len; count++) {
    size_t n = utf8_read(s + i, len - i, NULL);
    i += n ? n : 1;
  }
  return count;
}
