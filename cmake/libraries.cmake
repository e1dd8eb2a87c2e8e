# The libraries belay stands on; which module may include which is checked by tests/check/layers.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(DEPS REQUIRED IMPORTED_TARGET jansson yaml-0.1)
# Slow to load, and not needed by each command: the program loads them when it calls them (late.cmake).
pkg_check_modules(LATE REQUIRED IMPORTED_TARGET libpq libarchive libcurl libcrypto libzstd libxxhash)

# libpg_query has no .pc file and exports two thousand symbols of PostgreSQL: link it statically and hide them.
find_path(PG_QUERY_INCLUDE pg_query.h REQUIRED)
find_path(PG_QUERY_TREE pg_query/pg_query.pb-c.h)
if(NOT PG_QUERY_TREE)
  message(FATAL_ERROR "${PG_QUERY_INCLUDE} has pg_query.h, but not pg_query/pg_query.pb-c.h: this libpg_query was built without its "
    "protobuf-c tree (Debian's package of 18 is). Install version 15 to 17, or build 18 from its source and copy "
    "protobuf/pg_query.pb-c.h beside pg_query.h.")
endif()
find_library(PG_QUERY_LIBRARY NAMES libpg_query.a REQUIRED)

add_library(belay_libs INTERFACE)
target_include_directories(belay_libs SYSTEM INTERFACE ${PG_QUERY_INCLUDE} ${LATE_INCLUDE_DIRS})
target_link_libraries(belay_libs INTERFACE PkgConfig::DEPS ${PG_QUERY_LIBRARY} Threads::Threads m)
target_link_options(belay_libs INTERFACE -Wl,--exclude-libs,ALL)
