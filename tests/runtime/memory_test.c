/* Memory that belongs to an actor, slices that it keeps, and what it is lent. */
#include <string.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(chunk, (bytes, data));
NOH_MESSAGE(dropped, (u64, serial));
NOH_MESSAGE(let_go);
NOH_MESSAGE(collapse);

static noh_actor told;

static void tell_dropped(void *serial)
{
	noh_send(told, dropped, .serial = (uintptr_t)serial);
}

static noh_bytes wrapped(uintptr_t serial)
{
	return noh_bytes_wrap("0123456789", 10, tell_dropped, (void *)serial);
}

struct keeper {
	noh_bytes kept[4];
	uint32_t count;
};

static void on_chunk(struct keeper *self, const struct chunk *msg)
{
	self->kept[self->count++ % 4] = noh_keep_bytes(msg->data);
}

static void on_let_go(struct keeper *self, const struct let_go *msg)
{
	(void)msg;
	if (self->count)
		noh_bytes_drop(self->kept[--self->count % 4]);
}

static void on_collapse(struct keeper *self, const struct collapse *msg)
{
	(void)self;
	(void)msg;
	noh_fail("collapses");
}

NOH_ACTOR(keeper, (chunk, on_chunk), (let_go, on_let_go), (collapse, on_collapse));

Simulated(kept_bytes, live_until_they_are_dropped)
{
	told = noh_test_inbox();
	noh_actor keeper = noh_spawn(keeper, .count = 0);
	noh_send(keeper, chunk, .data = wrapped(1));
	noh_send(keeper, chunk, .data = wrapped(2));
	noh_receive(0); // gives back what this root made
	noh_test_settle();
	noh_check(!noh_test_take(told, dropped));

	noh_send(keeper, let_go);
	noh_test_settle();

	noh_check(noh_test_sent(told, dropped, .serial = 2));
	noh_check(!noh_test_take(told, dropped));
}

Simulated(kept_bytes, are_released_at_the_end_whichever_way_it_comes)
{
	told = noh_test_inbox();
	noh_actor keeper = noh_spawn_with(keeper, (.detached = true), .count = 0);
	noh_send(keeper, chunk, .data = wrapped(1));
	noh_receive(0);
	noh_test_settle();
	noh_check(!noh_test_take(told, dropped));

	noh_send(keeper, collapse);
	noh_test_settle();

	noh_check(noh_test_sent(told, dropped, .serial = 1));
}

Simulated(kept_bytes, may_be_none_at_all)
{
	noh_actor keeper = noh_spawn(keeper, .count = 0);

	for (int i = 0; i < 100; i++)
		noh_send(keeper, chunk, .data = {0});
	for (int i = 0; i < 50; i++)
		noh_send(keeper, let_go);
	noh_stop(keeper);
	noh_test_settle();
}

Simulated(kept_bytes, are_counted_by_buffer)
{
	told = noh_test_inbox();
	noh_bytes whole = wrapped(1), part = noh_bytes_slice(whole, 2, 3);
	noh_bytes kept[] = {noh_keep_bytes(whole), noh_keep_bytes(part), noh_keep_bytes(whole)};
	noh_receive(0);

	for (int i = 0; i < 3; i++) {
		noh_check(!noh_test_take(told, dropped));
		noh_check(!memcmp(kept[i].at, i == 1 ? "234" : "0123456789", kept[i].size));
		noh_bytes_drop(kept[i]);
	}

	noh_check(noh_test_sent(told, dropped, .serial = 1));
}

// ---- allocations and kept messages

NOH_MESSAGE(treasure, (owned, thing), (str, label));
NOH_MESSAGE(give_up);

struct owner {
	const struct treasure *kept;
	unsigned char *room;
};

static void tell_released(void *serial)
{
	noh_send(told, dropped, .serial = (uintptr_t)serial);
}

static void on_treasure(struct owner *self, const struct treasure *msg)
{
	self->kept = noh_keep(treasure, msg);
	self->room = (unsigned char *)noh_alloc(1000);
	for (int i = 0; i < 1000; i++)
		noh_check(!self->room[i]);
	memset(self->room, 7, 1000);
}

static void on_give_up(struct owner *self, const struct give_up *msg)
{
	(void)msg;
	noh_check(!strcmp(self->kept->label, "gold"));
	noh_drop((void *)(uintptr_t)self->kept);
	noh_drop(self->room);
	noh_drop(NULL);
}

static void on_owner_collapse(struct owner *self, const struct collapse *msg)
{
	noh_check(self->room[999] == 7); // it is there until the end
	on_collapse(NULL, msg);
}

NOH_ACTOR(owner, (treasure, on_treasure), (give_up, on_give_up), (collapse, on_owner_collapse));

static noh_actor owner_of(uintptr_t serial)
{
	noh_actor owner = noh_spawn_with(owner, (.detached = true));
	noh_send(owner, treasure, .thing = {(void *)serial, tell_released}, .label = "gold");
	noh_test_settle();
	noh_check(!noh_test_take(told, dropped));
	return owner;
}

static void expect_released(uint64_t serial)
{
	noh_test_settle();
	noh_check(noh_test_sent(told, dropped, .serial = serial));
	noh_check(!noh_test_take(told, dropped));
}

// What was allocated, the leak checker looks for.
Simulated(memory, is_released_at_the_end_whichever_way_it_comes)
{
	told = noh_test_inbox();

	noh_stop(owner_of(1));
	expect_released(1);

	noh_send(owner_of(2), collapse);
	expect_released(2);

	noh_kill(owner_of(3));
	expect_released(3);
}

Simulated(memory, is_released_when_it_is_dropped_and_not_again_at_the_end)
{
	told = noh_test_inbox();
	noh_actor owner = owner_of(1);

	noh_send(owner, give_up);
	expect_released(1);

	noh_stop(owner);
	noh_test_settle();
	noh_check(!noh_test_take(told, dropped));
}

Simulated(memory, of_an_actor_that_starts_again_is_released_between_its_lives)
{
	told = noh_test_inbox();
	noh_actor owner = noh_spawn_with(owner, (.keeps_place = true));
	noh_send(owner, treasure, .thing = {(void *)1, tell_released}, .label = "gold");
	noh_test_settle();

	noh_restart(owner, &(struct owner){0});
	expect_released(1);

	noh_send(owner, treasure, .thing = {(void *)2, tell_released}, .label = "gold");
	noh_stop(owner);
	expect_released(2);
}

// ---- lent

NOH_MESSAGE(format_some);

struct formatter {
	noh_actor to;
};

static void on_format(struct formatter *self, const struct format_some *msg)
{
	const char *texts[100];
	(void)msg;
	for (int i = 0; i < 100; i++)
		texts[i] = noh_format("%0*d", i + 1, i);
	for (int i = 0; i < 100; i++)
		noh_check(strlen(texts[i]) == (size_t)i + 1);
	noh_send(self->to, treasure, .label = texts[99]);
}

NOH_ACTOR(formatter, (format_some, on_format));

Simulated(text, that_was_formatted_lives_until_the_handler_returns_and_messages_copy_it)
{
	noh_actor inbox = noh_test_inbox(), formatter = noh_spawn(formatter, .to = inbox);

	noh_send(formatter, format_some);
	noh_test_settle();

	const struct treasure *got = noh_test_take(inbox, treasure);
	noh_check(got && strlen(got->label) == 100 && !strcmp(got->label + 98, "99"));
}
