/* A ready-made subscriber of dead letters: it logs them, and no more than one wants to read. */
#ifndef NOH_DEAD_LETTERS_H
#define NOH_DEAD_LETTERS_H

#include <noh/actor.h>

NOH_BEGIN

/* How dead letters are logged. Zero means the default. */
struct noh_dead_letter_log {
	size_t size;
	uint32_t lines_a_second; // 3, for each type of message
};

/* Subscribes to the dead letters of the runtime and logs each as a warning; of more than
 * `lines_a_second` of one message type it tells the number: `noh_log_dead_letters();` Handlers,
 * fibers. Returns the actor that does it, a child of the caller. */
#define noh_log_dead_letters(...)              \
	noh_log_dead_letters_with(             \
		NOH_VALUE(noh_dead_letter_log, \
			  .size = sizeof(struct noh_dead_letter_log) __VA_OPT__(, ) __VA_ARGS__))
noh_actor noh_log_dead_letters_with(const struct noh_dead_letter_log *options);

NOH_END
#endif
