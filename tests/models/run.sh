#!/bin/bash
# Checks the models of this folder with Spin: each as it stands, in several sizes, and each with one
# planted fault at a time, which must be found. One line a run; fails if any of them does.
#
#   tests/models/run.sh          half a minute on two cores
#   NOH_LONG=1 ...               larger sizes too: ten minutes and 8 GB
#
# The trail of a model that fails is left in $NOH_TRAILS (default: the folder build/models).
set -u
cd "$(dirname "$0")"

for tool in spin "${CC:-gcc}"; do
  command -v "$tool" >/dev/null || { echo "models: no $tool here" >&2; exit 1; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trails=${NOH_TRAILS:-../../build/models}

# How each is searched: `ends`, for a violated assertion, also where nothing can move any more;
# `lives`, for a way to go round for ever though every process that can move does.
compile_ends="-DSAFETY"
search_ends="-E"
compile_lives="-DNP -DNFAIR=5"
search_lives="-l -f"

check() { # number, what is expected, model, how, definitions
  local number=$1 expected=$2 model=$3 how=$4 definitions=${*:5}
  local folder=$work/$number compile=compile_$how search=search_$how optimise=-O2 found
  # A fault is found sooner than the compiler could make the search fast.
  [ "$expected" = passes ] || optimise=-O0
  mkdir "$folder"
  cp "$model.pml" "$folder"
  (
    cd "$folder" || exit
    spin -a $definitions "$model.pml" &&
      "${CC:-gcc}" $optimise -w -DCOLLAPSE -DMEMLIM=7000 ${!compile} -o pan pan.c &&
      ./pan ${!search} -m1000000 -w24
  ) >"$folder/log" 2>&1

  if grep -q 'errors: 0$' "$folder/log" && ! grep -q 'Search not completed\|too small' "$folder/log"; then
    found=passes
  elif grep -q '^pan:.*\(assertion violated\|non-progress cycle\)' "$folder/log"; then
    found=faulty
  else
    found=broken # the model, or the memory is too small
  fi

  local states name="$model ${definitions//-D/}"
  states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$folder/log")
  [ "$how" = ends ] || name="$name ($how)"
  if [ "$found" = "$expected" ]; then
    printf 'ok      %-8s %s, %s states\n' "$found:" "$name" "$states"
    touch "$folder/ok"
  else
    printf 'FAILED  %-8s %s, should be %s\n' "$found:" "$name" "$expected"
    mkdir -p "$trails"
    cp "$folder/log" "$trails/$model-$number.log"
    if [ -f "$folder/$model.pml.trail" ]; then
      (cd "$folder" && spin -p -g -l -t $definitions "$model.pml") >"$trails/$model-$number.trail" 2>&1
    fi
  fi
  rm -f "$folder/pan"*
}

runs=()
passes() { runs+=("passes $*"); }
faulty() { runs+=("faulty $*"); }

passes parking ends -DWORKERS=2 -DITEMS=2 -DSTUCK=1
passes parking ends -DWORKERS=3 -DITEMS=1 -DSTUCK=1 -DSTRAY_RINGS=0
passes parking lives -DWORKERS=2 -DITEMS=1
passes parking ends -DWORKERS=2 -DITEMS=3 -DSTUCK=1 -DSTRAY_RINGS=0
for fault in NO_RESCAN PINNED_LEFT_OUT NO_SECOND_LOOK NO_PINNED_SECOND_LOOK PINNED_WITHOUT_CREDIT \
  CREDIT_LAST LAST_SEARCHER_SILENT RESCAN_SILENT WORKER_FORGETS_CREDIT; do
  faulty parking ends -DWORKERS=2 -DITEMS=3 -DSTUCK=1 -DSTRAY_RINGS=0 -D$fault
done

passes mailbox ends -DSENDERS=2 -DMESSAGES=3 -DWORKERS=2
passes mailbox ends -DSENDERS=2 -DMESSAGES=2 -DWORKERS=2 -DKEPT=2 -DENVELOPES=4
passes mailbox ends -DSENDERS=3 -DMESSAGES=1 -DWORKERS=2
passes mailbox lives -DSENDERS=2 -DMESSAGES=2 -DWORKERS=2
for fault in STUB_ALWAYS_CLEARED DETACH_BY_STORE IDLE_BY_STORE TAIL_SET_LATE FREED_WHEN_TAKEN \
  HALF_LINKED_IS_EMPTY; do
  faulty mailbox ends -DSENDERS=2 -DMESSAGES=2 -DWORKERS=2 -D$fault
done

passes slot ends -DSENDERS=2 -DMESSAGES=2 -DGENERATIONS=3
passes slot lives -DSENDERS=1 -DMESSAGES=2 -DGENERATIONS=2
for fault in NO_CHECK_WHEN_TAKEN TOLD_BEFORE_ADVANCE GIVEN_WHEN_IDLE NEVER_RETIRED \
  CLAIMED_AFTER_A_LOOK; do
  faulty slot ends -DSENDERS=2 -DMESSAGES=2 -DGENERATIONS=3 -D$fault
done

passes ending ends -DASKERS=2 -DSENDERS=2
for fault in WAKE_IGNORED PUSHED_FIRST FORGOTTEN_BY_STORE LATE_BY_STORE; do
  faulty ending ends -DASKERS=2 -DSENDERS=1 -D$fault
done

passes next ends -DTHIEVES=2 -DTURNS=4
for fault in NO_BARRIER NO_WISH RUNS_ON NO_LOOK TAKEN_BEFORE_THE_LOOK UNWANTED_EARLY; do
  faulty next ends -DTHIEVES=2 -DTURNS=3 -D$fault
done

if [ -n "${NOH_LONG:-}" ]; then
  passes parking ends -DWORKERS=2 -DITEMS=3 -DSTUCK=1
  passes parking ends -DWORKERS=3 -DITEMS=2 -DSTRAY_RINGS=0
  passes mailbox ends -DSENDERS=2 -DMESSAGES=5 -DWORKERS=2
  passes slot ends -DSENDERS=2 -DMESSAGES=3 -DGENERATIONS=4
fi

number=0
for run in "${runs[@]}"; do
  number=$((number + 1))
  # At most two at a time: each may want a few hundred megabytes.
  while [ "$(jobs -rp | wc -l)" -ge 2 ]; do
    wait -n
  done
  check $number $run &
done
wait

passed=$(find "$work" -name ok | wc -l)
echo "$passed passed, $((${#runs[@]} - passed)) failed"
[ "$passed" = ${#runs[@]} ]
