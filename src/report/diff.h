/* report/diff.h: a unified diff of two texts, as patch and git apply read it. */
#pragma once

#include "base/base.h"

/* path is of both; before NULL: the file is new. Nothing is written for equal texts. */
void report_diff(struct text *out, const char *path, const char *before, const char *after);
