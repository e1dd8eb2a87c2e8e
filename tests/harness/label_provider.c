/* A provider of security labels that takes any label: the server has none of its own. */
#include "postgres.h"

#include "commands/seclabel.h"
#include "fmgr.h"

PG_MODULE_MAGIC;

void _PG_init(void);

static void check(const ObjectAddress *object, const char *label)
{
  (void)object;
  (void)label;
}

void _PG_init(void)
{
  register_label_provider("belay Test", check);
}
