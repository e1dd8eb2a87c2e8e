/* store/s3_xml.h: a reader for the XML that S3 answers with: elements and text, nothing else.
 *
 * It calls `visit` at the end of each element with the names from the root ("Error/Code",
 * "ListBucketResult/Contents/Key") and, for one without children, its text; else text is NULL.
 * Namespaces and attributes are skipped, comments and CDATA understood; a DOCTYPE, an unknown
 * entity, and anything that does not nest is refused. What it allocates is bounded by its input.
 */
#pragma once

#include "base/base.h"

enum { S3_XML_DEPTH_MAX = 12, S3_XML_PATH_MAX = 400 };

typedef void s3_xml_visit(void *context, const char *path, const char *text);

/* -1: not well-formed; visit may have been called for what came before. */
int s3_xml_read(const char *bytes, size_t len, s3_xml_visit *visit, void *context);
/* Is the path's last part this name, or these ("Contents/Key")? */
bool s3_xml_is(const char *path, const char *tail);
