/* utf8.h: well-formed UTF-8, one character at a time.
 *
 *   for (size_t i = 0; i < len;) {
 *     uint32_t c;
 *     size_t n = utf8_read(s + i, len - i, &c);   // 0: the byte at i begins no character
 *     i += n ? n : 1;
 *   }
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* Length in bytes of the character at s, 0 if there is none. ret may be NULL. */
size_t utf8_read(const char *s, size_t left, uint32_t *ret);
/* Characters in s; a byte that belongs to none counts as one. */
size_t utf8_count(const char *s, size_t len);
