/* catalog/kinds/operator_family.h: what operator families and classes share. */
#pragma once

#include "catalog/model.h"

/* clang-format off */
/* Does a member belong to a class, and to which? x is the row of pg_depend that says so. */
#define Q_CLASS_OF(class, member)                                                                  \
  " EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = '" class "'::regclass AND x.objid = "      \
  member " AND x.refclassid = 'pg_opclass'::regclass"
/* Operators and support functions of the family for which belongs(class, oid) is true: what adds
 * them, what removes them, and whether an extension brings what they name. `aggregate` makes one
 * row of them. */
#define Q_MEMBERS(aggregate, family, belongs)                                                      \
  "(SELECT " aggregate " FROM (SELECT 0 AS sort, ao.amopstrategy AS number,"                       \
  " format('OPERATOR %s %s%s', ao.amopstrategy, ao.amopopr::regoperator,"                          \
  " (SELECT format(' FOR ORDER BY %I.%I', sn.nspname, s.opfname) FROM pg_opfamily s JOIN"          \
  " pg_namespace sn ON sn.oid = s.opfnamespace WHERE s.oid = ao.amopsortfamily)) AS member,"       \
  " format('OPERATOR %s (%s, %s)', ao.amopstrategy, format_type(ao.amoplefttype, NULL),"           \
  " format_type(ao.amoprighttype, NULL)) AS removed,"                                              \
  " NOT " Q_NOT_MEMBER("pg_operator", "ao.amopopr") " AS brought"                                  \
  " FROM pg_amop ao WHERE ao.amopfamily = " family " AND " belongs("pg_amop", "ao.oid")            \
  " UNION ALL SELECT 1,"                                                                           \
  " ap.amprocnum, format('FUNCTION %s (%s, %s) %s', ap.amprocnum, format_type(ap.amproclefttype,"  \
  " NULL), format_type(ap.amprocrighttype, NULL), ap.amproc::regprocedure),"                       \
  " format('FUNCTION %s (%s, %s)', ap.amprocnum, format_type(ap.amproclefttype, NULL),"            \
  " format_type(ap.amprocrighttype, NULL)),"                                                       \
  " NOT " Q_NOT_MEMBER("pg_proc", "ap.amproc::oid")                                                \
  " FROM pg_amproc ap WHERE ap.amprocfamily = " family " AND " belongs("pg_amproc", "ap.oid")      \
  ") m)"
/* clang-format on */
