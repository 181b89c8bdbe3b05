/* Names given, taken, given up and lost by actors that end, while others, and plain threads, look
 * them up: who is found under a name has been given that name. */
#include <pthread.h>
#include <stdio.h>

#include <noh/noh.h>

#include "tests/support/stress.h"

enum { NAMES = 48, LANDLORDS = 2, TENANTS = 6, SEEKERS = 3, THREADS = 2 };

NOH_MESSAGE(again);
NOH_MESSAGE(called, (u64, name));
NOH_MESSAGE(finished);

static noh_actor root;
static struct noh_runtime *runtime;
static uint64_t rounds, found;
static int landlords = LANDLORDS; // that still have tenants

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

// Of many lengths, so that places of entries are used again for other names.
static void write_name(char *name, size_t size, uint64_t number)
{
	snprintf(name, size, "%.*s%llu", (int)(number % 40),
		 "........................................", (unsigned long long)number);
}

// ---- has a name for some time

struct tenant {
	uint64_t seed, name;
};

static void on_start(struct tenant *self, const struct noh_start *msg)
{
	char name[64];
	(void)msg;
	self->name = next_random(&self->seed) % NAMES;
	write_name(name, sizeof(name), self->name);
	noh_register(name, noh_self());
	noh_send(noh_self(), again);
}

static void on_again(struct tenant *self, const struct again *msg)
{
	char name[64];
	(void)msg;
	switch (next_random(&self->seed) % 400) {
	case 0:
		noh_end(0, NULL);
		break;
	case 1:
		noh_kill(noh_self());
		break;
	case 2 ... 50:
		write_name(name, sizeof(name), self->name);
		noh_unregister(name, noh_self());
		noh_register(name, noh_self());
		noh_send(noh_self(), again);
		break;
	default:
		noh_send(noh_self(), again);
	}
}

static void on_called(struct tenant *self, const struct called *msg)
{
	stress_check(self->name == msg->name);
}

NOH_ACTOR(tenant, (noh_start, on_start), (again, on_again), (called, on_called));

// ---- has tenants come and go

struct landlord {
	uint64_t seed, left;
	uint64_t over; // tenants without a successor
};

static void spawn_tenant(struct landlord *self)
{
	noh_spawn(tenant, .seed = next_random(&self->seed));
}

static void on_landlord_start(struct landlord *self, const struct noh_start *msg)
{
	(void)msg;
	for (int i = 0; i < TENANTS; i++)
		spawn_tenant(self);
}

static void on_down(struct landlord *self, const struct noh_down *msg)
{
	(void)msg;
	if (self->left) {
		self->left--;
		spawn_tenant(self);
	} else if (++self->over == TENANTS) {
		__atomic_fetch_sub(&landlords, 1, __ATOMIC_RELAXED);
		noh_send(root, finished);
	}
}

NOH_ACTOR(landlord, (noh_start, on_landlord_start), (noh_down, on_down));

// ---- looks names up

static bool is_anybody_there(void)
{
	return __atomic_load_n(&landlords, __ATOMIC_RELAXED) > 0;
}

static void call_one(uint64_t *seed)
{
	char name[64];
	uint64_t number = next_random(seed) % NAMES;
	write_name(name, sizeof(name), number);
	noh_actor who = noh_where_in(runtime, name);
	if (!who.id)
		return;
	__atomic_fetch_add(&found, 1, __ATOMIC_RELAXED);
	noh_send(who, called, .name = number);
}

struct seeker {
	uint64_t seed;
};

static void on_seek(struct seeker *self, const struct again *msg)
{
	(void)msg;
	for (int i = 0; i < 16; i++)
		call_one(&self->seed);
	if (is_anybody_there())
		noh_send(noh_self(), again);
	else
		noh_send(root, finished);
}

NOH_ACTOR(seeker, (again, on_seek));

static void *seek_from_outside(void *argument)
{
	uint64_t seed = (uintptr_t)argument;
	noh_thread_enter(runtime);
	while (is_anybody_there())
		call_one(&seed);
	noh_send(root, finished);
	noh_thread_leave(runtime);
	return NULL;
}

static int run(void *unused)
{
	(void)unused;
	root = noh_self();
	runtime = noh_runtime();
	for (uint64_t i = 0; i < LANDLORDS; i++)
		noh_spawn(landlord, .seed = i, .left = rounds);
	for (uint64_t i = 0; i < SEEKERS; i++)
		noh_send(noh_spawn(seeker, .seed = i), again);
	for (uintptr_t i = 0; i < THREADS; i++) {
		pthread_t thread;
		stress_check(!pthread_create(&thread, NULL, seek_from_outside, (void *)(i + 7)));
		pthread_detach(thread);
	}
	for (int i = 0; i < LANDLORDS + SEEKERS + THREADS; i++)
		noh_receive(-1, finished);
	return 0;
}

int main(void)
{
	stress_begin();
	rounds = stress_rounds(10000);
	int status = noh_run(run, NULL, .workers = 4);
	printf("%llu found\n", (unsigned long long)found);
	return status;
}
