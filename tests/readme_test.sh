#!/bin/bash
# The two ways to a program of one's own that README.md tells, done as it tells them, in a folder
# with nothing but the program and `noh`: readme_test.sh BUILD. By CMake the library is compiled
# anew, as it is for a user: that takes ten seconds of a processor, but only once, as the folder is
# kept.
set -eu
build=$1
cd "$(dirname "$0")/.."
root=$PWD
block=$root/tests/support/readme_block.sh
says=$("$block")

try() { # the way, the program
  said=$("$2")
  [ "$said" = "$says" ] || { echo "$1: the program says '$said'"; exit 1; }
}

folder=$build/tests/readme/cmake
mkdir -p "$folder"
cd "$folder"
ln -sfn "$root" noh
"$block" c >main.c
"$block" cmake >CMakeLists.txt
cmake -G Ninja -B build >log 2>&1 && cmake --build build -j2 >>log 2>&1 || { cat log; exit 1; }
try "by CMake" build/accounts

folder=$build/tests/readme/gcc
rm -rf "$folder"
mkdir -p "$folder/noh/build"
cd "$folder"
ln -s "$root/include" noh/include
ln -s "$build" noh/build/release
"$block" c >main.c
bash -eu <("$block" sh 2) >log 2>&1 || { cat log; exit 1; }
[ ! -s log ] || { cat log; exit 1; }
try "by gcc" ./accounts
