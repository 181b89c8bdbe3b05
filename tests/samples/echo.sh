#!/bin/bash
# Talks to the echo sample as a user would, and ends it; knows nothing of how it works.
set -u
server=
output=$(mktemp)
trap '[ -n "$server" ] && kill -9 "$server" 2>/dev/null; rm -f "$output"' EXIT

fail() {
  echo "$*" >&2
  exit 1
}

for wrong in "--port" "--port x" "--port -1" "--port 65536" "--workers 257" "--prot 0" "7000"; do
  timeout 5 "$1/echo" $wrong >"$output" 2>&1
  status=$?
  [ $status = 2 ] || fail "status $status with the arguments '$wrong'"
  [[ $(cat "$output") = usage:* ]] || fail "with '$wrong' it says: $(cat "$output")"
done

: >"$output"
"$1/echo" --port 0 --workers 2 >"$output" &
server=$!
for _ in $(seq 100); do
  [ -s "$output" ] && break
  sleep 0.05
done
[[ $(cat "$output") =~ ^listening\ on\ 127\.0\.0\.1:([0-9]+)$ ]] || fail "it says: $(cat "$output")"
port=${BASH_REMATCH[1]}

for text in "hello" "again, on another connection"; do
  exec 3<>"/dev/tcp/127.0.0.1/$port" || fail "cannot connect"
  echo "$text" >&3
  IFS= read -r -t 5 -u 3 answer
  [ "$answer" = "$text" ] || fail "sent '$text', got '$answer'"
  exec 3>&-
done

started=$SECONDS
kill -TERM "$server"
wait "$server"
status=$?
server=
[ $status = 0 ] || fail "status $status after SIGTERM"
[ $((SECONDS - started)) -le 5 ] || fail "took $((SECONDS - started)) s to end"
