/* catalog/kinds/operator_family.h: what operator families and classes share. */
#pragma once

#include "catalog/model.h"

/* clang-format off */
/* Operators and support functions of the family that belong to the object `oid` of `class`, with
 * the function that makes one text or array of them. */
#define Q_MEMBERS(aggregate, class, oid, family)                                                   \
  "(SELECT " aggregate " FROM (SELECT 0 AS sort, ao.amopstrategy AS number,"                       \
  " format('OPERATOR %s %s%s', ao.amopstrategy, ao.amopopr::regoperator,"                          \
  " (SELECT format(' FOR ORDER BY %I.%I', sn.nspname, s.opfname) FROM pg_opfamily s JOIN"          \
  " pg_namespace sn ON sn.oid = s.opfnamespace WHERE s.oid = ao.amopsortfamily)) AS member"        \
  " FROM pg_amop ao JOIN pg_depend x ON x.classid = 'pg_amop'::regclass AND x.objid = ao.oid AND"  \
  " x.refclassid = '" class "'::regclass AND x.refobjid = " oid " WHERE ao.amopfamily = " family   \
  " UNION ALL SELECT 1,"                                                                           \
  " ap.amprocnum, format('FUNCTION %s (%s, %s) %s', ap.amprocnum, format_type(ap.amproclefttype,"  \
  " NULL), format_type(ap.amprocrighttype, NULL), ap.amproc::regprocedure) FROM pg_amproc ap JOIN" \
  " pg_depend x ON x.classid = 'pg_amproc'::regclass AND x.objid = ap.oid AND x.refclassid = '"    \
  class "'::regclass AND x.refobjid = " oid " WHERE ap.amprocfamily = " family ") m)"
/* clang-format on */
