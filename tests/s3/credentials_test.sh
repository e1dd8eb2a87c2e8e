#!/usr/bin/env bash
# Every source of keys, renewal while an upload is under way, session tokens that a real server checks; and no secret is found in
# anything that belay writes, prints, or hands to another program.
# shellcheck source=tests/s3/lib.sh
. "$(dirname "$0")/lib.sh"
s3 mb keys
rows big 6
at=$(place keys/a part_size=5MiB)
export STUB_KEY_ID=$AWS_ACCESS_KEY_ID STUB_SECRET=$AWS_SECRET_ACCESS_KEY
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
bare=(env -u STUB_KEY_ID -u STUB_SECRET)
export HOME=$scratch/home
mkdir -p "$HOME/.aws"
stub=''
trap 'kill $stub 2>/dev/null; rm -rf "$scratch"' EXIT
stub() { # stub EXPIRES_S: (re)starts the services
  [ -z "$stub" ] || kill "$stub"
  port=$(shuf -i 20000-31999 -n 1)
  : >"$scratch/stub.log"
  /usr/bin/python3 "$here_s3/credentials_stub.py" "$port" "$scratch/stub.log" "$1" &
  stub=$!
  for _ in $(seq 1 100); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return; fi
    sleep 0.05
  done
  fail 'the stub does not answer'
}
list() { # list CODE VARIABLE=VALUE...: with these in the environment, and no others
  local code=$1
  shift
  expect "$code" "${bare[@]}" "$@" "$BELAY" list -s "$at"
}

# ---- nothing, and half of it ----
list 11 AWS_EC2_METADATA_DISABLED=true
says 'no credentials for S3 were found: AWS_ACCESS_KEY_ID is not set; .*AWS_EC2_METADATA_DISABLED'
list 11 AWS_ACCESS_KEY_ID=x
says 'AWS_SECRET_ACCESS_KEY is not'
list 0 "AWS_ACCESS_KEY_ID=$STUB_KEY_ID" "AWS_SECRET_ACCESS_KEY=$STUB_SECRET"

# ---- the shared files ----
files=("AWS_SHARED_CREDENTIALS_FILE=$scratch/credentials" "AWS_CONFIG_FILE=$scratch/config")
printf '# comment\n[other]\naws_access_key_id = %s\naws_secret_access_key=%s\n[default]\naws_access_key_id = wrong\naws_secret_access_key = wrong\n' \
  "$STUB_KEY_ID" "$STUB_SECRET" >"$scratch/credentials"
: >"$scratch/config"
list 11 "${files[@]}"
list 0 "${files[@]}" AWS_PROFILE=other
list 11 "${files[@]}" AWS_PROFILE=none
says 'profile none is not in'
# profile= goes before the environment, AWS_PROFILE does not
expect 0 "${bare[@]}" "${files[@]}" AWS_ACCESS_KEY_ID=wrong AWS_SECRET_ACCESS_KEY=wrong "$BELAY" list -s "$at&profile=other"
list 11 "${files[@]}" AWS_PROFILE=other AWS_ACCESS_KEY_ID=wrong AWS_SECRET_ACCESS_KEY=wrong
cat >"$scratch/give keys" <<SH
#!/bin/sh
echo "a word on stderr with $STUB_SECRET" >&2
[ "\$1" = "one two" ] || exit 3
printf '{"Version": 1, "AccessKeyId": "%s", "SecretAccessKey": "%s"}' '$STUB_KEY_ID' '$STUB_SECRET'
SH
chmod +x "$scratch/give keys"
printf '[profile program]\ncredential_process = "%s" "one two"\n[profile failing]\ncredential_process = "%s" one\n' \
  "$scratch/give keys" "$scratch/give keys" >"$scratch/config"
list 0 "${files[@]}" AWS_PROFILE=program
list 11 "${files[@]}" AWS_PROFILE=failing
says 'credential_process .* exit code 3'

# ---- services ----
stub 3600
echo web-token-for-the-test >"$scratch/web"
web=("AWS_ENDPOINT_URL_STS=http://127.0.0.1:$port" "AWS_WEB_IDENTITY_TOKEN_FILE=$scratch/web" AWS_ROLE_ARN=arn:aws:iam::1:role/x)
list 0 "${web[@]}"
echo expired >"$scratch/web"
list 11 "${web[@]}"
says 'token service answered with status 400'
list 0 "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:$port/container" \
  AWS_CONTAINER_AUTHORIZATION_TOKEN=container-token-for-the-test
list 11 "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:$port/container"
list 11 AWS_CONTAINER_CREDENTIALS_FULL_URI=http://example.com/container
says 'neither https'
# a proxy is never asked for the keys of a machine
expect 0 "${bare[@]}" AWS_EC2_METADATA_DISABLED=false "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:$port" \
  http_proxy=http://127.0.0.1:1 no_proxy=s3.localhost "$BELAY" list -s "s3://keys/a?endpoint=http://s3.localhost:${S3_ENDPOINT##*:}"
