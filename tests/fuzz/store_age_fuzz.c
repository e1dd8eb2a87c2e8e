/* The reader of age files: any bytes, with the identity that the published test files are for. What
 * it opens must be what a reader of that identity may see: shorter than the file. */
#include "fuzz.h"
#include "store/age.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  CLEANUP(err_clear) struct err err = ERR_INIT;
  CLEANUP(text_clear) struct text plain = TEXT_INIT;
  static struct age_identities with;
  if (!with.len)
    FUZZ_ASSERT(age_identities_read("key",
                                    "AGE-SECRET-KEY-1XMWWC06LY3EE5RYTXM9MFLAZ2U56JJJ36S0MYPDRWSVL"
                                    "UL66MV4QX3S7F6",
                                    &with, &err) == 0);
  if (age_decrypt(&with, data, size, &plain, &err) == 0)
    FUZZ_ASSERT(plain.len < size);
  else
    FUZZ_ASSERT((err.code == ERR_DAMAGED || err.code == ERR_SEALED) && plain.len == 0);
  err_clear(&err);
  struct age_identities none = {0};
  FUZZ_ASSERT(age_decrypt(&none, data, size, &plain, &err) < 0);
  return 0;
}
