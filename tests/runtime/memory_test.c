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