grep -q 'PUT /latest/api/token 200' "$scratch/stub.log" || fail 'the machine was not asked for a token'
begin=$(date +%s)
list 11 AWS_EC2_METADATA_DISABLED=false AWS_EC2_METADATA_SERVICE_ENDPOINT=http://10.255.255.1
[ $(($(date +%s) - begin)) -le 8 ] || fail 'a machine that is not there took long'

# ---- renewal: keys that are within five minutes of their end are fetched anew each time ----
stub 60
expect 0 "${bare[@]}" "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:$port/container" \
  AWS_CONTAINER_AUTHORIZATION_TOKEN=container-token-for-the-test "$BELAY" backup -s "$at"
[ "$(grep -c container "$scratch/stub.log")" -gt 5 ] || fail "not renewed: $(cat "$scratch/stub.log")"

# ---- sessions of the real server ----
radosgw-admin -c "$CEPH_CONF" -n client.rgw caps add --uid=belay --caps='roles=*' >/dev/null 2>&1
radosgw-admin -c "$CEPH_CONF" -n client.rgw role create --role-name=backup --assume-role-policy-doc='{"Version":"2012-10-17",
  "Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam:::user/belay"]},"Action":["sts:AssumeRole"]}]}' >/dev/null 2>&1
radosgw-admin -c "$CEPH_CONF" -n client.rgw role-policy put --role-name=backup --policy-name=all --policy-doc='{"Version":"2012-10-17",
  "Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":"arn:aws:s3:::*"}]}' >/dev/null 2>&1
AWS_ACCESS_KEY_ID=$STUB_KEY_ID AWS_SECRET_ACCESS_KEY=$STUB_SECRET /usr/bin/aws --region us-east-1 --endpoint-url "$S3_ENDPOINT" sts \
  assume-role --role-arn arn:aws:iam:::role/backup --role-session-name test >"$scratch/session.json"
session() { jq -r ".Credentials.$1" "$scratch/session.json"; }
keys=("AWS_ACCESS_KEY_ID=$(session AccessKeyId)" "AWS_SECRET_ACCESS_KEY=$(session SecretAccessKey)")
list 0 "${keys[@]}" "AWS_SESSION_TOKEN=$(session SessionToken)"
list 11 "${keys[@]}"
list 11 "${keys[@]}" AWS_SESSION_TOKEN=bogus
expect 0 "${bare[@]}" "${keys[@]}" "AWS_SESSION_TOKEN=$(session SessionToken)" "$BELAY" backup -s "$at"

# a file of a session that a program keeps fresh is read again when the server says that the session is over
printf '[session]\naws_access_key_id = %s\naws_secret_access_key = %s\naws_session_token = %s\n' "$(session AccessKeyId)" \
  "$(session SecretAccessKey)" "$(session SessionToken)" >"$scratch/credentials"
relayed keys/a >"$scratch/relayed"
echo "$stub" >>"$scratch/relay.pid"
echo '0 1 answer 400,ExpiredToken /^GET .*list-type/' >"$scratch/rules"
expect 0 "${bare[@]}" "${files[@]}" AWS_PROFILE=session "$BELAY" list -s "$(cat "$scratch/relayed")"
echo '0 0 answer 400,ExpiredToken /^GET .*list-type/' >"$scratch/rules"
expect 11 "${bare[@]}" "${files[@]}" AWS_PROFILE=session "$BELAY" list -s "$(cat "$scratch/relayed")"
says 'The session has expired'
[ "$(grep -c '^answer' "$scratch/relay.log")" = 3 ] || fail "asked too often: $(cat "$scratch/relay.log")"

# ---- secrets stay where they are ----
export AWS_ACCESS_KEY_ID=$STUB_KEY_ID AWS_SECRET_ACCESS_KEY=$STUB_SECRET
s3_project keys/project
sed -i "s|^store.*|store: '$(place keys/project)'|" belay.yaml
cat >hook.sh <<'SH'
#!/bin/sh
{ cat; tr '\0' ' ' </proc/$PPID/cmdline; } >>"$HOOKED"
SH
chmod +x hook.sh
printf 'hooks:\n  - ./hook.sh\n' >>belay.yaml
export HOOKED=$scratch/hooked
migration 20260101000000_one 'ALTER TABLE big ADD COLUMN n int;'
expect 0 "$BELAY" run -v
cat "$scratch/out" "$scratch/err" >"$scratch/said"
expect 0 "$BELAY" status --json
cat "$scratch/out" "$scratch/err" >>"$scratch/said"
expect 11 "$BELAY" list -v -s "$(place none/x)"
cat "$scratch/out" "$scratch/err" >>"$scratch/said"
AWS_SESSION_TOKEN=bogus-session-token expect 11 "$BELAY" list -v
cat "$scratch/out" "$scratch/err" >>"$scratch/said"
[ -s "$HOOKED" ] || fail 'no hook was called'
s3 ls keys project/ | while read -r key; do s3 cat keys "$key"; done >"$scratch/stored"
[ -s "$scratch/stored" ] || fail 'nothing is stored'
for secret in "$STUB_SECRET" bogus-session-token; do
  for file in said stored hooked; do
    if grep -aqF "$secret" "$scratch/$file"; then fail "the secret is in $file"; fi
  done
done
