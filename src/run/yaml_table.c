#include "run/yaml_table.h"
#include "base/fs.h"
#include "base/suggest.h"

#include <errno.h>
#include <yaml.h>

enum { KEYS_MAX = 128 }; /* keys of one mapping that are offered as "did you mean" */

struct walk {
  struct arena *arena;
  const struct table *table;
  const char *path; /* of the file */
  yaml_document_t *document;
  void *target;
};

/* --- complaints: always with the place --- */

static int complain(const struct walk *w, const yaml_node_t *node, struct err *err, const char *fmt,
                    ...) PRINTF_LIKE(4, 5);

static int complain(const struct walk *w, const yaml_node_t *node, struct err *err, const char *fmt,
                    ...)
{
  va_list args;
  va_start(args, fmt);
  const char *what = arena_vprintf(w->arena, fmt, args);
  va_end(args);
  return err_set(err, ERR_USAGE, "%s:%zu:%zu: %s", w->path, node->start_mark.line + 1,
                 node->start_mark.column + 1, what);
}

/* Adds "Did you mean X?", or else the known words. */
static int suggest(const char *suggestion, const char *const *known, size_t count, struct err *err)
{
  if (suggestion)
    return err_hint(err, "Did you mean %s?", suggestion);
  CLEANUP(text_clear) struct text list = TEXT_INIT;
  for (size_t i = 0; i < count; i++)
    text_printf(&list, "%s%s", i ? ", " : "", known[i]);
  return err_hint(err, "Known here: %s.", list.data);
}

static const char *shown(const struct walk *w, const yaml_node_t *node)
{
  if (node->type == YAML_MAPPING_NODE)
    return "a mapping";
  if (node->type == YAML_SEQUENCE_NODE)
    return "a list";
  if (node->data.scalar.length == 0)
    return "nothing";
  return arena_printf(w->arena, "\"%s\"", (const char *)node->data.scalar.value);
}

static int wants(const struct walk *w, const struct table_key *key, const yaml_node_t *node,
                 const char *what, struct err *err)
{
  return complain(w, node, err, "%s wants %s, not %s", key->path, what, shown(w, node));
}

/* --- nodes --- */

