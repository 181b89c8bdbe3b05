/* A cell that is set and read by actors and plain threads at once: each reader sees whole values
 * that only ever get newer, subscribers hear of the last one, and all values are let go. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <noh/noh.h>

#include "tests/support/stress.h"

enum { SETTERS = 2, READERS = 4, OBSERVERS = 4, THREADS = 2 };

NOH_MESSAGE(value, (u64, number), (u64, check), (bytes, proof));
NOH_MESSAGE(again);
NOH_MESSAGE(finished);

static noh_actor root;
static struct noh_runtime *runtime;
static struct noh_watch *cell;
static uint64_t rounds, made, dropped, reads, notices;
static uint32_t setting = SETTERS;
static uint64_t last_number;

static void count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static void drop_proof(void *unused)
{
	(void)unused;
	count(&dropped);
}

static bool is_being_set(void)
{
	return __atomic_load_n(&setting, __ATOMIC_ACQUIRE) > 0;
}

static void check_value(const struct value *value)
{
	stress_check(value->check == ~value->number && !memcmp(value->proof.at, "proof", 5));
	count(&reads);
}

// ---- sets

struct setter {
	uint64_t left;
};

static void on_set(struct setter *self, const struct again *msg)
{
	(void)msg;
	uint64_t number = __atomic_add_fetch(&last_number, 1, __ATOMIC_RELAXED);
	count(&made);
	noh_watch_set(cell, value, .number = number, .check = ~number,
		      .proof = noh_bytes_wrap("proof", 5, drop_proof, NULL));
	if (--self->left) {
		noh_send(noh_self(), again);
	} else {
		__atomic_fetch_sub(&setting, 1, __ATOMIC_RELEASE);
		noh_send(root, finished);
	}
}

NOH_ACTOR(setter, (again, on_set));

// ---- reads, as often as it can

struct reader {
	uint64_t version;
};

static void on_read(struct reader *self, const struct again *msg)
{
	(void)msg;
	uint64_t version = noh_watch_version(cell);
	const struct value *value = noh_watch_get(cell, value);
	stress_check(version >= self->version && (value || !version));
	self->version = version;
	if (value)
		check_value(value);
	if (is_being_set())
		noh_send(noh_self(), again);
	else
		noh_send(root, finished);
}

NOH_ACTOR(reader, (again, on_read));

static void *read_from_outside(void *unused)
{
	(void)unused;
	noh_thread_enter(runtime);
	while (is_being_set()) {
		const struct noh_shared *held = noh_watch_hold(cell);
		if (held)
			check_value((const struct value *)held->body);
		noh_shared_drop(held);
	}
	noh_send(root, finished);
	noh_thread_leave(runtime);
	return NULL;
}

// ---- is told, and must have heard of the last one in the end

struct observer {
	uint64_t version;
};

static void on_observer_start(struct observer *self, const struct noh_start *msg)
{
	(void)self;
	(void)msg;
	noh_watch_subscribe(cell, noh_self());
}

static void on_changed(struct observer *self, const struct noh_changed *msg)
{
	(void)msg;
	count(&notices);
	self->version = noh_watch_version(cell);
	check_value(noh_watch_get(cell, value));
	if (self->version == rounds * SETTERS)
		noh_send(root, finished);
}

NOH_ACTOR(observer, (noh_start, on_observer_start), (noh_changed, on_changed));

static int run(void *unused)
{
	(void)unused;
	root = noh_self();
	runtime = noh_runtime();
	cell = noh_watch("value");
	for (int i = 0; i < OBSERVERS; i++)
		noh_spawn(observer);
	noh_sleep(1);
	for (int i = 0; i < SETTERS; i++)
		noh_send(noh_spawn(setter, .left = rounds), again);
	for (int i = 0; i < READERS; i++)
		noh_send(noh_spawn(reader), again);
	for (int i = 0; i < THREADS; i++) {
		pthread_t thread;
		stress_check(!pthread_create(&thread, NULL, read_from_outside, NULL));
		pthread_detach(thread);
	}
	for (int i = 0; i < OBSERVERS + SETTERS + READERS + THREADS; i++)
		noh_receive(-1, finished);
	return 0;
}

int main(void)
{
	stress_begin();
	rounds = stress_rounds(20000);
	int status = noh_run(run, NULL, .workers = 4);
	printf("%llu read, %llu notices\n", (unsigned long long)reads, (unsigned long long)notices);
	stress_check(made == dropped && made == rounds * SETTERS);
	return status;
}
