#!/bin/bash
# Prints the first block of README.md with the given language: `c` is the program, none its output.
awk -v fence="\`\`\`${1:-}" '
  !inside && /^```/ { inside = 1; wanted = $0 == fence; next }
  inside && /^```$/ { if (wanted) exit; inside = 0; next }
  wanted && inside' "$(dirname "$0")/../../README.md"
