#include "sql/digest.h"

#if PG_VERSION_NUM >= 160000
static const char *strategy_name(PgQuery__PartitionStrategy strategy)
{
  switch (strategy) {
  case PG_QUERY__PARTITION_STRATEGY__PARTITION_STRATEGY_LIST:
    return "list";
  case PG_QUERY__PARTITION_STRATEGY__PARTITION_STRATEGY_HASH:
    return "hash";
  default:
    return "range";
  }
}
#else
/* The word as it was written. */
static const char *strategy_name(const char *strategy)
{
  switch (strategy[0]) {
  case 'l':
  case 'L':
    return "list";
  case 'h':
  case 'H':
    return "hash";
  default:
    return "range";
  }
}
#endif

const struct sql_partition_key *digest_partition_key(struct digest *d,
                                                     const PgQuery__PartitionSpec *spec)
{
  if (!spec)
    return NULL;
  struct sql_partition_key *key = ARENA_NEW(d->arena, struct sql_partition_key);
  key->strategy = strategy_name(spec->strategy);
  key->keys = digest_keys(d, spec->part_params, spec->n_part_params);
  return key;
}

/* MINVALUE and MAXVALUE are columns to the grammar. */
static const char *bound_value(struct digest *d, const PgQuery__Node *node)
{
  if (NODE_IS(node, COLUMN_REF) && node->column_ref->n_fields == 1) {
    const char *word = digest_string_node(d, node->column_ref->fields[0]);
    if (word && strcmp(word, "minvalue") == 0)
      return "MINVALUE";
    if (word && strcmp(word, "maxvalue") == 0)
      return "MAXVALUE";
  }
  return digest_constant(d, node);
}

static struct strings bound_values(struct digest *d, PgQuery__Node *const *nodes, size_t count)
{
  struct strings values = {0};
  for (size_t i = 0; i < count; i++)
    vec_push(d->arena, &values, bound_value(d, nodes[i]));
  return values;
}

static void put_values(struct text *t, const char *before, const struct strings *values)
{
  text_puts(t, before);
  for (size_t i = 0; i < values->len; i++)
    text_printf(t, "%s%s", i == 0 ? "(" : ", ", values->at[i] ? values->at[i] : "?");
  text_puts(t, ")");
}

static const char *bound_text(struct digest *d, const struct sql_bound *bound)
{
  if (bound->is_default)
    return "DEFAULT";
  if (bound->hash)
    return arena_printf(d->arena, "FOR VALUES WITH (modulus %d, remainder %d)", bound->modulus,
                        bound->remainder);
  CLEANUP(text_clear) struct text t = TEXT_INIT;
  if (bound->values.len > 0) {
    put_values(&t, "FOR VALUES IN ", &bound->values);
  } else {
    put_values(&t, "FOR VALUES FROM ", &bound->lower);
    put_values(&t, " TO ", &bound->upper);
  }
  return arena_strdup(d->arena, t.data);
}

const struct sql_bound *digest_bound(struct digest *d, const PgQuery__PartitionBoundSpec *node)
{
  if (!node)
    return NULL;
  struct sql_bound *bound = ARENA_NEW(d->arena, struct sql_bound);
  bound->is_default = node->is_default;
  bound->hash = !node->is_default && node->strategy[0] == 'h'; /* a letter in all versions */
  bound->modulus = node->modulus;
  bound->remainder = node->remainder;
  bound->lower = bound_values(d, node->lowerdatums, node->n_lowerdatums);
  bound->upper = bound_values(d, node->upperdatums, node->n_upperdatums);
  bound->values = bound_values(d, node->listdatums, node->n_listdatums);
  bound->text = bound_text(d, bound);
  return bound;
}
