#!/bin/bash
# Prints a block of README.md: readme_block.sh [LANGUAGE [NUMBER]], the first of that language if no
# number is given. `c` is the program, none its output.
awk -v fence="\`\`\`${1:-}" -v number="${2:-1}" '
  !inside && /^```/ { inside = 1; wanted = $0 == fence && !--number; next }
  inside && /^```$/ { if (wanted) exit; inside = 0; next }
  wanted && inside' "$(dirname "$0")/../../README.md"
