#!/bin/bash
# Puts the same load on our broker and on mosquitto, by turns, and prints medians and their ratio.
# Knows no more of the two than how they are started.
set -euo pipefail

usage() {
  cat <<'END'
bench/compare_broker.sh [options] [PATTERN...]

  --broker COMMAND   ours (build/release/bin/broker); gets --port 0 --workers N, and must print
                     `listening on 127.0.0.1:PORT`
  --workers N        of our broker (1)
  --rounds N         how often each is measured, by turns, each time as a fresh process (3)
  --seconds S        how long each load lasts (3)
  --load PROGRAM     the load generator (build/release/bin/noh-load)
  --ours             leaves mosquitto out
  --raw FILE         also appends every result to FILE, a line of JSON each

Patterns (default: qos0 qos1 qos2 fanout fanin idle):

  qos0, qos1, qos2   50 publishers to 50 subscribers, a topic each; window 64, 16, 16
  fanout             1 publisher to 50 subscribers of one topic, QoS 0, window 64
  fanin              50 publishers to 1 subscriber, QoS 0, window 64
  rate               50 to 50, QoS 0, 10,000 messages a second in all
  idle               10,000 connections with a subscription each
END
}

wrong() {
  echo "compare_broker.sh: $*" >&2
  exit 2
}

cd "$(dirname "$0")/.."
broker=build/release/bin/broker
load=build/release/bin/noh-load
workers=1 rounds=3 seconds=3 raw=/dev/null sides=(ours mosquitto) patterns=()
while [ $# -gt 0 ]; do
  case $1 in
  --broker) broker=${2:?} && shift ;;
  --workers) workers=${2:?} && shift ;;
  --rounds) rounds=${2:?} && shift ;;
  --seconds) seconds=${2:?} && shift ;;
  --load) load=${2:?} && shift ;;
  --raw) raw=${2:?} && shift ;;
  --ours) sides=(ours) ;;
  --help | -h) usage && exit ;;
  -*) wrong "no option is called $1 (--help tells all)" ;;
  *) patterns+=("$1") ;;
  esac
  shift
done
[ ${#patterns[@]} -gt 0 ] || patterns=(qos0 qos1 qos2 fanout fanin idle)

load_of() { # pattern -> the load generator's arguments
  case $1 in
  qos0) echo "mqtt --qos 0 --window 64 --seconds $seconds" ;;
  qos1) echo "mqtt --qos 1 --window 16 --seconds $seconds" ;;
  qos2) echo "mqtt --qos 2 --window 16 --seconds $seconds" ;;
  fanout) echo "mqtt --topics fanout --window 64 --seconds $seconds" ;;
  fanin) echo "mqtt --topics fanin --window 64 --seconds $seconds" ;;
  rate) echo "mqtt --rate 10000 --seconds $seconds" ;;
  idle) echo "idle --connections 10000 --seconds $seconds" ;;
  *) wrong "no pattern is called $1 (--help tells all)" ;;
  esac
}

for pattern in "${patterns[@]}"; do
  load_of "$pattern" >/dev/null
done
[ -x "$load" ] || wrong "$load is missing: build it first"
command -v ${broker%% *} >/dev/null || wrong "there is no ${broker%% *}"
PATH=$PATH:/usr/sbin
if [ ${#sides[@]} = 2 ] && ! command -v mosquitto >/dev/null; then
  wrong "mosquitto is missing (Debian: package mosquitto), or say --ours"
fi

files=$(mktemp -d)
chmod 755 "$files" # mosquitto gives up root before it reads its configuration
server=
stop_server() {
  [ -z "$server" ] && return
  kill "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=
}
trap 'stop_server; rm -rf "$files"' EXIT
ulimit -n "$(ulimit -Hn)"

give_up() {
  echo "compare_broker.sh: $*" >&2
  tail -n 20 "$files/server.log" >&2
  exit 1
}

start_ours() {
  $broker --port 0 --workers "$workers" >"$files/server.out" 2>"$files/server.log" &
  server=$!
  port=
  for _ in $(seq 100); do
    port=$(sed -n 's/^listening on 127\.0\.0\.1:\([0-9]*\)$/\1/p' "$files/server.out")
    [ -z "$port" ] || return 0
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
  done
  give_up "our broker did not start"
}

start_mosquitto() {
  local attempt
  for attempt in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 10000))
    cat >"$files/mosquitto.conf" <<END
listener $port 127.0.0.1
allow_anonymous true
max_queued_messages 0
max_inflight_messages 0
persistence false
log_dest stderr
log_type error
END
    mosquitto -c "$files/mosquitto.conf" >"$files/server.out" 2>"$files/server.log" &
    server=$!
    for _ in $(seq 100); do
      kill -0 "$server" 2>/dev/null || break # the port was taken: another
      if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && kill -0 "$server" 2>/dev/null; then
        return 0
      fi
      sleep 0.05
    done
    stop_server
  done
  give_up "mosquitto did not start"
}

