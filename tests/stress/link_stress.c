/* Links, monitors and exit signals at random from several workers, while those they are about end
 * in every way: each monitor fires exactly once, each link at most once and never after its unlink,
 * and none is forgotten. */
#include <noh/noh.h>

#include "tests/support/stress.h"

enum { PLACES = 64, AUDITORS = 3, KILLERS = 2, HELD = 32 };

NOH_MESSAGE(again);
NOH_MESSAGE(fail);
NOH_MESSAGE(end_all);
NOH_MESSAGE(finished);

static uint64_t places[PLACES];
static uint64_t downs, exits, spawned;
static uint64_t rounds;
static noh_actor root;

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

static noh_actor somebody(uint64_t random)
{
	return (noh_actor){__atomic_load_n(&places[random % PLACES], __ATOMIC_ACQUIRE)};
}

// ---- those who end

struct victim {
	uint64_t seed;
};

static void on_victim_again(struct victim *self, const struct again *msg)
{
	(void)msg;
	uint64_t random = next_random(&self->seed);
	noh_actor who = somebody(random);
	switch (random / PLACES % 8) {
	case 0:
	case 1:
		noh_link(who);
		break;
	case 2:
		noh_unlink(who);
		break;
	case 3:
		noh_demonitor(noh_monitor(who, random % 2));
		break;
	case 4:
		noh_monitor(who, true);
		break;
	default:
		noh_send(who, again);
	}
}

static void on_victim_down(struct victim *self, const struct noh_down *msg)
{
	(void)self;
	(void)msg;
}

static void on_victim_fail(struct victim *self, const struct fail *msg)
{
	(void)self;
	(void)msg;
	noh_fail("told so");
}

NOH_ACTOR(victim, (again, on_victim_again), (noh_down, on_victim_down), (fail, on_victim_fail));

// ---- who spawns them: linked and monitored, so it hears of each end in two ways, once each

struct nursery {
	uint64_t seed;
	bool is_over;
};

static void spawn_victim(struct nursery *self, uint64_t place)
{
	noh_actor victim = noh_spawn_with(victim, (.linked = true, .monitored = true),
					  .seed = next_random(&self->seed));
	__atomic_store_n(&places[place], victim.id, __ATOMIC_RELEASE);
	spawned++;
}

static void on_nursery_start(struct nursery *self, const struct noh_start *msg)
{
	(void)msg;
	noh_trap_exits(true);
	for (uint64_t i = 0; i < PLACES; i++)
		spawn_victim(self, i);
}

static void heard_of_one(struct nursery *self)
{
	if (self->is_over && exits == spawned && downs == spawned)
		noh_send(root, finished);
}

static void on_nursery_exit(struct nursery *self, const struct noh_exit *msg)
{
	exits++;
	for (uint64_t i = 0; i < PLACES && !self->is_over; i++)
		if (places[i] == msg->from.id)
			spawn_victim(self, i);
	heard_of_one(self);
}

static void on_nursery_down(struct nursery *self, const struct noh_down *msg)
{
	stress_check(msg->monitor);
	downs++;
	heard_of_one(self);
}

static void on_end_all(struct nursery *self, const struct end_all *msg)
{
	(void)msg;
	self->is_over = true;
	for (uint64_t i = 0; i < PLACES; i++)
		noh_kill(somebody(i));
	heard_of_one(self);
}

NOH_ACTOR(nursery, (noh_start, on_nursery_start), (noh_exit, on_nursery_exit),
	  (noh_down, on_nursery_down), (end_all, on_end_all));

// ---- who keeps books

struct auditor {
	uint64_t seed, left;
	uint64_t monitors[HELD]; // 0: none
	noh_actor linked[HELD];
	bool is_over;
};

static void check_books(struct auditor *self)
{
	for (int i = 0; i < HELD; i++)
		if (!self->is_over || self->monitors[i] || self->linked[i].id)
			return; // what is missing must come
	noh_send(root, finished);
	self->is_over = false;
}

