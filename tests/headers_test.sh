#!/bin/bash
# Compiles each public header alone, as C and as C++, with the compilers named in the arguments
# (C compilers; the C++ one beside each is used if it is there, or must be there with --cxx).
cd "$(dirname "$0")/.." || exit 1
must_have_cxx=0
if [ "$1" = --cxx ]; then
  must_have_cxx=1
  shift
fi

failed=0
compile() { # compiler, language, standard
  for header in include/noh/*.h; do
    [ -e "$header" ] || continue
    local name=${header#include/}
    # Twice, since a program may come to a header by two ways.
    if ! printf '#include <%s>\n#include <%s>\n' "$name" "$name" |
      "$1" -x "$2" -std="$3" -Wall -Wextra -Werror -Iinclude -fsyntax-only -; then
      echo "<$name> does not stand alone: $1 -std=$3"
      failed=1
    fi
  done
}

for cc in "$@"; do
  compile "$cc" c gnu11
  compile "$cc" c gnu17
  cxx=$(sed -E 's/gcc/g++/; s/clang/clang++/; s/(^|\/)cc$/\1c++/' <<<"$cc")
  if command -v "$cxx" >/dev/null; then
    compile "$cxx" c++ gnu++17
    compile "$cxx" c++ gnu++20
  elif [ $must_have_cxx = 1 ]; then
    echo "$cxx is missing"
    failed=1
  fi
done
exit $failed
