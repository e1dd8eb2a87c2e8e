/* The reader of S3's answers: whatever the bytes are, paths and text stay within bounds. */
#include "fuzz.h"
#include "store/s3_xml.h"

static void visit(void *context, const char *path, const char *text)
{
  size_t size = *(size_t *)context;
  FUZZ_ASSERT(path[0] && strlen(path) <= S3_XML_PATH_MAX);
  FUZZ_ASSERT(!text || strlen(text) <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  (void)s3_xml_read((const char *)data, size, visit, &size);
  return 0;
}
