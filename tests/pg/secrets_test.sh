#!/usr/bin/env bash
# What is secret (conninfo of a subscription, options of a user mapping) is whole in the backup and nowhere else; who may
# not read it is refused by name.
# shellcheck source=tests/harness/lib.sh
. "$(dirname "$0")/../harness/lib.sh"
store=file:$scratch/store
sql "CREATE ROLE limited LOGIN; GRANT CREATE ON DATABASE $PGDATABASE TO limited; CREATE TABLE public.t (id integer PRIMARY KEY);
  CREATE FOREIGN DATA WRAPPER w; CREATE SERVER srv FOREIGN DATA WRAPPER w;
  CREATE USER MAPPING FOR PUBLIC SERVER srv OPTIONS (password 'mapping-s3cret')" >/dev/null
limited() { env PGUSER=limited "$BELAY" "$@" --database "postgresql://limited@/$PGDATABASE?host=$PGHOST&port=$PGPORT"; }
sql "GRANT SELECT ON public.t TO limited"
expect 5 limited backup --store "$store"
says 'user mapping PUBLIC on srv cannot be read whole'
sql "DROP USER MAPPING FOR PUBLIC SERVER srv"
expect 0 limited backup --store "$store"
sql "SET client_min_messages = error; CREATE SUBSCRIPTION \"My Sub\" CONNECTION 'host=/nowhere dbname=x password=sub-s3cret' PUBLICATION p WITH (connect = false)"
expect 5 limited backup --store "$store"
says 'subscription "My Sub" cannot be read whole'
sql "CREATE USER MAPPING FOR PUBLIC SERVER srv OPTIONS (password 'mapping-s3cret')"
rm -rf "$scratch/store"
expect 0 "$BELAY" backup --store "$store"
says_not s3cret
expect 0 "$BELAY" verify latest --level restore --store "$store"
says_not s3cret
expect 0 "$BELAY" restore latest --into secrets_copy --store "$store"
says_not s3cret
says 'subscription "My Sub" was made disabled'
holds "SELECT NOT subenabled AND subconninfo LIKE '%sub-s3cret%' AND subslotname = 'My Sub' FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = 'secrets_copy')"
holds "SELECT umoptions = '{password=mapping-s3cret}' FROM pg_user_mappings" secrets_copy
# no database of the verification stays behind; the members are compressed, so the secret is in no file as it is
holds "SELECT count(*) = 4 FROM pg_database WHERE datname <> 'secrets_copy'"
if grep -rl s3cret "$scratch/store"; then fail "the secret is in a file of the store"; fi
# a restore that fails at the mapping does not show it
sql "CREATE ROLE mapped"
sql "CREATE USER MAPPING FOR mapped SERVER srv OPTIONS (password 'other-s3cret')"
expect 0 "$BELAY" backup --store "$store"
sql "DROP USER MAPPING FOR mapped SERVER srv; DROP ROLE mapped"
expect 3 "$BELAY" restore latest --into secrets_other --store "$store"
says 'mapped'
says_not s3cret
# a migration that would lose a secret is refused by name, and the journal does not hold it
project
migration 20260101_drop 'DROP USER MAPPING FOR PUBLIC SERVER srv;'
expect 3 "$BELAY" run
says 'user mapping PUBLIC on srv'
if grep -rl s3cret .; then fail "the secret is in a file of the run"; fi
migration 20260101_drop 'CREATE TABLE u (id integer);'
expect 0 "$BELAY" run
if grep -rl s3cret .; then fail "the secret is in a file of the run"; fi
