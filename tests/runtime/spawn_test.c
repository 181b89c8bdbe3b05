/* Spawning: what an actor starts with, who its parent is, and handles that outlive their actor. */
#include <pthread.h>
#include <signal.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(started, (u64, value), (u64, restarts), (str, last_failure));
NOH_MESSAGE(number, (u64, value));
NOH_MESSAGE(family, (actor, self), (actor, parent));
NOH_MESSAGE(spawned, (actor, child));
NOH_MESSAGE(spawn_one, (flag, detached));

struct child {
	noh_actor to;
	uint64_t value;
};

static void on_start(struct child *self, const struct noh_start *msg)
{
	noh_send(self->to, started, .value = self->value, .restarts = msg->restarts,
		 .last_failure = msg->last_failure);
}

static void on_number(struct child *self, const struct number *msg)
{
	(void)msg;
	noh_send(self->to, family, .self = noh_self(), .parent = noh_parent());
}

NOH_ACTOR(child, (noh_start, on_start), (number, on_number));

struct parent {
	noh_actor to;
};

static void on_spawn_one(struct parent *self, const struct spawn_one *msg)
{
	noh_actor child = noh_spawn_with(child, (.detached = msg->detached), .to = self->to);
	noh_send(self->to, spawned, .child = child);
}

NOH_ACTOR(parent, (spawn_one, on_spawn_one));

Simulated(spawn, starts_with_a_copy_of_the_state)
{
	noh_actor inbox = noh_test_inbox();
	struct child state = {.to = inbox, .value = 7};

	noh_spawn_type(&child_actor, &state, NULL);
	state.value = 8;
	noh_test_settle();

	noh_check(noh_test_sent(inbox, started, .value = 7, .restarts = 0, .last_failure = ""));
}

Simulated(spawn, starts_an_actor_before_it_gets_its_first_message)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor child = noh_spawn(child, .to = inbox, .value = 1);

	noh_send(child, number, .value = 2);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, started, .value = 1));
	noh_check(noh_test_sent(inbox, family, .self = child, .parent = noh_self()));
}

Simulated(spawn, knows_no_parent_of_a_detached_actor_or_of_the_root)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor child = noh_spawn_with(child, (.detached = true), .to = inbox);

	noh_send(child, number, .value = 1);
	noh_test_settle();

	noh_test_take(inbox, started);
	noh_check(noh_test_sent(inbox, family, .self = child, .parent = NOH_NOBODY));
	noh_check(noh_same(noh_parent(), NOH_NOBODY));
}

Simulated(spawn, lets_a_detached_actor_outlive_its_spawner)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor parent = noh_spawn(parent, .to = inbox);
	noh_send(parent, spawn_one, .detached = true);
	noh_send(parent, spawn_one, .detached = false);
	noh_test_settle();
	noh_actor detached = noh_test_take(inbox, spawned)->child;
	noh_actor attached = noh_test_take(inbox, spawned)->child;

	noh_stop(parent);
	noh_test_settle();

	noh_monitor(detached, true);
	uint64_t monitor = noh_monitor(attached, true);
	noh_test_settle();
	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	noh_check(down && down->monitor == monitor && down->why == NOH_WHY_NOBODY);
	noh_check(!noh_receive(0, noh_down));
}

Simulated(spawn, sets_a_monitor_before_the_actor_runs)
{
	noh_actor child = noh_spawn_with(child, (.monitored = true));
	noh_stop(child);
	noh_test_settle();

	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);

	noh_check(down && noh_same(down->who, child) && down->why == NOH_WHY_NORMAL);
}

struct empty {
	char nothing[0];
};

static void answer_number(struct empty *self, const struct number *msg)
{
	(void)self;
	noh_send(noh_sender(), number, .value = msg->value);
}

NOH_ACTOR(empty, (number, answer_number));

Simulated(spawn, takes_an_empty_state)
{
	noh_actor empty = noh_spawn(empty);

	noh_send(empty, number, .value = 3);

	const struct number *answer = noh_as(noh_receive(1000, number), number);
	noh_check(answer && answer->value == 3);
}

struct large {
	uint64_t words[2000];
};

static void sum_words(struct large *self, const struct number *msg)
{
	uint64_t sum = msg->value;
	for (int i = 0; i < 2000; i++)
		sum += self->words[i];
	noh_send(noh_sender(), number, .value = sum);
}

NOH_ACTOR(large, (number, sum_words));

