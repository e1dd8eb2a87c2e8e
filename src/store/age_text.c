/* Bech32 (BIP 173) for keys, base64 without padding for headers. */
#include "store/age_private.h"

#include <ctype.h>

/* ---- bech32 ---- */

static const char bech32_digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
enum { CHECKSUM_DIGITS = 6, KEY_DIGITS = 52 }; /* 256 bits in digits of 5, the last one padded */

static uint32_t polymod(uint32_t sum, unsigned digit)
{
  static const uint32_t generators[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
  uint32_t top = sum >> 25;
  sum = (sum & 0x1ffffff) << 5 ^ digit;
  for (size_t i = 0; i < COUNT_OF(generators); i++)
    if (top >> i & 1)
      sum ^= generators[i];
  return sum;
}

/* Over the human-readable part, the digits, and those of a checksum. */
static uint32_t checksum(const char *part, const unsigned char *digits, size_t count)
{
  uint32_t sum = 1;
  for (const char *p = part; *p; p++)
    sum = polymod(sum, (unsigned)tolower((unsigned char)*p) >> 5);
  sum = polymod(sum, 0);
  for (const char *p = part; *p; p++)
    sum = polymod(sum, (unsigned)tolower((unsigned char)*p) & 31);
  for (size_t i = 0; i < count; i++)
    sum = polymod(sum, digits[i]);
  return sum;
}

static bool is_upper(const char *part)
{
  return isupper((unsigned char)part[0]) != 0;
}

void age_bech32_encode(const char *part, const unsigned char key[AGE_KEY_BYTES], char *ret)
{
  unsigned char digits[KEY_DIGITS + CHECKSUM_DIGITS] = {0};
  for (size_t bit = 0; bit < (size_t)AGE_KEY_BYTES * 8; bit++)
    if (key[bit / 8] >> (7 - bit % 8) & 1)
      digits[bit / 5] |= (unsigned char)(1 << (4 - bit % 5));
  uint32_t sum = checksum(part, digits, sizeof(digits)) ^ 1;
  for (size_t i = 0; i < CHECKSUM_DIGITS; i++)
    digits[KEY_DIGITS + i] = (unsigned char)(sum >> 5 * (CHECKSUM_DIGITS - 1 - i) & 31);
  size_t len = (size_t)snprintf(ret, AGE_BECH32_MAX + 1, "%s1", part);
  for (size_t i = 0; i < sizeof(digits); i++) {
    char c = bech32_digits[digits[i]];
    ret[len++] = is_upper(part) ? (char)toupper((unsigned char)c) : c;
  }
  ret[len] = '\0';
}

bool age_bech32_decode(const char *part, const char *text, unsigned char ret[AGE_KEY_BYTES])
{
  unsigned char digits[KEY_DIGITS + CHECKSUM_DIGITS];
  size_t part_len = strlen(part);
  if (strlen(text) != part_len + 1 + sizeof(digits) || strncmp(text, part, part_len) != 0 ||
      text[part_len] != '1')
    return false;
  for (size_t i = 0; i < sizeof(digits); i++) {
    unsigned char c = (unsigned char)text[part_len + 1 + i];
    const char *found = isalpha(c) && (isupper(c) != 0) != is_upper(part)
                            ? NULL
                            : strchr(bech32_digits, tolower(c));
    if (!found)
      return false;
    digits[i] = (unsigned char)(found - bech32_digits);
  }
  if (checksum(part, digits, sizeof(digits)) != 1 || digits[KEY_DIGITS - 1] & 15)
    return false;
  memset(ret, 0, AGE_KEY_BYTES);
  for (size_t bit = 0; bit < (size_t)AGE_KEY_BYTES * 8; bit++)
    if (digits[bit / 5] >> (4 - bit % 5) & 1)
      ret[bit / 8] |= (unsigned char)(1 << (7 - bit % 8));
  return true;
}

/* ---- base64 ---- */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void age_base64_encode(const unsigned char *bytes, size_t len, struct text *out)
{
  unsigned bits = 0, count = 0;
  for (size_t i = 0; i < len; i++) {
    bits = bits << 8 | bytes[i];
    for (count += 8; count >= 6; count -= 6)
      text_putc(out, base64_digits[bits >> (count - 6) & 63]);
  }
  if (count)
    text_putc(out, base64_digits[bits << (6 - count) & 63]);
}

ssize_t age_base64_decode(const char *text, size_t len, unsigned char *ret)
{
  unsigned bits = 0, count = 0;
  ssize_t n = 0;
  for (size_t i = 0; i < len; i++) {
    const char *found = text[i] ? strchr(base64_digits, text[i]) : NULL;
    if (!found)
      return -1;
    bits = bits << 6 | (unsigned)(found - base64_digits);
    count += 6;
    if (count >= 8) {
      count -= 8;
      ret[n++] = (unsigned char)(bits >> count & 255);
    }
  }
  /* one digit alone holds no byte, and bits that are left over must be zero */
  return len % 4 == 1 || bits & ((1u << count) - 1) ? -1 : n;
}

void age_to_text(const void *bytes, size_t len, struct text *ret)
{
  text_reset(ret);
  age_base64_encode(bytes, len, ret);
  while (ret->len % 4)
    text_putc(ret, '=');
}
