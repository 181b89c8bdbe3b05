/* An actor that sets timers as a test tells it to and reports their ticks to an inbox; the virtual
 * clock begins at 0 for it. Knows not what is tested. */
#ifndef TESTS_TIMERS_OWNER_H
#define TESTS_TIMERS_OWNER_H

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>
#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(perform, (u64, function)); // what the actor is to do: a void (*)(void)
NOH_MESSAGE(tick, (u64, serial));
NOH_MESSAGE(letter, (u64, serial), (str, text), (owned, thing));
NOH_MESSAGE(heard, (u64, serial), (i64, at_ms), (u64, missed));
NOH_MESSAGE(read_out, (str, text), (flag, has_thing));

static noh_actor inbox, owner;
static int64_t began_ms;
static void (*at_tick)(void); // done by the owner in the handler of each tick

// ---- the owner

struct owner {
	noh_actor inbox;
};

static void on_perform(struct owner *self, const struct perform *msg)
{
	(void)self;
	((void (*)(void))(uintptr_t)msg->function)();
}

static void on_tick(struct owner *self, const struct tick *msg)
{
	noh_send(self->inbox, heard, msg->serial, noh_now_ms() - began_ms, noh_ticks_missed());
	if (at_tick)
		at_tick();
}

static void on_letter(struct owner *self, const struct letter *msg)
{
	noh_send(self->inbox, read_out, msg->text, msg->thing.ptr != NULL);
	if (at_tick)
		at_tick();
}

NOH_ACTOR(owner, (perform, on_perform), (tick, on_tick), (letter, on_letter));

static inline void as_owner(void (*function)(void))
{
	noh_send(owner, perform, (uintptr_t)function);
	noh_test_settle();
}

// ---- a test is the root of a simulated runtime, once for each seed

static void begin(void)
{
	at_tick = NULL;
	inbox = noh_test_inbox();
	owner = noh_spawn(owner, inbox);
	noh_test_settle();
	began_ms = noh_now_ms();
}

#define BEHAVIOUR(suite, sentence)               \
	static void sentence(void);              \
	static int sentence##_root(void *unused) \
	{                                        \
		(void)unused;                    \
		begin();                         \
		sentence();                      \
		return 0;                        \
	}                                        \
	Test(suite, sentence)                    \
	{                                        \
		seeds_explore(sentence##_root);  \
	}                                        \
	static void sentence(void)

static bool ticks(uint64_t serial, int64_t at_ms, uint64_t missed)
{
	return noh_test_sent(inbox, heard, serial, at_ms, missed);
}

static inline bool is_silent(void)
{
	return !noh_test_take(inbox, heard);
}

#endif
