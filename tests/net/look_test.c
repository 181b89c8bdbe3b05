/* Fibers of simulated programs that look again and again, where waiting would do: time and the
 * network go on for them, too. */
#include <noh/test.h>

#include "tests/support/seeds.h"

enum { STARTS_AT_MS = 1000, ERRANDS = 1000 };

NOH_MESSAGE(tick);
NOH_MESSAGE(errand, (u64, left));

static bool is_done; // one thread

struct sleeper {
	int64_t ms;
};

static void on_start(struct sleeper *self, const struct noh_start *msg)
{
	(void)msg;
	is_done = false;
	noh_after(self->ms, tick);
}

static void on_tick(struct sleeper *self, const struct tick *msg)
{
	(void)self;
	(void)msg;
	is_done = true;
}

NOH_ACTOR(sleeper, (noh_start, on_start), (tick, on_tick));

Simulated(look, for_mail_takes_time_where_nobody_has_work)
{
	noh_after(20, tick);

	while (!noh_receive(0, tick))
		;

	noh_check(noh_now_ms() == STARTS_AT_MS + 20);
}

Simulated(look, by_yielding_takes_time_where_nobody_has_work)
{
	noh_spawn(sleeper, .ms = 20);

	is_done = false;
	while (!is_done)
		noh_yield();

	noh_check(noh_now_ms() == STARTS_AT_MS + 20);
}

struct looker {
	int64_t ms;
};

static void yield_until_done(struct looker *self)
{
	while (!is_done)
		noh_yield();
	noh_check(noh_now_ms() == STARTS_AT_MS + self->ms);
}

NOH_FIBER(looker, yield_until_done);

Simulated(look, by_many_at_once_takes_time_where_nobody_else_has_work)
{
	is_done = false;
	for (int i = 0; i < 10; i++)
		noh_spawn_with(looker, (.monitored = true), .ms = 5);
	noh_spawn(sleeper, .ms = 5);

	for (int i = 0; i < 10; i++)
		noh_check(noh_as(noh_receive(-1, noh_down), noh_down)->why == NOH_WHY_NORMAL);
}

struct busy {
	uint64_t unused;
};

static void on_errand(struct busy *self, const struct errand *msg)
{
	(void)self;
	if (msg->left)
		noh_send(noh_self(), errand, .left = msg->left - 1);
	else
		is_done = true;
}

NOH_ACTOR(busy, (errand, on_errand));

Simulated(look, takes_no_time_while_others_have_work)
{
	noh_after(0, tick); // comes when the clock is looked at
	noh_receive(-1, tick);
	noh_after(1, tick);
	noh_send(noh_spawn(busy), errand, .left = ERRANDS);

	is_done = false;
	while (!is_done)
		noh_yield();

	noh_check(!noh_receive(0, tick));
}

struct echo {
	uint64_t unused;
};

static void on_data(struct echo *self, const struct noh_tcp_data *msg)
{
	(void)self;
	noh_tcp_write(msg->conn, msg->bytes);
}

NOH_ACTOR(echo, (noh_tcp_data, on_data));

Simulated(look, lets_the_network_go_on)
{
	struct echo fresh = {0};
	noh_actor listener;
	noh_check(!noh_tcp_listen(&listener, .serve = &echo_actor, .state = &fresh));
	noh_conn conn =
		noh_tcp_connect(.host = "127.0.0.1", .port = (uint16_t)noh_tcp_port(listener));

	while (!noh_receive(0, noh_tcp_opened))
		noh_yield();
	noh_check(!noh_tcp_write(conn, noh_bytes_copy("again", 5)));
	while (!noh_receive(0, noh_tcp_data))
		noh_yield();
}
