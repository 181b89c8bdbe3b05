#!/bin/bash
# Messages declared in several files, languages and shared objects of one program: one id where they
# agree, a clear end where they do not. Takes C compilers; the C++ one beside each is used if it is
# there.
cd "$(dirname "$0")/.." || exit 1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
warnings='-Wall -Wextra -Werror'

fail() {
  echo "$cc: $1"
  failed=1
}

ends_well() {
  "$@" || fail "$1 ended with $?"
}
aborts_saying() { # line, program, argument
  local said status
  said=$("${@:2}" 2>&1)
  status=$?
  [ $status = 134 ] || fail "$2 should abort and ended with $status"
  grep -qxF "$1" <<<"$said" || fail "$2 should say '$1' and says '$said'"
}

cat >"$folder/shared.h" <<'END'
#include <noh/noh.h>
NOH_MESSAGE(entry, (u64, account), (flag, ok));
NOH_MESSAGE(booked, (str, text), (many, entry, entries), (list, f64, sums));
NOH_REQUEST(book, booked, (one, entry, entry), (bytes, raw));
NOH_MESSAGE(quit);
END

cat >"$folder/main.c" <<'END'
#include <dlfcn.h>
#include <stdio.h>
#include "shared.h"

uint32_t book_id_there(void);
size_t size_there(void);

/* main [plugin]: compares what this file knows of the messages with what the other ones do. */
int main(int count, char **arguments)
{
	if (book_id_there() != noh_message_id(&book_message) || size_there() != sizeof(struct book))
		return 2;
	if (book_message.answer->id != noh_message_id(&booked_message) || quit_message.size)
		return 3;

	for (int again = 0; count > 1 && again < 2; again++) {
		void *plugin = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
		if (!plugin) {
			puts(dlerror());
			return 4;
		}
		struct noh_message_type *booked = *(struct noh_message_type **)dlsym(plugin, "booked_there");
		struct noh_message_type *own = *(struct noh_message_type **)dlsym(plugin, "own_there");
		static uint32_t own_id;
		if (booked == &booked_message || booked->id != booked_message.id)
			return 5;
		if (!own->id || (own_id && own->id != own_id))
			return 6;
		own_id = own->id;
		dlclose(plugin);
	}
	return 0;
}
END

cat >"$folder/other.c" <<'END'
#include "shared.h"
#ifdef __cplusplus
extern "C" {
#endif
uint32_t book_id_there(void);
size_t size_there(void);
uint32_t book_id_there(void)
{
	return noh_message_id(&book_message);
}
size_t size_there(void)
{
	return sizeof(struct book);
}
#ifdef __cplusplus
}
#endif
END

cat >"$folder/plugin.c" <<'END'
#include "shared.h"
NOH_MESSAGE(own, (u64, a));
#ifdef __cplusplus
extern "C" {
#endif
extern struct noh_message_type *booked_there, *own_there;
struct noh_message_type *booked_there __attribute__((visibility("default"))) = &booked_message;
struct noh_message_type *own_there __attribute__((visibility("default"))) = &own_message;
#ifdef __cplusplus
}
#endif
END

echo '#include <noh/noh.h>
NOH_MESSAGE(status, (u64, a));
int main(void) { return 0; }' >"$folder/one.c"
echo '#include <noh/noh.h>
NOH_MESSAGE(status, (str, b));' >"$folder/two.c"
# As the first one, but for blanks.
echo '#include <noh/noh.h>
#define FIELDS (u64,a)
NOH_MESSAGE(status, FIELDS);' >"$folder/alike.c"
echo '#include <noh/noh.h>
NOH_MESSAGE(entry, (i64, account));' >"$folder/twin.c"

# What a C++ handler throws stays in the runtime's hands.
cat >"$folder/throws.cc" <<'END'
#include <cstring>
#include <string>
#include "shared.h"

static std::string noted;
extern "C" void noh_note_failure(const char *text) { noted = text; }
extern "C" void noh_not_understood(void) { noted = "not understood"; }
extern "C" const char *noh_vformat(const char *format, va_list) { return format; }

struct thrower {
	int quits;
};
static void on_quit(struct thrower *self, const struct quit *)
{
	if (self->quits++)
		throw 5;
	noh_fail("failed");
}
NOH_ACTOR(thrower, (quit, on_quit));

