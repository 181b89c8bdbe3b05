#!/bin/bash
# Runs a program and compares its standard output with a file: same_output.sh PROGRAM FILE
output=$(mktemp)
trap 'rm -f "$output"' EXIT

"$1" >"$output"
code=$?
diff -u "$2" "$output" || exit 1
[ $code = 0 ] || { echo "exit code $code"; exit 1; }
