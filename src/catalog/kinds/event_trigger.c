#include "catalog/model.h"

/* clang-format off */
static const char *query(struct arena *arena, int server_major)
{
  UNUSED(arena);
  UNUSED(server_major);
  return "SELECT" Q_CLASS("pg_event_trigger") "t.oid, t.evtname AS name, quote_ident(t.evtname)"
         " AS identity, format('CREATE EVENT TRIGGER %I ON %I', t.evtname, t.evtevent) ||"
         " coalesce((SELECT ' WHEN TAG IN (' || string_agg(quote_literal(g), ', ' ORDER BY g"
         " COLLATE \"C\") || ')' FROM unnest(t.evttags) g), '') || format(' EXECUTE FUNCTION"
         " %I.%I()', n.nspname, p.proname) AS definition, t.evtenabled AS enabled,"
         Q_OWNER("t.evtowner") "d.description AS comment FROM pg_event_trigger t JOIN pg_proc p"
         " ON p.oid = t.evtfoid JOIN pg_namespace n ON n.oid = p.pronamespace"
         Q_COMMENT_JOIN("pg_event_trigger", "t.oid") " WHERE"
         Q_NOT_MEMBER("pg_event_trigger", "t.oid");
}
/* clang-format on */

static int create(struct catalog_writer *w, const struct catalog_object *o, struct err *err)
{
  UNUSED(err);
  catalog_write(w, catalog_get(o, "definition"));
  const char *enabled = catalog_get(o, "enabled");
  if (strcmp(enabled, "O") != 0)
    catalog_write_for(w, CATALOG_FOR_CHANGE, "ALTER EVENT TRIGGER %s %s", o->identity,
                      catalog_enable_words(enabled));
  catalog_write_owner(w, o);
  catalog_write_comment(w, o);
  return 0;
}

const struct catalog_kind_ops catalog_event_trigger_ops = {
    .kind = CATALOG_EVENT_TRIGGER,
    .name = "event trigger",
    .sql_name = "EVENT TRIGGER",
    .section = CATALOG_POST_DATA,
    .rank = 9, /* last, so that they do not fire while the schema is made */
    .query = query,
    .create = create,
};