static bool is_booked(const struct booked *msg)
{
	return !strcmp(msg->text, "a") && msg->entries.count == 2 && msg->entries.at[1].account == 2;
}

int main()
{
	struct thrower self = {};
	uint32_t id = noh_message_id(&quit_message);
	thrower_actor.receive(&self, id, nullptr, nullptr);
	if (noted != "failed")
		return 1;
	thrower_actor.receive(&self, id, nullptr, nullptr);
	if (noted == "failed" || noted == "not understood")
		return 2;
	thrower_actor.receive(&self, id + 1000, nullptr, nullptr);
	if (noted != "not understood")
		return 3;
	return !is_booked(NOH_VALUE(booked, .text = "a", .entries = {NOH_ARRAY(const struct entry, {1, true}, {2, true}), 2}));
}
END

cd "$folder" || exit 1
root=$OLDPWD
flags="-I$root/include -I$root -O1"
for cc in "$@"; do
  cxx=$(sed -E 's/gcc/g++/; s/clang/clang++/; s/(^|\/)cc$/\1c++/' <<<"$cc")
  command -v "$cxx" >/dev/null || cxx=

  # The part of the library that knows messages, with default visibility where the headers say so.
  for file in runtime/description runtime/library_messages mailbox/pool; do
    $cc -std=gnu11 $flags -D_GNU_SOURCE= -fvisibility=hidden -fPIC -c "$root/$file.c" -o "$(basename $file).o" || exit 1
  done
  library='description.o library_messages.o pool.o'
  c="$cc -std=gnu11 $warnings $flags"
  cpp="$cxx -std=gnu++17 $warnings -Wno-missing-field-initializers $flags"

  for file in main other one two alike twin plugin; do
    $c -c -fPIC $file.c -o $file.o || fail "$file.c does not compile"
  done
  $cc -rdynamic main.o other.o $library -o in_c -pthread -ldl || fail 'in_c does not link'
  ends_well ./in_c

  told='#include <noh/noh.h>
NOH_MESSAGE(named, (u64, a));
NOH_MESSAGE(unnamed);
NOH_PROTOCOL(named_taker, named);
int main(void) { named_taker_ref ref = {.actor = NOH_NOBODY}; return TELL == 0; }'
  $c -x c -D'TELL=noh_tell(ref, named, .a = 1)' -fsyntax-only - <<<"$told" || fail 'noh_tell does not compile'
  $c -x c -D'TELL=noh_tell(ref, unnamed)' -fsyntax-only - <<<"$told" 2>/dev/null && fail 'noh_tell tells anything'

  $cc one.o alike.o $library -o alike -pthread || fail 'alike does not link'
  ends_well ./alike
  $cc one.o two.o $library -o twins -pthread || fail 'twins does not link'
  aborts_saying 'noh: two messages are called status: {(u64, a)} and {(str, b)}' ./twins

  # Bound to its own descriptions, as a plugin is that cannot see the program's.
  $cc -shared -Wl,-Bsymbolic plugin.o -o plugin.so || fail 'plugin.so does not link'
  ends_well ./in_c ./plugin.so
  $cc -shared -Wl,-Bsymbolic twin.o -o twin.so || fail 'twin.so does not link'
  aborts_saying 'noh: two messages are called entry: {(u64, account), (flag, ok)} and {(i64, account)}' \
    ./in_c ./twin.so

  [ -n "$cxx" ] || continue
  $cpp -x c++ -c -fPIC other.c -o other_cpp.o || fail 'other.c does not compile as C++'
  $cpp -x c++ -c -fPIC plugin.c -o plugin_cpp.o || fail 'plugin.c does not compile as C++'
  $cpp -c throws.cc || fail 'throws.cc does not compile'
  $cxx -rdynamic main.o other_cpp.o $library -o in_both -pthread -ldl || fail 'in_both does not link'
  ends_well ./in_both
  $cxx -rdynamic other_cpp.o main.o $library -o in_both -pthread -ldl || fail 'in_both does not link'
  ends_well ./in_both
  $cxx -shared -Wl,-Bsymbolic plugin_cpp.o -o plugin_cpp.so || fail 'plugin_cpp.so does not link'
  ends_well ./in_c ./plugin_cpp.so
  $cxx throws.o $library -o throws -pthread || fail 'throws does not link'
  ends_well ./throws
done
exit $failed