static bool is_plain(const yaml_node_t *node)
{
  return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* Text of a scalar; NULL for anything else and for a null (`key:`, ~, null). A NUL inside is no
 * text either. */
static const char *scalar_of(const yaml_node_t *node)
{
  if (node->type != YAML_SCALAR_NODE)
    return NULL;
  const char *text = (const char *)node->data.scalar.value;
  if (strlen(text) != node->data.scalar.length)
    return NULL;
  bool null = is_plain(node) && (!text[0] || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
  return null ? NULL : text;
}

static bool is_null(const yaml_node_t *node)
{
  return node->type == YAML_SCALAR_NODE && is_plain(node) && !scalar_of(node);
}

static yaml_node_t *node_at(const struct walk *w, int index)
{
  return yaml_document_get_node(w->document, index);
}

/* --- values --- */

static int take_choice(const struct walk *w, const struct table_key *key, const yaml_node_t *node,
                       void *field, struct err *err)
{
  const char *text = scalar_of(node), *names[KEYS_MAX];
  size_t count = 0;
  for (const struct table_choice *c = key->choices; c->name && count < KEYS_MAX; c++) {
    names[count++] = c->name;
    if (!text || strcmp(c->name, text) != 0)
      continue;
    if (key->type == TABLE_WORD)
      *(const char **)field = c->name;
    else
      *(int *)field = c->value;
    return 0;
  }
  if (!text)
    return wants(w, key, node, "a word", err);
  complain(w, node, err, "%s does not know \"%s\"", key->path, text);
  return suggest(suggest_word(text, names, count), names, count, err);
}

static int take_bool(const struct walk *w, const struct table_key *key, const yaml_node_t *node,
                     bool *field, struct err *err)
{
  const char *text = scalar_of(node);
  bool yes = text && is_plain(node) && strcmp(text, "true") == 0;
  if (!yes && !(text && is_plain(node) && strcmp(text, "false") == 0))
    return wants(w, key, node, "true or false", err);
  *field = yes;
  return 0;
}

static int out_of_range(const struct walk *w, const struct table_key *key, const yaml_node_t *node,
                        const char *min, const char *max, struct err *err)
{
  return complain(w, node, err, "%s is %s, outside %s to %s", key->path,
                  (const char *)node->data.scalar.value, min, max);
}

static int take_int(const struct walk *w, const struct table_key *key, const yaml_node_t *node,
                    int *field, struct err *err)
{
  const char *text = scalar_of(node);
  size_t digits = text ? strspn(text + (text[0] == '-'), "0123456789") : 0;
  if (!text || !is_plain(node) || digits == 0 || text[digits + (text[0] == '-')])
    return wants(w, key, node, "a whole number", err);
  errno = 0;
  long long value = strtoll(text, NULL, 10);
  if (errno || value < key->min || value > key->max)
    return out_of_range(w, key, node, arena_printf(w->arena, "%" PRId64, key->min),
                        arena_printf(w->arena, "%" PRId64, key->max), err);
  *field = (int)value;
  return 0;
}

static int take_duration(const struct walk *w, const struct table_key *key, const yaml_node_t *node,
                         int64_t *field, struct err *err)
{
  const char *text = scalar_of(node);
  int64_t ms;
  if (!text || table_parse_duration(text, &ms) < 0)
    return wants(w, key, node, "a duration like 500ms, 10s, 5min or 2h", err);
  if (ms < key->min || ms > key->max)
    return out_of_range(w, key, node, table_print_duration(w->arena, key->min),
                        table_print_duration(w->arena, key->max), err);
  *field = ms;
  return 0;
}

static int take_size(const struct walk *w, const struct table_key *key, const yaml_node_t *node,
                     uint64_t *field, struct err *err)
{
  const char *text = scalar_of(node);
  uint64_t bytes;
  if (!text || table_parse_size(text, &bytes) < 0)
    return wants(w, key, node, "a size like 16MiB or 1GiB", err);
  if ((int64_t)bytes < key->min || (int64_t)bytes > key->max)
    return out_of_range(w, key, node, table_print_size(w->arena, (uint64_t)key->min),
                        table_print_size(w->arena, (uint64_t)key->max), err);
  *field = bytes;
  return 0;
}

static int take_strings(const struct walk *w, const struct table_key *key, const yaml_node_t *node,
                        struct strings *field, struct err *err)
{
  struct strings all = {0};
  if (node->type != YAML_SEQUENCE_NODE)
    return wants(w, key, node, "a list like [a, b]", err);
  for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top;
       i++) {
    const yaml_node_t *item = node_at(w, *i);
    const char *text = scalar_of(item);
    if (!text)
      return complain(w, item, err, "%s wants text as items, not %s", key->path, shown(w, item));
    vec_push(w->arena, &all, arena_strdup(w->arena, text));
  }
  *field = all;
  return 0;
}

static int check_duplicate(const struct walk *w, const yaml_node_t *mapping,
                           const yaml_node_pair_t *pair, struct err *err)
{
  const yaml_node_t *key = node_at(w, pair->key);
  const char *text = scalar_of(key);
  if (!text)
    return complain(w, key, err, "a key must be a word, not %s", shown(w, key));
  for (yaml_node_pair_t *p = mapping->data.mapping.pairs.start; p < pair; p++) {
    const yaml_node_t *earlier = node_at(w, p->key);
    if (strcmp(scalar_of(earlier), text) == 0)
      return complain(w, key, err, "duplicate key \"%s\", first on line %zu", text,
                      earlier->start_mark.line + 1);
  }
  return 0;
}

static int take_entries(const struct walk *w, const struct table_key *key, const yaml_node_t *node,
                        void *field, struct err *err)
{
  if (is_null(node))
    return 0; /* every entry is commented out */
  if (node->type != YAML_MAPPING_NODE)
    return wants(w, key, node, "a mapping", err);
  for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
       p++) {
    if (check_duplicate(w, node, p, err) < 0)
      return -1;
    const yaml_node_t *name = node_at(w, p->key), *value = node_at(w, p->value);
    const char *text = scalar_of(value);
    if (!text)
      return complain(w, value, err, "%s.%s wants a word, not %s", key->path, scalar_of(name),
                      shown(w, value));
    struct table_complaint complaint = {0};
    key->entry(w->arena, field, scalar_of(name), text, &complaint);
    if (!complaint.what)
      continue;
    complain(w, complaint.about_key ? name : value, err, "%s", complaint.what);
    return complaint.suggestion ? err_hint(err, "Did you mean %s?", complaint.suggestion) : -1;
  }
  return 0;
}