Simulated(spawn, takes_a_large_state)
{
	static struct large state;
	for (uint64_t i = 0; i < 2000; i++)
		state.words[i] = i;
	noh_actor large = noh_spawn_type(&large_actor, &state, NULL);

	noh_send(large, number, .value = 1);

	const struct number *answer = noh_as(noh_receive(1000, number), number);
	noh_check(answer && answer->value == 1 + 1999 * 1000);
}

Simulated(spawn, never_gives_two_living_actors_one_handle)
{
	noh_actor handles[300];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 300; i++) {
			handles[i] = noh_spawn(empty);
			for (int j = 0; j < i; j++)
				noh_check(!noh_same(handles[i], handles[j]));
		}
		for (int i = 0; i < 300; i++)
			noh_stop(handles[i]);
		noh_test_settle();
	}
}

Simulated(spawn, gives_a_slot_to_a_new_tenant_with_a_new_handle)
{
	noh_actor first = noh_spawn(empty), again;
	uint64_t slots = 1u << 26;
	noh_stop(first);
	noh_test_settle();

	// Free slots are taken last in, first out.
	again = noh_spawn(empty);

	noh_check(first.id >> 22 == again.id >> 22 && first.id >> 22 < slots);
	noh_check(first.id != again.id);
	noh_send(first, number, .value = 1);
	noh_send(again, number, .value = 2);
	const struct number *answer = noh_as(noh_receive(1000, number), number);
	noh_check(answer && answer->value == 2);
	noh_check(noh_dead_letters() == 1);
}

// ---- the end of the runtime

struct late {
	noh_actor to;
};

static void spawn_at_the_end(struct late *self, const struct noh_stopping *msg)
{
	(void)self;
	(void)msg;
	noh_spawn(empty);
	noh_spawn_with(empty, (.detached = true));
}

NOH_ACTOR(late, (noh_stopping, spawn_at_the_end));

Simulated(spawn, while_all_ends_delays_nothing)
{
	noh_spawn(late);
	noh_spawn_with(late, (.detached = true));
}

// ---- plain threads

struct errand {
	struct noh_runtime *runtime;
	noh_actor root;
};

static void *spawn_from_a_thread(void *argument)
{
	struct errand *errand = (struct errand *)argument;
	noh_thread_enter(errand->runtime);
	noh_actor child =
		noh_spawn_with(child, (.in = errand->runtime), .to = errand->root, .value = 9);
	noh_send(child, number, .value = 1);
	noh_thread_leave(errand->runtime);
	return NULL;
}

static int hear_of_a_threads_child(void *unused)
{
	(void)unused;
	struct errand errand = {noh_runtime(), noh_self()};
	pthread_t thread;
	noh_check(!pthread_create(&thread, NULL, spawn_from_a_thread, &errand));
	pthread_join(thread, NULL);

	const struct started *started = noh_as(noh_receive(20000, started), started);
	noh_check(started && started->value == 9);
	const struct family *family = noh_as(noh_receive(20000, family), family);
	noh_check(family && noh_same(family->parent, NOH_NOBODY));
	return 0;
}

Test(spawn, works_from_plain_threads_that_say_where)
{
	cr_expect_eq(noh_run(hear_of_a_threads_child, NULL, .workers = 1), 0);
	cr_expect_eq(noh_run(hear_of_a_threads_child, NULL, .workers = 2), 0);
}

static void *spawn_until_nobody_is_there(void *argument)
{
	struct errand *errand = (struct errand *)argument;
	noh_actor child;

	noh_thread_enter(errand->runtime);
	do {
		child = noh_spawn_with(child, (.in = errand->runtime), .to = errand->root);
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL); // let it end
	} while (child.id);
	noh_thread_leave(errand->runtime);
	return NULL;
}

static pthread_t until_nobody;

static int be_spawned_in_while_it_ends(void *unused)
{
	static struct errand errand;
	(void)unused;
	errand = (struct errand){noh_runtime(), noh_self()};
	noh_check(!pthread_create(&until_nobody, NULL, spawn_until_nobody_is_there, &errand));
	noh_check(noh_receive(20000, started));
	return 0;
}

Test(spawn, gives_nobody_when_all_have_ended)
{
	cr_expect_eq(noh_run(be_spawned_in_while_it_ends, NULL, .workers = 1), 0);
	pthread_join(until_nobody, NULL);
}

static void *spawn_nowhere(void *unused)
{
	noh_spawn(empty);
	return unused;
}

Test(spawn, from_a_plain_thread_that_does_not_say_where_ends_the_process, .signal = SIGABRT)
{
	spawn_nowhere(NULL);
}
