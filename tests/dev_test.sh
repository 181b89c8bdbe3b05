#!/bin/bash
# What ./dev and bench/gate/gate.sh make of their arguments, as far as that needs no build.
set -u
cd "$(dirname "$0")/.."
failed=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

expect() { # status, what must be said, on which stream (1, 2), command
  local status=0
  "${@:4}" >"$folder/1" 2>"$folder/2" </dev/null || status=$?
  if [ $status != "$1" ] || ! grep -qF -e "$2" "$folder/$3"; then
    echo "${*:4}: status $status, not $1, or does not say '$2': $(cat "$folder/1" "$folder/2")"
    failed=1
  fi
}

expect 0 './dev run' 1 ./dev --help
expect 0 './dev run' 1 ./dev help
expect 2 './dev run' 2 ./dev juggle
expect 2 'not --bogus' 2 ./dev gate --bogus
expect 2 'there is no --bogus/bin/noh-bench' 2 bench/gate/gate.sh --bogus
expect 2 "there is no $folder/bin/noh-bench" 2 bench/gate/gate.sh --accept "$folder"

# Whose the arguments of ./dev bench are does not depend on their order.
mkdir "$folder/bin"
printf '#!/bin/sh\nprintf "ring\\nfanin\\n"\n' >"$folder/bin/noh-bench"
chmod +x "$folder/bin/noh-bench"
eval "$(sed -n '/^is_for_noh_bench() /,/^}/p' dev)"
for words in 'ring' 'ring --workers 2' '--workers 2 ring' '--n=5 --json ring --tokens 3'; do
  is_for_noh_bench "$folder/bin" $words || { echo "not for noh-bench: $words"; failed=1; }
done
for words in '' '--quick' '--workers 2' 'mqtt' 'ring fanin' 'ring --peers go' '--peers go ring' \
  'ring --rounds 3' '--keep ring' 'ring mqtt --workers 1'; do
  is_for_noh_bench "$folder/bin" $words && { echo "for noh-bench: $words"; failed=1; }
done
exit $failed
