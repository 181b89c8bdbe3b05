#!/bin/bash
# Lets the phoenix sample kill its workers for a second: it must end in time, have met kills, and
# have lost no answer.
set -u

output=$(timeout 60 "$1/phoenix" --seconds 1 --kills-per-second 300 2>/dev/null)
status=$?
echo "$output"
[ $status = 0 ] || { echo "status $status"; exit 1; }

number='([1-9][0-9]*)'
[[ $output =~ ^asked\ $number,\ answered\ $number,\ repeated\ $number,\ kills\ $number,\ lost\ 0$ ]] ||
  { echo "not what it should say"; exit 1; }
[ "${BASH_REMATCH[1]}" = $((BASH_REMATCH[2] + BASH_REMATCH[3])) ] || { echo "wrong sum"; exit 1; }
