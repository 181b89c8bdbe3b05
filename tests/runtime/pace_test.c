/* Pace: what a worker finds messages to take, by which it divides its time. On a clock that moves
 * by hand. */
#include <criterion/criterion.h>

#include "runtime/worker.h"

enum { MESSAGE_NS = 10 * 1000, WAIT_NS = 1000 * 1000 };

static struct clock_virtual the_clock;
static struct noh_runtime runtime;
static struct worker worker;

static void begin(void)
{
	clock_virtual_init(&the_clock, WAIT_NS);
	runtime = (struct noh_runtime){.clock = &the_clock.clock, .worker_count = 1};
	worker = (struct worker){.runtime = &runtime, .quantum = 16};
	set_budget(&worker, 128);
	look_idly(&worker);
	look_at_clock(&worker);
}

static void pass(uint64_t ns)
{
	clock_virtual_advance(&the_clock, ns);
}

static void handle_one_in_a_turn(void)
{
	worker.credit--;
	worker.statistics.turns++;
	worker.statistics.messages++;
	pass(MESSAGE_NS);
}

Test(pace, is_that_of_the_messages, .init = begin)
{
	while (worker.credit > 0)
		handle_one_in_a_turn();
	look_at_clock(&worker);

	cr_expect_eq(worker.cost_ns, MESSAGE_NS);
	cr_expect_gt(worker.turn_ns, MESSAGE_NS * 9 / 10);
	cr_expect_eq(worker.quantum, 25000 / MESSAGE_NS);
}

// It looks when it has found nothing, once more if it finds nothing elsewhere, and after the wait.
Test(pace, is_that_of_the_messages_though_each_is_waited_for, .init = begin)
{
	while (worker.credit > 0) {
		handle_one_in_a_turn();
		look_idly(&worker);
		pass(WAIT_NS);
		look_idly(&worker);
		pass(WAIT_NS);
		look_idly(&worker);
	}
	handle_one_in_a_turn();
	look_at_clock(&worker);

	cr_expect_eq(worker.cost_ns, MESSAGE_NS);
	cr_expect_gt(worker.turn_ns, MESSAGE_NS * 9 / 10);
	cr_expect_eq(worker.quantum, 25000 / MESSAGE_NS);
}

// ---- whether wakes vary

static void handle_in_turns(uint32_t messages, uint32_t turns)
{
	worker.credit = 0;
	worker.statistics.messages += messages;
	worker.statistics.turns += turns;
	pass(MESSAGE_NS / 1000 * messages);
	look_at_clock(&worker);
}

Test(pace, takes_wakes_for_chance_where_some_messages_wake_and_some_do_not, .init = begin)
{
	handle_in_turns(80, 40);
	cr_expect(worker.wakes_vary);
	handle_in_turns(80, 69);
	cr_expect(worker.wakes_vary);
	handle_in_turns(80, 70);
	cr_expect(!worker.wakes_vary);
	handle_in_turns(80, 21);
	cr_expect(worker.wakes_vary);
	handle_in_turns(80, 20);
	cr_expect(!worker.wakes_vary);
}

Test(pace, lets_those_who_talk_run_on_once_in_a_while_all_the_same, .init = begin)
{
	uint32_t varied = 0, rounds = 320;
	for (uint32_t i = 0; i < rounds; i++) {
		handle_in_turns(80, 40);
		varied += worker.wakes_vary;
	}
	cr_expect_eq(varied, rounds - rounds / 32);
}
