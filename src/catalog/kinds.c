#include "catalog/model.h"

static const struct catalog_kind_ops *const all_kinds[CATALOG_KIND_COUNT] = {
#define X(kind, ops) [kind] = &ops,
    CATALOG_KINDS(X)
#undef X
};

const struct catalog_kind_ops *catalog_ops(enum catalog_kind kind)
{
  return all_kinds[kind];
}

const char *catalog_kind_name(enum catalog_kind kind)
{
  return all_kinds[kind]->name;
}