/* Each group is named in messages by the path of the key and its own name. */
static int take_groups(const struct walk *w, const struct table_key *key, const yaml_node_t *node,
                       void *field, struct err *err)
{
  if (is_null(node))
    return 0;
  if (node->type != YAML_MAPPING_NODE)
    return wants(w, key, node, "a mapping", err);
  for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
       p++) {
    if (check_duplicate(w, node, p, err) < 0)
      return -1;
    const char *name = arena_strdup(w->arena, scalar_of(node_at(w, p->key)));
    struct table_key group = *key;
    group.path = arena_printf(w->arena, "%s.%s", key->path, name);
    if (take_entries(w, &group, node_at(w, p->value), key->group(w->arena, field, name), err) < 0)
      return -1;
  }
  return 0;
}

static int take_value(const struct walk *w, const struct table_key *key, const yaml_node_t *node,
                      struct err *err)
{
  void *field = (char *)w->target + key->offset;
  const char *text = scalar_of(node);
  switch (key->type) {
  case TABLE_STRING:
    if (!text || !text[0])
      return wants(w, key, node, "text", err);
    *(const char **)field = arena_strdup(w->arena, text);
    return 0;
  case TABLE_WORD:
  case TABLE_ENUM:
    return take_choice(w, key, node, field, err);
  case TABLE_BOOL:
    return take_bool(w, key, node, field, err);
  case TABLE_INT:
    return take_int(w, key, node, field, err);
  case TABLE_DURATION:
    return take_duration(w, key, node, field, err);
  case TABLE_SIZE:
    return take_size(w, key, node, field, err);
  case TABLE_STRINGS:
    return take_strings(w, key, node, field, err);
  case TABLE_ENTRIES:
    return take_entries(w, key, node, field, err);
  case TABLE_GROUPS:
    return take_groups(w, key, node, field, err);
  }
  return err_set(err, ERR_UNEXPECTED, "%s: key of unknown type", key->path);
}

/* --- keys --- */

/* The names that may stand below `prefix` ("" or "apply."). */
static size_t names_below(const struct walk *w, const char *prefix, const char *names[KEYS_MAX])
{
  size_t count = 0, len = strlen(prefix);
  for (size_t i = 0; i < w->table->count && count < KEYS_MAX; i++) {
    if (strncmp(w->table->keys[i].path, prefix, len) != 0)
      continue;
    const char *rest = w->table->keys[i].path + len;
    const char *name = arena_strndup(w->arena, rest, strcspn(rest, "."));
    bool known = false;
    for (size_t k = 0; k < count; k++)
      known = known || strcmp(names[k], name) == 0;
    if (!known)
      names[count++] = name;
  }
  return count;
}

static int unknown_key(const struct walk *w, const char *prefix, const yaml_node_t *node,
                       struct err *err)
{
  const char *name = scalar_of(node), *names[KEYS_MAX];
  complain(w, node, err, "unknown key \"%s%s\"", prefix, name);
  size_t count = names_below(w, prefix, names);
  const char *near = suggest_word(name, names, count);
  if (near)
    return err_hint(err, "Did you mean %s%s?", prefix, near);
  for (size_t i = 0; i < w->table->count; i++) { /* the right word in the wrong section */
    const char *path = w->table->keys[i].path, *dot = strrchr(path, '.');
    if (strcmp(dot ? dot + 1 : path, name) == 0)
      return err_hint(err, "Did you mean %s?", path);
  }
  return suggest(NULL, names, count, err);
}

static int walk_mapping(const struct walk *w, const char *prefix, const yaml_node_t *node,
                        struct err *err);

