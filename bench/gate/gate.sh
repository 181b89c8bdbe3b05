#!/bin/bash
# Compares what messages cost in instructions, which does not depend on how busy the machine is, with
# what was accepted (accepted.txt). Knows nothing of time.
#
#   bench/gate/gate.sh [BUILD]            fails if something takes over 2 percent more than accepted
#   bench/gate/gate.sh --accept [BUILD]   writes accepted.txt anew
#
# Each program runs with few operations and with many, so that its start and its end fall out of the
# difference; and all have a clock of their own (even_clock.c). The echo server has one request at a
# time from noh-load; the broker has 64 messages at once, since under callgrind it is always the
# slower one: no batch depends on chance.
set -u
here=$(dirname "$0")
accepted=$here/accepted.txt
left_out=77
limit=2 # percent

accept=0
if [ "${1:-}" = --accept ]; then
  accept=1
  shift
fi
build=${1:-$here/../../build/release}
bin=$build/bin
clock=$build/libeven-clock.so
for program in bin/noh-bench bin/noh-load bin/echo bin/broker libeven-clock.so; do
  if [ ! -e "$build/$program" ]; then
    echo "gate: there is no $build/$program; usage: bench/gate/gate.sh [--accept] [BUILD]" >&2
    exit 2
  fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compiler="gcc $(gcc -dumpfullversion) $(uname -m)"
known=$(sed -n 's/^compiler //p' "$accepted" 2>/dev/null)
if [ $accept = 0 ] && [ "$compiler" != "$known" ]; then
  echo "instructions are compared with those of $known alone, this is $compiler"
  exit $left_out
fi

first_processor=$(taskset -pc $$ | sed 's/.*: \([0-9]*\).*/\1/')

counted() { # valgrind's log
  awk '/Collected/ { print $4 }' "$1"
}

under_callgrind() { # log, command; takes the place of the shell that calls it
  exec valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file="$1" "${@:2}"
}

# Each prints how many instructions so many operations took, with all around them.

# On one processor, where noh-bench does not measure how far it is to another, in spins.
run_workload() { # workload, operations
  local log=$work/$1.$2
  (LD_PRELOAD=$clock under_callgrind "$log" "$bin/noh-bench" "$1" --workers 1 --n "$2" >/dev/null) &&
    counted "$log"
}

run_server() { # server, operations, options of noh-load
  local folder log said server port=
  folder=$(mktemp -d -p "$work")
  log=$folder/log said=$folder/said
  : >"$said" # until the server has begun
  LD_PRELOAD=$clock under_callgrind "$log" "$bin/$1" --port 0 --workers 1 >"$said" &
  server=$!
  for _ in $(seq 200); do
    port=$(sed -n 's/^listening on 127\.0\.0\.1://p' "$said")
    [ -z "$port" ] || break
    sleep 0.1
  done
  if ! "$bin/noh-load" "${@:3}" --port "$port" --messages "$2" >"$said.load" 2>&1; then
    cat "$said.load" >&2
    kill -KILL $server
    return 1
  fi
  kill -TERM $server
  wait $server
  counted "$log"
}

measure() { # name, operations, command that takes their number
  local few=$2 many=$(($2 * 5)) before after
  before=$("${@:3}" "$few") && after=$("${@:3}" "$many") || return
  echo "$1 ${before:-0} ${after:-0} $((many - few))" | awk '{ printf "%s %.1f\n", $1, ($3 - $2) / $4 }'
}

workload() { # name, operations
  taskset -pc "$first_processor" $BASHPID >/dev/null
  measure "$1" "$2" run_workload "$1"
}

echo_requests() { run_server echo "$1" echo --connections 1 --window 1; }
broker_messages() { run_server broker "$2" mqtt --publishers 1 --subscribers 1 --window "$1"; }

declare -A tasks=(
  [pingpong]='workload pingpong 40000'
  [fanin]='workload fanin 40000'
  [spawn]='workload spawn 10000'
  [cancel]='workload cancel 20000'
  [echo]='measure echo 2000 echo_requests'
  [broker]='measure broker 4000 broker_messages 64'
)

count() { # names; two at a time
  local name
  for name in "$@"; do
    while [ "$(jobs -rp | wc -l)" -ge 2 ]; do
      wait -n
    done
    ${tasks[$name]} >"$work/$name.result" &
  done
  wait
}

now() { # name; 0 if it could not be counted
  awk '{ now = $2 } END { print now + 0 }' "$work/$1.result"
}

accepted() { # name
  awk -v name="$1" '$1 == name { print $2 }' "$accepted"
}

percent() { # of what is accepted, above it
  awk -v now="$(now "$1")" -v accepted="$(accepted "$1")" \
    'BEGIN { print (accepted > 0 ? (now / accepted - 1) * 100 : 100) }'
}

is_above() { awk "BEGIN { exit !($1 > $2) }"; }

names=(broker echo spawn pingpong cancel fanin)
count "${names[@]}"

if [ $accept = 1 ]; then
  for name in "${names[@]}"; do
    is_above "$(now "$name")" 0 || { echo "gate: $name could not be counted" >&2; exit 1; }
  done
  {
    echo '# Instructions an operation; ./dev gate --accept writes this file.'
    echo "compiler $compiler"
    for name in "${names[@]}"; do
      echo "$name $(now "$name")"
    done
  } >"$accepted"
  cat "$accepted"
  exit
fi

failed=0
for name in "${names[@]}"; do
  more=$(percent "$name") verdict=
  if ! is_above "$(now "$name")" 0; then
    verdict='could not be counted'
    failed=$((failed + 1))
  elif is_above "$more" $limit; then
    verdict="more than $limit percent above what was accepted"
    failed=$((failed + 1))
  elif is_above -$limit "$more"; then
    verdict='better: accept it by ./dev gate --accept'
  fi
  printf '%-11s %8.1f, accepted %8.1f %+6.1f %%  %s\n' "$name" "$(now "$name")" \
    "$(accepted "$name")" "$more" "$verdict"
done
[ $failed = 0 ]
