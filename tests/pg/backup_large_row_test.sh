#!/usr/bin/env bash
# A row too large for text goes binary, and what was written of its table before does not count; a row that the server
# cannot send at all is refused by name.
# shellcheck disable=SC2154 # scratch is of lib.sh
. "$(dirname "$0")/../harness/lib.sh"

sql "CREATE TYPE mood AS ENUM ('sad', 'glad');
  CREATE TABLE files (id int PRIMARY KEY, moods mood[], body bytea, more bytea);
  INSERT INTO files SELECT i, '{glad}', convert_to(repeat('x', 20000000), 'UTF8') FROM generate_series(1, 2) i;
  INSERT INTO files VALUES (7, '{sad}', convert_to(repeat('y', 540000000), 'UTF8'))"
expect 0 "$BELAY" backup -s "$scratch/store" -j 2
id=$(tail -n 1 "$scratch/out")
manifest=$(find "$scratch/store" -name manifest.json)
[ "$(jq -r '.tables[0] | [.format, .rows] | join(" ")' "$manifest")" = "binary 3" ] || fail "$(jq -c '.tables' "$manifest")"
[ "$(jq '[.entries[] | select(.kind == "data") | .rows] | add' "$manifest")" = 3 ] || fail "rows of the first attempt count"
jq -e 'any(.entries[]; .kind == "withdrawn")' "$manifest" >/dev/null || fail "nothing was written before the large row"
expect 0 "$BELAY" verify "$id" -s "$scratch/store" --level hash

sql "UPDATE files SET more = body WHERE id = 7"
expect 5 "$BELAY" backup -s "$scratch/other" -j 2
says 'public\.files holds a row that the server cannot send \(id=7\)'
[ -z "$(find "$scratch/other" -name manifest.json)" ] || fail "a refused backup is listed"
