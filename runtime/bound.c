/* Bounded mailboxes: counting, refusing, waiting for room. */
#include "runtime/bound.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <noh/noh.h>

#include "runtime/dead.h"
#include "runtime/lane.h"
#include "runtime/marks.h"

enum { BYTES_BITS = 40 };

#define BYTES_MOST ((UINT64_C(1) << BYTES_BITS) - 1)
#define MESSAGES_MOST (UINT64_MAX >> BYTES_BITS)

// All of them: they belong to slots, where no tool that looks for leaks finds them.
static struct bound *all;
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;

static struct bound *bound_of(struct slot *slot)
{
	return (struct bound *)ck_pr_load_ptr(&slot->bound);
}

static struct bound *bound_create(struct slot *slot)
{
	struct bound *bound = must_allocate_zeroed(sizeof(*bound));
	pthread_mutex_lock(&all_lock);
	bound->next = all;
	all = bound;
	pthread_mutex_unlock(&all_lock);
	store_release((void **)&slot->bound, bound); // the address is all that a sender goes by
	return bound;
}

static uint64_t limited(size_t wanted, uint64_t most)
{
	return wanted && wanted < most ? wanted : most;
}

static bool drops_old(uint32_t on_full)
{
	return on_full == NOH_FULL_DROP_OLD || on_full == NOH_FULL_LATEST;
}

void bound_set(struct slot *slot, const struct noh_limits *limits)
{
	struct bound *bound = bound_of(slot);
	if (!bound)
		bound = bound_create(slot);

	// A sender to a former tenant may be reading these: whichever it sees does for a message
	// that nobody will take.
	ck_pr_store_64(&bound->most_messages, limited(limits->mailbox_messages, MESSAGES_MOST));
	ck_pr_store_64(&bound->most_bytes, limited(limits->mailbox_bytes, BYTES_MOST));
	ck_pr_store_ptr(&bound->key, limits->key);
	if (drops_old(limits->on_full) && !bound->lane)
		store_release((void **)&bound->lane, lane_create()); // pairs with bound_post()
	store_release_32(&bound->on_full, limits->on_full);          // pairs with bound_post()
}

// ---- counting

static uint64_t unit_of(const struct envelope *envelope)
{
	return UINT64_C(1) << BYTES_BITS | bound_weight(envelope);
}

static bool has_room(const struct bound *bound, uint64_t held, uint64_t bytes)
{
	return held >> BYTES_BITS < ck_pr_load_64(&bound->most_messages) &&
	       (held & BYTES_MOST) + bytes <= ck_pr_load_64(&bound->most_bytes);
}

static int add(struct bound *bound, uint64_t unit)
{
	uint64_t held;

	if ((unit & BYTES_MOST) > ck_pr_load_64(&bound->most_bytes))
		return -EMSGSIZE;
	do {
		held = ck_pr_load_64(&bound->held);
		if (!has_room(bound, held, unit & BYTES_MOST))
			return -EAGAIN;
	} while (!swap_if_64(&bound->held, held, held + unit));
	return 0;
}

// ---- sending

void bound_give_back(struct envelope *envelope)
{
	marks_clear(envelope);
	if (post_kind(envelope) == POST_MESSAGE)
		message_disown(message_info(post_id(envelope)), envelope->body);
	envelope_release(envelope);
	envelope_free(envelope);
}

void bound_drop(struct slot *slot, struct envelope *envelope, const char *why)
{
	marks_clear(envelope);
	if (post_kind(envelope) == POST_MESSAGE && envelope->ask) {
		post_answer_error(envelope->sender, envelope->ask, -EAGAIN, why);
		post_answered(envelope);
	}
	dead_letter(slot_runtime(slot), envelope,
		    handle_of(slot_index(slot), envelope_generation(envelope)), why);
	envelope_free(envelope);
}