/* prefix "apply." and key lock_timeout */
static int walk_pair(const struct walk *w, const char *prefix, const yaml_node_pair_t *pair,
                     struct err *err)
{
  const yaml_node_t *key = node_at(w, pair->key), *value = node_at(w, pair->value);
  const char *path = arena_printf(w->arena, "%s%s", prefix, scalar_of(key));
  size_t len = strlen(path);
  for (size_t i = 0; i < w->table->count; i++) {
    const struct table_key *k = &w->table->keys[i];
    if (strcmp(k->path, path) == 0)
      return take_value(w, k, value, err);
    if (strncmp(k->path, path, len) != 0 || k->path[len] != '.')
      continue;
    if (is_null(value))
      return 0; /* a section with every key commented out */
    if (value->type != YAML_MAPPING_NODE)
      return complain(w, value, err, "%s is a section with keys below it, not %s", path,
                      shown(w, value));
    return walk_mapping(w, arena_printf(w->arena, "%s.", path), value, err);
  }
  return unknown_key(w, prefix, key, err);
}

static int walk_mapping(const struct walk *w, const char *prefix, const yaml_node_t *node,
                        struct err *err)
{
  for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++)
    if (check_duplicate(w, node, p, err) < 0 || walk_pair(w, prefix, p, err) < 0)
      return -1;
  return 0;
}

/* --- documents --- */

static int syntax_error(const char *path, const yaml_parser_t *parser, struct err *err)
{
  bool reader = parser->error == YAML_READER_ERROR; /* bad UTF-8: an offset instead of a mark */
  const char *problem = parser->problem ? parser->problem : "cannot be read";
  if (reader)
    return err_set(err, ERR_USAGE, "%s: not valid YAML: %s at byte %zu", path, problem,
                   parser->problem_offset);
  return err_set(err, ERR_USAGE, "%s:%zu:%zu: not valid YAML: %s%s%s", path,
                 parser->problem_mark.line + 1, parser->problem_mark.column + 1, problem,
                 parser->context ? " " : "", parser->context ? parser->context : "");
}

static int load(const struct walk *w, yaml_parser_t *parser, yaml_document_t *document,
                struct err *err)
{
  if (yaml_parser_load(parser, document))
    return 0;
  return syntax_error(w->path, parser, err);
}

static int refuse_more(const struct walk *w, yaml_parser_t *parser, struct err *err)
{
  CLEANUP(yaml_document_delete) yaml_document_t more = {0};
  if (load(w, parser, &more, err) < 0)
    return -1;
  const yaml_node_t *root = yaml_document_get_root_node(&more);
  return root ? complain(w, root, err, "a second document; the file may hold one only") : 0;
}

int table_read(struct arena *arena, const struct table *table, const char *path, const char *text,
               void *target, struct err *err)
{
  CLEANUP(yaml_parser_delete) yaml_parser_t parser = {0};
  CLEANUP(yaml_document_delete) yaml_document_t document = {0};
  if (!yaml_parser_initialize(&parser))
    die_oom();
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
  struct walk w = {arena, table, path, &document, target};
  if (load(&w, &parser, &document, err) < 0)
    return -1;
  const yaml_node_t *root = yaml_document_get_root_node(&document);
  if (!root)
    return 0; /* empty, or comments only */
  if (refuse_more(&w, &parser, err) < 0)
    return -1;
  if (is_null(root))
    return 0;
  if (root->type != YAML_MAPPING_NODE)
    return complain(&w, root, err, "the file wants keys with values, not %s", shown(&w, root));
  return walk_mapping(&w, "", root, err);
}

int table_read_file(struct arena *arena, const struct table *table, const char *path, void *target,
                    struct err *err)
{
  char *text;
  size_t len;
  if (fs_read(arena, path, &text, &len, err) < 0)
    return err_recode(err, ERR_USAGE);
  if (len > TABLE_FILE_MAX)
    return err_set(err, ERR_USAGE, "%s: larger than %d bytes", path, TABLE_FILE_MAX);
  if (strlen(text) != len)
    return err_set(err, ERR_USAGE, "%s: holds NUL bytes, so it is not a text file", path);
  return table_read(arena, table, path, text, target, err);
}
