#!/bin/bash
# Compiles each public header alone, as C and as C++, with the compilers named in the arguments
# (C compilers; the C++ one beside each is used if it is there, or must be there with --cxx), and
# all of them together by newer standards; in C++ also calls that leave out fields, as most do.
cd "$(dirname "$0")/.." || exit 1
must_have_cxx=0
if [ "$1" = --cxx ]; then
  must_have_cxx=1
  shift
fi

# Twice, since a program may come to a header by two ways.
compiles() { # compiler, language, standard, headers
  printf '#include <%s>\n' "${@:4}" "${@:4}" |
    "$1" -x "$2" -std="$3" -Wall -Wextra -Werror -Iinclude -fsyntax-only - && return
  echo "does not stand alone: $1 -std=$3 <${*:4}>"
  return 1
}
export -f compiles

headers=(include/noh/*.h)
headers=("${headers[@]#include/}")
failed=0
compile() { # compiler, language, standard, newer standard
  printf '%s\0' "${headers[@]}" |
    xargs -0 -P "$(nproc)" -I{} bash -c 'compiles "$@"' _ "$1" "$2" "$3" {} || failed=1
  compiles "$1" "$2" "$4" "${headers[@]}" || failed=1
}

calls='#include <noh/noh.h>
NOH_MESSAGE(deposit, (i64, cents), (i64, account));
struct bank { int64_t cents, accounts; };
static void on_deposit(struct bank *self, const struct deposit *msg) { self->cents += msg->cents; }
NOH_ACTOR(bank, (deposit, on_deposit));
static int start(void *)
{
	noh_actor one = noh_spawn(bank, .cents = 1), other = noh_spawn_with(bank, (.linked = true));
	return noh_send(one, deposit, .cents = 1) + noh_send(other, deposit, .account = 1);
}
int main() { return noh_run(start, nullptr, .workers = 1); }'

for cc in "$@"; do
  compile "$cc" c gnu11 gnu17
  cxx=$(sed -E 's/gcc/g++/; s/clang/clang++/; s/(^|\/)cc$/\1c++/' <<<"$cc")
  if command -v "$cxx" >/dev/null; then
    compile "$cxx" c++ gnu++17 gnu++20
    if ! "$cxx" -x c++ -std=gnu++17 -Wall -Wextra -Werror -Iinclude -fsyntax-only - <<<"$calls"; then
      echo "warns of fields that are left out: $cxx"
      failed=1
    fi
  elif [ $must_have_cxx = 1 ]; then
    echo "$cxx is missing"
    failed=1
  fi
done
exit $failed
