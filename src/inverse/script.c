#include "inverse/inverse.h"

/* One comment line; what would end it is made harmless. */
static void comment(struct text *out, const char *prefix, const char *text)
{
  text_puts(out, prefix);
  for (const char *c = text; *c; c++)
    text_putc(out, *c == '\n' || *c == '\r' ? ' ' : *c);
  text_putc(out, '\n');
}

static void comment_list(struct text *out, const char *title, const struct strings *list)
{
  if (list->len == 0)
    return;
  comment(out, "-- ", title);
  for (size_t i = 0; i < list->len; i++)
    comment(out, "--   ", list->at[i]);
}

char *inverse_coverage(struct arena *arena, const struct inverse *inverse)
{
  const struct inverse_rows *rows = inverse->rows;
  if (!rows)
    return arena_strdup(arena, "the structure, not rows");
  if (rows->not_tried)
    return arena_printf(arena, "the structure, not rows: %s", rows->not_tried);
  return arena_printf(
      arena, "the structure, and the content of %" PRId64 " %s row%s in %" PRId64 " table%s",
      rows->rows, rows->kind, rows->rows == 1 ? "" : "s", rows->tables,
      rows->tables == 1 ? "" : "s");
}

static void header(struct text *out, const struct inverse *inverse)
{
  static const char *const means[] = {
      "the schema comes back identical",
      "the schema comes back identical but for the position of columns",
      "the schema comes back, but for what is named below",
      "this script does NOT bring the schema back; do not run it as it is",
  };
  comment(out, "-- Rollback of ", inverse->name);
  text_printf(out, "-- Verdict: %s: %s.\n", inverse_verdict_name(inverse->verdict),
              means[inverse->verdict]);
  text_printf(out, "-- Structure before %.12s, after %.12s.\n", inverse->fingerprint_before,
              inverse->fingerprint_after);
  CLEANUP(arena_freep) struct arena *arena = arena_new();
  text_printf(out,
              "-- Proven on a shadow database after the migration.\n"
              "-- The proof covers %s.\n",
              inverse_coverage(arena, inverse));
  if (inverse->bare)
    text_puts(out,
              "-- The migration ran statement by statement; its rollback is one transaction, so "
              "indexes are\n-- dropped and made without CONCURRENTLY and lock their tables.\n");
  struct strings costs = inverse_costs(arena, inverse);
  comment_list(out, "Columns come back in their order. The price:", &costs);
  comment_list(out, "Not undone:", &inverse->refusals);
  comment_list(out, "Differs afterwards:", &inverse->differences);
  comment_list(out, "Not run on the shadow, unproven and not undone here:", &inverse->outside);
  if (inverse->rows) {
    comment_list(out, "Tried with rows, and failed:", &inverse->rows->refusals);
    comment_list(out, "Not covered by the rows:", &inverse->rows->not_covered);
  }
}

static void write_steps(struct text *out, const struct inverse *inverse, enum inverse_phase phase)
{
  for (size_t i = 0; i < inverse->steps.len; i++) {
    const struct inverse_step *step = &inverse->steps.at[i];
    if (step->phase != phase)
      continue;
    if (step->note)
      comment(out, "\n-- ", step->note);
    text_printf(out, "%s;\n", step->sql);
  }
}

char *inverse_script_text(struct arena *arena, const struct inverse *inverse)
{
  CLEANUP(text_clear) struct text out = TEXT_INIT;
  header(&out, inverse);
  text_puts(&out, "\nBEGIN;\n");
  write_steps(&out, inverse, INVERSE_BEFORE_DATA);
  text_puts(&out, "\n-- rows captured by belay run are written back here (belay rollback)\n");
  write_steps(&out, inverse, INVERSE_AFTER_DATA);
  text_puts(&out, "\nCOMMIT;\n");
  return arena_strdup(arena, out.data);
}