static void link_or_unlink(struct auditor *self, uint64_t random)
{
	noh_actor *entry = &self->linked[random % HELD], who = somebody(random / HELD);
	if (entry->id) {
		noh_unlink(*entry);
		*entry = NOH_NOBODY;
		return;
	}
	for (int i = 0; i < HELD; i++)
		if (noh_same(self->linked[i], who))
			return;
	noh_link(who);
	*entry = who;
}

static void monitor_or_not(struct auditor *self, uint64_t random)
{
	uint64_t *entry = &self->monitors[random % HELD];
	if (*entry) {
		noh_demonitor(*entry);
		*entry = 0;
	} else {
		*entry = noh_monitor(somebody(random / HELD), random & 1);
	}
}

static void on_auditor_start(struct auditor *self, const struct noh_start *msg)
{
	(void)self;
	(void)msg;
	noh_trap_exits(true);
	noh_send(noh_self(), again);
}

static void on_auditor_again(struct auditor *self, const struct again *msg)
{
	(void)msg;
	for (int i = 0; i < 4; i++) {
		uint64_t random = next_random(&self->seed);
		if (random % 2)
			link_or_unlink(self, random / 2);
		else
			monitor_or_not(self, random / 2);
	}
	if (self->left && --self->left) {
		if (self->left % 8 == 0)
			noh_after(1, again);
		else
			noh_send(noh_self(), again);
	} else {
		self->is_over = true;
		check_books(self);
	}
}

static void on_auditor_exit(struct auditor *self, const struct noh_exit *msg)
{
	int found = 0;
	for (int i = 0; i < HELD; i++) {
		if (noh_same(self->linked[i], msg->from)) {
			self->linked[i] = NOH_NOBODY;
			found++;
		}
	}
	stress_check(found == 1);
	check_books(self);
}

static void on_auditor_down(struct auditor *self, const struct noh_down *msg)
{
	int found = 0;
	for (int i = 0; i < HELD; i++) {
		if (self->monitors[i] == msg->monitor) {
			self->monitors[i] = 0;
			found++;
		}
	}
	stress_check(found == 1);
	check_books(self);
}

NOH_ACTOR(auditor, (noh_start, on_auditor_start), (again, on_auditor_again),
	  (noh_exit, on_auditor_exit), (noh_down, on_auditor_down));

// ---- who ends them

struct killer {
	uint64_t seed, left;
};

static void on_killer_again(struct killer *self, const struct again *msg)
{
	(void)msg;
	for (int i = 0; i < 4; i++) {
		uint64_t random = next_random(&self->seed);
		noh_actor who = somebody(random);
		switch (random / PLACES % 16) {
		case 0:
			noh_kill(who);
			break;
		case 1:
			noh_stop(who);
			break;
		case 2:
			noh_send_exit(who, 1, "a signal");
			break;
		case 3:
			noh_send(who, fail);
			break;
		default:
			noh_send(who, again);
		}
	}
	if (!--self->left)
		noh_send(root, finished);
	else if (self->left % 8 == 0)
		noh_after(1, again); // so that others take their places
	else
		noh_send(noh_self(), again);
}

NOH_ACTOR(killer, (again, on_killer_again));

static void ignore_log(void *unused, enum noh_level level, noh_actor who, const char *line)
{
	(void)unused;
	(void)level;
	(void)who;
	(void)line;
}

static int run(void *unused)
{
	(void)unused;
	root = noh_self();
	noh_actor nursery = noh_spawn(nursery, .seed = 1);
	for (uint64_t i = 0; i < AUDITORS; i++)
		noh_spawn(auditor, .seed = 100 + i, .left = rounds);
	for (uint64_t i = 0; i < KILLERS; i++)
		noh_send(noh_spawn(killer, .seed = 200 + i, .left = rounds), again);
	for (int i = 0; i < KILLERS; i++)
		noh_receive(-1, finished);

	noh_send(nursery, end_all);
	for (int i = 0; i < AUDITORS + 1; i++)
		noh_receive(-1, finished);
	return 0;
}

int main(void)
{
	stress_begin();
	rounds = stress_rounds(10000);
	int status = noh_run(run, NULL, .workers = 4, .log = ignore_log);
	stress_check(downs == spawned && exits == spawned);
	printf("%llu ended, each told once in two ways\n", (unsigned long long)spawned);
	return status;
}