static void tell_it_is_over(struct bound *bound, struct slot *slot, const struct envelope *envelope)
{
	uint32_t generation = envelope_generation(envelope);
	uint32_t last = ck_pr_load_32(&bound->over);

	// Whoever fails to swap it was late: another one has told, or will at the next message.
	if (last == generation || !swap_if_32(&bound->over, last, generation))
		return; // pairs with bound_is_over()
	post_control(handle_of(slot_index(slot), generation), CONTROL_OVER, 0, NULL, 0);
}

int bound_post(struct slot *slot, struct envelope *envelope)
{
	struct bound *bound = bound_of(slot);
	uint32_t on_full = load_acquire_32(&bound->on_full); // pairs with bound_set()

	if (drops_old(on_full)) {
		if (bound_weight(envelope) > ck_pr_load_64(&bound->most_bytes))
			return -EMSGSIZE;
		lane_post(slot, bound, envelope);
		return 0;
	}

	int err = add(bound, unit_of(envelope));
	if (!err) {
		envelope->type |= POST_COUNTED;
		post(slot, envelope);
		return 0;
	}
	if (on_full == NOH_FULL_FAIL) {
		tell_it_is_over(bound, slot, envelope);
		bound_drop(slot, envelope, "over the quota");
		return 0;
	}
	if (on_full == NOH_FULL_DROP_NEW && err == -EAGAIN) {
		bound_drop(slot, envelope, "mailbox full");
		return 0;
	}
	return err;
}

// ---- taking

// With `all`, also those for whom there is no room, since nobody will make any.
static void tell_of_room(struct bound *bound, uint64_t self, bool all_of_them)
{
	uint64_t held = ck_pr_load_64(&bound->held);
	uint32_t left = 0;

	// Everybody who would fit: who has given up in the meantime would not pass it on.
	for (uint32_t i = 0; i < bound->waiting.count; i++) {
		struct waiting waiting = bound->waiting.at[i];
		if (all_of_them || has_room(bound, held, waiting.bytes))
			post_control(waiting.who, CONTROL_ROOM, self, NULL, 0);
		else
			bound->waiting.at[left++] = waiting;
	}
	bound->waiting.count = left;
}

void bound_taken(struct slot *slot, const struct envelope *envelope)
{
	struct bound *bound = bound_of(slot);

	ck_pr_sub_64(&bound->held, unit_of(envelope));
	if (__builtin_expect(bound->waiting.count != 0, 0))
		tell_of_room(bound, slot_handle(slot), false);
}

void bound_want_room(struct slot *slot, uint64_t who, uint64_t bytes)
{
	struct bound *bound = bound_of(slot);

	if (ck_pr_load_8(&slot->bounded) && !has_room(bound, ck_pr_load_64(&bound->held), bytes))
		list_add(&bound->waiting, (struct waiting){who, bytes});
	else
		post_control(who, CONTROL_ROOM, slot_handle(slot), NULL, 0);
}

// ---- quotas

bool bound_is_over(struct slot *slot, char *text, size_t size)
{
	struct bound *bound = bound_of(slot);
	if (!bound || ck_pr_load_32(&bound->over) != slot_generation(slot))
		return false;

	uint64_t most = ck_pr_load_64(&bound->most_messages);
	if (ck_pr_load_64(&bound->held) >> BYTES_BITS >= most)
		snprintf(text, size, "over its quota of mailbox_messages: %llu",
			 (unsigned long long)most);
	else
		snprintf(text, size, "over its quota of mailbox_bytes: %llu",
			 (unsigned long long)ck_pr_load_64(&bound->most_bytes));
	return true;
}

void bound_begin(struct slot *slot, bool again)
{
	struct bound *bound = bound_of(slot);
	if (!bound)
		return;
	if (again)
		ck_pr_store_32(&bound->over, 0);
	if (bound->lane)
		lane_begin(slot, bound);
}

void bound_end(struct slot *slot, uint64_t to)
{
	struct bound *bound = bound_of(slot);
	if (!bound)
		return;
	tell_of_room(bound, to, true);
	if (bound->lane)
		lane_end(slot, bound->lane);
}
