#!/usr/bin/env bash
# libbelay as another project finds it: installed, by pkg-config, from C99 and from C++.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
build=$(dirname "$BELAY")
cmake --install "$build" --prefix "$scratch/prefix" >"$scratch/installed" 2>"$scratch/err" || fail "cmake --install"
mv "$scratch/prefix" "$scratch/moved" # belay.pc must not know where it was
cd "$scratch"
pc=$(dirname "$(find moved -name belay.pc)")
export PKG_CONFIG_PATH=$scratch/$pc
[ "$(pkg-config --modversion belay)" = "$("$BELAY" version | sed -n '1s/^belay \([0-9.]*\) .*/\1/p')" ] || fail "belay.pc has another version"

cat >program.c <<'C'
#include <belay/belay.h>
#include <stdio.h>
#include <string.h>

static int show(const belay_finding *finding, void *context)
{
  ++*(int *)context;
  printf("%s:%d:%d: %s\n", finding->file, finding->line, finding->column, finding->rule);
  return 0;
}

int main(void)
{
  const char *sql = "ALTER TABLE orders DROP COLUMN fee;";
  int count = 0;
  belay_error *error = NULL;
  char *script = NULL, *verdict = NULL;
  if (strcmp(belay_version(), BELAY_VERSION_STRING) != 0)
    return 1;
  if (belay_lint("m.sql", sql, strlen(sql), show, &count, &error) != 0 || count != 2)
    return 2;
  if (belay_lint("m.sql", "'", 1, show, &count, &error) != -1 || belay_error_code(error) != BELAY_ERROR_REFUSED)
    return 3;
  printf("%s\n", belay_error_message(error));
  belay_error_free(error);
  error = NULL;
  if (belay_inverse("", "m.sql", sql, strlen(sql), &script, &verdict, &error) != -1)
    return 4;
  belay_error_free(error);
  belay_free(script);
  belay_free(verdict);
  return 0;
}
C
sanitize=()
nm -u "$build/libbelay.a" >symbols 2>nm.err
if grep -q __asan_init symbols; then
  sanitize=(-fsanitize=address -fsanitize=undefined)
fi
read -ra flags <<<"$(pkg-config --cflags belay)"
read -ra libs <<<"$(pkg-config --libs belay)"
expect 0 cc -std=c99 -pedantic -Wall -Wextra -Werror "${sanitize[@]}" "${flags[@]}" program.c -o program "${libs[@]}"
expect 0 ./program
says '^m\.sql:1:[0-9]+: drop-column$'
says '^m\.sql:1:1: '

# the header alone, by older and other compilers' rules
printf '#include <belay/belay.h>\nint main(void) { return belay_error_code(0); }\n' >header.c
for standard in c99 c11 c17; do
  expect 0 cc "-std=$standard" -pedantic -Wall -Wextra -Werror "${flags[@]}" -c header.c -o header.o
done
if command -v c++ >/dev/null; then
  cp header.c header.cc
  expect 0 c++ -std=c++11 -pedantic -Wall -Wextra -Werror "${flags[@]}" -c header.cc -o header-cc.o
  nm header-cc.o | grep -q 'U belay_error_code' || fail "the functions have C++ names"
fi