value() { # key, line of JSON
  sed -n "s/.*\"$1\":\([-0-9.]*\).*/\1/p" <<<"$2"
}

latency() { # key, line of JSON
  sed -n "s/.*\"latency_us\":{[^}]*\"$1\":\([0-9.]*\).*/\1/p" <<<"$2"
}

median() {
  sort -g | awk '{ v[NR] = $1 } END { if (NR) print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

measure() { # side, pattern: leaves each number in a file of its own, a line a round
  local line status=0 key
  "start_$1"
  line=$("$load" $(load_of "$2") --port "$port" --pid "$server" --json) || status=$?
  [ -n "$line" ] || give_up "the load on $1 failed (pattern $2)"
  [ $status = 0 ] || echo "warning: $1, $2: not all was well: $line" >&2
  stop_server
  echo "{\"side\":\"$1\",\"pattern\":\"$2\",\"result\":$line}" >>"$raw"

  for key in server_cpu_seconds_per_million per_second own_cpu_seconds_per_million \
    server_peak_rss_bytes held_bytes_each peak_bytes_each rest_context_switches; do
    value "$key" "$line" >>"$files/$1.$2.$key"
  done
  for key in lost duplicated reordered damaged; do
    value "$key" "$line"
  done | awk '{ sum += $1 } END { if (NR) print sum }' >>"$files/$1.$2.wrong"
  for key in p50 p99; do
    latency "$key" "$line" >>"$files/$1.$2.$key"
  done
}

print_row() { # pattern, key, title, divisor, format
  local cells=() side
  for side in "${sides[@]}"; do
    cells+=("$(median <"$files/$side.$1.$2")")
  done
  awk -v pattern="$1" -v title="$3" -v by="$4" -v form="$5" -v ours="${cells[0]}" -v theirs="${cells[1]:-}" 'BEGIN {
    if (ours == "") exit
    printf "%-8s %-34s %14s", pattern, title, sprintf(form, ours / by)
    if (theirs != "") printf " %14s %9s", sprintf(form, theirs / by), (theirs > 0 ? sprintf("%.3f", ours / theirs) : "-")
    print ""
  }'
}

for pattern in "${patterns[@]}"; do
  for ((round = 1; round <= rounds; round++)); do
    for side in "${sides[@]}"; do
      echo "round $round of $rounds: $pattern on $side" >&2
      measure "$side" "$pattern"
    done
  done
done

echo "medians of $rounds rounds, $workers worker(s), $seconds s each; 64-byte payloads"
printf '%-8s %-34s %14s' pattern '' ours
[ ${#sides[@]} = 1 ] || printf ' %14s %9s' mosquitto ratio
echo
for pattern in "${patterns[@]}"; do
  print_row "$pattern" server_cpu_seconds_per_million 'server CPU s per million delivered' 1 %.3f
  print_row "$pattern" per_second 'delivered a second' 1 %.0f
  print_row "$pattern" p50 'latency p50, us' 1 %.0f
  print_row "$pattern" p99 'latency p99, us' 1 %.0f
  print_row "$pattern" own_cpu_seconds_per_million 'the load'\''s own CPU s per million' 1 %.3f
  print_row "$pattern" server_peak_rss_bytes 'server peak RSS, MiB' 1048576 %.1f
  print_row "$pattern" wrong 'lost, twice, disordered, damaged' 1 %.0f
  print_row "$pattern" held_bytes_each 'bytes a connection' 1 %.0f
  print_row "$pattern" peak_bytes_each 'bytes a connection at the peak' 1 %.0f
  print_row "$pattern" rest_context_switches 'context switches at rest' 1 %.0f
done
