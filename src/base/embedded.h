/* embedded.h: text files that are built into the program: policies/<name>.yaml,
 * policies/rules/<id>.md. */
#pragma once

struct embedded_file {
  const char *name;          /* relative to the project: "policies/rules/drop-column.md" */
  const unsigned char *text; /* NUL-terminated */
};
extern const struct embedded_file embedded_files[]; /* ended by a NULL name */

const char *embedded_find(const char *name); /* NULL if there is none */
