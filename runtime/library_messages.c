/* The descriptions of the library's own messages, which exist once, here; their fields stand in the
 * public headers. They get the first ids: this runs before the constructors of programs. */
#define NOH_DEFINE_LIBRARY_MESSAGES
#include <noh/noh.h>

#include "runtime/own_messages.h"

extern const struct noh_message_seen first_of_ours[] __asm__("__start_noh_library_messages")
	__attribute__((visibility("hidden")));
extern const struct noh_message_seen end_of_ours[] __asm__("__stop_noh_library_messages")
	__attribute__((visibility("hidden")));

__attribute__((constructor(101))) static void intern_ours(void)
{
	noh_messages_seen(first_of_ours, end_of_ours);
}
