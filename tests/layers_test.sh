#!/bin/bash
# Fails on an #include that reaches upward: knows the layers, and nothing of what is in them.
cd "$(dirname "$0")/.." || exit 1

# A folder, and the folders whose private headers it may include beside its own. Samples and
# ready-made actors live on the public headers alone, as a user's program would.
layers='
include:
mailbox:
runtime: mailbox
timers: runtime mailbox
net: timers runtime mailbox
actors:
samples:
'

folders=$(sed -n 's/:.*//p' <<<"$layers" | paste -sd'|')
upward=0
while IFS=: read -r folder allowed; do
  [ -d "$folder" ] || continue
  while IFS= read -r line; do
    header=${line##*#include \"}
    used=${header%%/*}
    [[ $used =~ ^($folders|tests|bench)$ ]] || continue # a neighbour, or the sample's own folder
    case " $folder $allowed " in
    *" $used "*) ;;
    *) echo "$line: $folder may not reach into $used"; upward=1 ;;
    esac
  done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include "[^"]*/' --include='*.[ch]' "$folder" |
    sed -E 's/#[[:space:]]*include/#include/')
done <<<"$layers"

# The public face shows nothing of the library that we stand on.
if grep -rnE '^[[:space:]]*#[[:space:]]*include [<"](ck_|criterion/)' --include='*.[ch]' include samples actors 2>/dev/null; then
  echo "these are visible to users, or written as a user would write: no libck there"
  upward=1
fi
exit $upward
