#!/bin/bash
# Fails if a sentence of docs/guarantees.md names no test, or one that is gone, or if that page or
# docs/coming-from.md names something of the library that no public header has. Takes pages to look
# at instead of these two.
cd "$(dirname "$0")/.." || exit 1
pages=("$@")
[ $# -gt 0 ] || pages=(docs/guarantees.md docs/coming-from.md)

# The tests there are, as SUITE/NAME. The network's macros name two suites at once.
tests() {
  grep -rhE '^(Test|Simulated|Killed|BEHAVIOUR)\(' --include='*_test.c' tests | grep -vF '.disabled' |
    sed -nE 's/^[A-Za-z]+\(([a-z0-9_]+), ([a-z0-9_]+).*/\1\/\2/p'
  grep -rhE '^(BOTH|SIMULATED)\(' --include='*_test.c' tests/net | sed -E 's/.*\((.*)\).*/simulated\/\1/'
  grep -rhE '^(BOTH|REAL)\(' --include='*_test.c' tests/net | sed -E 's/.*\((.*)\).*/loopback\/\1/'
  find tests/stress -name '*.c' -printf 'stress/%f\n' | sed 's/\.c$//'
  find tests/models -name '*.pml' -printf 'models/%f\n' | sed 's/\.pml$//'
}

# The entries of a page's lists, each on a line, with the line where it begins.
entries() {
  awk '
    function flush() { if (entry) print start ":" entry; entry = "" }
    /^- / { flush(); start = FNR; entry = substr($0, 3); next }
    /^  [^ ]/ && entry { entry = entry " " substr($0, 3); next }
    { flush() }
    END { flush() }' "$1"
}

failed=0
wrong() { # page, line, what
  echo "$1:$2: $3"
  failed=1
}

declare -A exists
while IFS= read -r name; do
  exists[$name]=1
done < <(tests)

sentences=0
check_sentence() { # page, line, entry
  # One sentence an entry, so that each has its tests.
  if ! [[ $3 =~ ^(.*\.)((\ \[[a-z0-9_]+/[a-z0-9_]+\])+)$ ]]; then
    wrong "$1" "$2" "names no test at its end: $3"
    return
  fi
  local sentence=${BASH_REMATCH[1]} names=${BASH_REMATCH[2]} name
  [[ $sentence =~ [.!?]\ +[\`A-Z] ]] && wrong "$1" "$2" "two sentences: $sentence"
  for name in $names; do
    name=${name//[\[\]]/}
    [ -n "${exists[$name]}" ] || wrong "$1" "$2" "there is no test $name"
  done
  sentences=$((sentences + 1))
}

for page in "${pages[@]}"; do
  if [ "$page" != docs/coming-from.md ]; then
    while IFS=: read -r line entry; do
      check_sentence "$page" "$line" "$entry"
    done < <(entries "$page")
    [ $sentences -gt 0 ] || wrong "$page" 1 "has no lists"
  fi

  while IFS= read -r name; do
    grep -rqw "$name" include/noh || wrong "$page" "$(grep -nw -m1 "$name" "$page" | cut -d: -f1)" \
      "there is no $name in the public headers"
  done < <(grep -oE '\b(noh|NOH)_[A-Za-z0-9_]*[A-Za-z0-9]' "$page" | sort -u)
done
echo "$sentences sentences, ${#exists[@]} tests"
exit $failed
