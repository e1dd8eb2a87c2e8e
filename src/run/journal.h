/* run/journal.h: the append-only record of a run: one JSON object a line, fsynced before journal_*
 * returns, so that what is in it is true after a crash. A line is
 * {"schema":1,"at":TIME,"event":NAME, ...fields}.
 *
 * Events: run-begin, stage-begin, stage-end, file-begin, statement, commit-sent, committed,
 * rolled-back, file-failed, note, run-end. `commit-sent` holds pg_current_xact_id(): with
 * pg_xact_status() it tells on which side of the commit a killed run left the database.
 */
#pragma once

#include "base/base.h"
#include "base/json.h"

#include "store/keys.h"

struct journal;

/* keys: where they encrypt, values that may hold rows or names (messages, summaries, tables) are
 * not written as they are: they go together into "sealed", an age file in base64. What tells the
 * state of the run stays clear. keys is borrowed; NULL: everything is clear. */
int journal_open(const char *path, const struct keys *keys, struct journal **ret_journal,
                 struct err *err);
void journal_close(struct journal *journal);
void journal_closep(struct journal **journal);

/* journal_write(j, err, "stage-begin", "stage", "lint", NULL): pairs of key and string value, ended
 * by NULL. A value that starts with JOURNAL_RAW is written as the JSON behind that mark (numbers,
 * objects). */
#define JOURNAL_RAW "\001"
int journal_write(struct journal *journal, struct err *err, const char *event, ...);
