#!/bin/bash
# Counts the locked instructions that an operation of a workload takes on one worker: what a write to
# a shared line costs at least. Knows nothing of time, nor of who shares the line.
#
#   bench/locked.sh WORKLOAD [OPERATIONS]      of build/release, by callgrind
#
# It runs with few operations and with five times as many, so that start and end fall out of the
# difference, and sums up how often the instructions with a lock prefix, and exchanges with memory,
# have run. Those of the C library, as a mutex's, are not among them.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$here/../build/release
program=$build/bin/noh-bench
workload=${1:?which workload?}
few=${2:-40000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

objdump -d --no-show-raw-insn "$program" |
  awk '/\tlock |\txchg .*\(/ { sub(":", "", $1); print "0x" $1 }' >"$work/locked"

counted() { # operations
  # On one processor, where noh-bench does not measure how far it is to another; and with the gate's
  # clock, so that it counts the same in each run.
  LD_PRELOAD=$build/libeven-clock.so taskset -c "$(taskset -pc $$ | sed 's/.*: \([0-9]*\).*/\1/')" \
    valgrind --tool=callgrind --dump-instr=yes --dump-line=no --compress-strings=no --compress-pos=no \
    --callgrind-out-file="$work/$1" "$program" "$workload" --workers 1 --n "$1" >"$work/said" 2>&1 ||
    { cat "$work/said" >&2; exit 1; }
  awk 'NR == FNR { locked[$1]; next }
    /^ob=/ { ours = /\/noh-bench$/ }
    /^calls=/ { getline; next } # what follows is of the one that is called
    ours && $1 in locked { sum += $2 }
    END { printf "%d\n", sum }' "$work/locked" "$work/$1"
}

before=$(counted "$few")
after=$(counted $((few * 5)))
awk "BEGIN { printf \"%s %.2f\\n\", \"$workload\", ($after - $before) / ($few * 4) }"
