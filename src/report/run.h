/* report/run.h: results of run, rollback, status and the store as text for people and JSON for
 * scripts. Pure functions. */
#pragma once

#include "base/json.h"
#include "run/rollback.h"
#include "run/run.h"
#include "run/status.h"

/* What a run would do, file by file: statements, verdict, what is captured, the way back. */
void report_plan_text(const struct run_result *result, struct text *out);
/* `err` set: the failure is part of the JSON ("error", "exit_code"). */
void report_run_json(const struct run_result *result, const struct err *err, struct text *out);
/* The last words of a run: what was done, what state the database is in, what to type next. */
void report_run_end(struct arena *arena, const struct run_result *result, const struct err *err,
                    struct text *out);

/* report/rollback.c */
void report_rollback_plan(struct arena *arena, const struct rollback_report *report,
                          struct text *out);
void report_rollback_json(const struct rollback_report *report, const struct err *err,
                          struct text *out);
void report_rollback_end(struct arena *arena, const struct rollback_report *report,
                         struct text *out);

/* "exit_code" and, if it is set, "error". */
void report_error(struct jw *w, const struct err *err);

void report_status_text(struct arena *arena, const struct status_report *report, struct text *out);
void report_status_json(const struct status_report *report, struct text *out);

/* Damaged ones are left out of the text; their JSON is {"id", "damaged", "damage"}. */
void report_backups_text(struct arena *arena, const struct backup_infos *backups, struct text *out);
void report_backup_json(struct jw *w, const struct backup_info *info);
void report_records_text(const struct records *records, struct text *out);
void report_record_text(const struct record *record, struct text *out);
void report_record_json(struct jw *w, const struct record *record);
