/* What the formats of a lint report share. Private to report/. */
#pragma once

#include "report/lint.h"
#include "store/stream.h"

/* The script of a finding; NULL: not among those of the input. */
const struct sql_script *report_lint_script(const struct report_lint *input,
                                            const struct lint_finding *finding);
/* The column of a place in characters, 1-based; a place counts bytes. */
int report_lint_column(const struct sql_script *script, struct sql_place place);
/* The text between start and end; "" where the script is not known. */
const char *report_lint_source(const struct sql_script *script, const struct lint_finding *finding,
                               size_t *ret_len);
/* Same for the same rule on the same text of the same file, wherever it stands in it; several
 * alike are told apart by their order. */
void report_lint_fingerprint(const struct report_lint *input, size_t index,
                             char ret_hex[STORE_SHA256_HEX]);
/* A path as other tools want it: without a leading "./". */
const char *report_lint_path(const char *file);
