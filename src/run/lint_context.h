/* run/lint_context.h: what lint may know besides files and catalog: the session that will apply the
 * files, and what the ledger and the directory say of them. All into the arena. */
#pragma once

#include "lint/lint.h"
#include "run/env.h"

/* The role of the connection and what it may act as. */
int run_lint_role(struct arena *arena, struct db_conn *conn, struct lint_session *session,
                  struct err *err);
/* The timeouts that sessions of this role begin with. */
int run_lint_timeouts(struct db_conn *conn, struct lint_session *session, struct err *err);
/* The search_path that sessions begin with; and their TimeZone, where this client does not choose
 * it. */
int run_lint_defaults(struct arena *arena, struct db_conn *conn, struct lint_session *session,
                      struct err *err);
/* The timeouts that belay sets when it applies files under the policy. */
void run_lint_policy_timeouts(const struct policy *policy, struct lint_session *session);

/* What the ledger in that schema says of the project's migrations; untouched if there is none. */
int run_lint_ledger(const struct run_env *env, struct db_conn *conn, const char *schema,
                    struct migration_statuses **ret, struct err *err);
/* input->files, for its scripts. ledger NULL: only what lies beside them. */
void run_lint_files(struct arena *arena, const struct migration_statuses *ledger,
                    struct lint_input *input);
