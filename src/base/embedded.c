#include "base/embedded.h"

#include "base/base.h"

const char *embedded_find(const char *name)
{
  for (const struct embedded_file *f = embedded_files; f->name; f++)
    if (strcmp(f->name, name) == 0)
      return (const char *)f->text;
  return NULL;
}
