/* Who runs while others are busy: nobody is kept waiting for ever, whatever those do. */
#include <pthread.h>
#include <sched.h>

#include <criterion/criterion.h>
#include <noh/noh.h>

NOH_MESSAGE(ball, (actor, to));
NOH_MESSAGE(go);
NOH_MESSAGE(number, (u64, value));

// ---- two fibers that never wait for anybody but each other

struct player {
	int unused;
};

static void play(struct player *self)
{
	(void)self;
	for (;;) {
		const struct ball *ball = noh_as(noh_receive(-1, ball), ball);
		noh_send(ball->to, ball, .to = noh_self());
	}
}

NOH_FIBER(player, play);

static int wait_for_time_among_players(void *unused)
{
	noh_actor first = noh_spawn(player), second = noh_spawn(player);

	(void)unused;
	noh_send(first, ball, .to = second);
	noh_after(20, go);
	noh_receive(-1, go);
	return 0;
}

Test(fairness, time_passes_while_actors_keep_each_other_busy)
{
	cr_expect_eq(noh_run(wait_for_time_among_players, NULL, .workers = 1), 0);
}

static void *send_go(void *root)
{
	noh_send(*(noh_actor *)root, go);
	return NULL;
}

static int wait_among_players(void *unused)
{
	noh_actor first = noh_spawn(player), second = noh_spawn(player), self = noh_self();
	pthread_t thread;

	(void)unused;
	noh_send(first, ball, .to = second);
	noh_receive(1); // they are at it
	pthread_create(&thread, NULL, send_go, &self);
	noh_receive(-1, go);
	pthread_join(thread, NULL);
	return 0;
}

Test(fairness, a_fiber_woken_from_outside_runs_among_busy_ones)
{
	cr_expect_eq(noh_run(wait_among_players, NULL, .workers = 1), 0);
}

// ---- more busy actors than the ring holds

NOH_MESSAGE(work);

enum { BUSY = 1000, WORKED = 500 * BUSY }; // some four turns each

static uint64_t worked; // written by the only worker there is

struct busy {
	int unused;
};

static void on_work(struct busy *self, const struct work *msg)
{
	(void)self;
	(void)msg;
	__atomic_store_n(&worked, worked + 1, __ATOMIC_RELAXED);
	noh_send(noh_self(), work);
}

NOH_ACTOR(busy, (work, on_work));

static void *send_go_when_all_are_at_it(void *root)
{
	while (__atomic_load_n(&worked, __ATOMIC_RELAXED) < WORKED)
		sched_yield();
	return send_go(root);
}

static int wait_among_busy_ones(void *unused)
{
	noh_actor self = noh_self();
	pthread_t thread;

	(void)unused;
	for (int i = 0; i < BUSY; i++)
		noh_send(noh_spawn(busy), work);
	pthread_create(&thread, NULL, send_go_when_all_are_at_it, &self);
	noh_receive(-1, go);
	pthread_join(thread, NULL);
	return 0;
}

Test(fairness, a_fiber_woken_from_outside_runs_among_more_than_the_ring_holds)
{
	cr_expect_eq(noh_run(wait_among_busy_ones, NULL, .workers = 1), 0);
}

// ---- senders that are held back, and a fiber that always runs

enum { PRODUCERS = 100, AT_A_TIME = 50, PRODUCED = 200000 };

// On the only worker there is.
static uint64_t produced, consumed;

struct consumer {
	int unused;
};

static void on_product(struct consumer *self, const struct number *msg)
{
	(void)self;
	(void)msg;
	consumed++;
}

NOH_ACTOR(consumer, (number, on_product));

struct producer {
	noh_actor to;
};

static void on_produce(struct producer *self, const struct work *msg)
{
	(void)msg;
	for (int i = 0; i < AT_A_TIME; i++, produced++)
		noh_send(self->to, number);
	noh_send(noh_self(), work);
}

NOH_ACTOR(producer, (work, on_produce));

static int look_while_others_produce(void *unused)
{
	noh_actor consumer = noh_spawn(consumer);

	(void)unused;
	for (int i = 0; i < PRODUCERS; i++)
		noh_send(noh_spawn(producer, .to = consumer), work);
	while (produced < PRODUCED)
		noh_receive(0, go);
	return consumed > PRODUCED / 2 ? 0 : 3;
}

Test(fairness, who_falls_behind_has_turns_among_senders_and_a_fiber_that_looks)
{
	cr_expect_eq(noh_run(look_while_others_produce, NULL, .workers = 1), 0);
}

// ---- many pairs that talk

NOH_MESSAGE(rally, (actor, with));
NOH_MESSAGE(shot, (u64, count));

enum { PAIRS = 100, SHOTS = 20000 };

// On the only worker there is.
static uint64_t shots[PAIRS], fewest_when_one_was_done;

struct partner {
	uint64_t pair;
};

static void on_rally(struct partner *self, const struct rally *msg)
{
	(void)self;
	noh_send(msg->with, shot);
}

static void note_first_done(void)
{
	fewest_when_one_was_done = SHOTS;
	for (int i = 0; i < PAIRS; i++)
		if (shots[i] < fewest_when_one_was_done)
			fewest_when_one_was_done = shots[i];
}

static void on_shot(struct partner *self, const struct shot *msg)
{
	shots[self->pair] = msg->count;
	if (msg->count < SHOTS) {
		noh_send_back(shot, .count = msg->count + 1);
	} else {
		if (!fewest_when_one_was_done)
			note_first_done();
		noh_send(noh_parent(), go);
	}
}

NOH_ACTOR(partner, (rally, on_rally), (shot, on_shot));

static int play_in_pairs(void *unused)
{
	(void)unused;
	for (uint64_t i = 0; i < PAIRS; i++)
		noh_send(noh_spawn(partner, .pair = i), rally,
			 .with = noh_spawn(partner, .pair = i));
	for (int i = 0; i < PAIRS; i++)
		noh_receive(-1, go);
	return fewest_when_one_was_done > SHOTS / 2 ? 0 : 3;
}

Test(fairness, those_who_talk_in_pairs_take_turns)
{
	cr_expect_eq(noh_run(play_in_pairs, NULL, .workers = 1), 0);
}

// ---- one fails after the other

NOH_MESSAGE(pass);

enum { FAILING = 3000 };

// On the only worker there is.
static uint64_t failed_in_a_row, most_in_a_row;

struct failing {
	noh_actor next;
};

static void on_pass(struct failing *self, const struct pass *msg)
{
	(void)msg;
	if (++failed_in_a_row > most_in_a_row)
		most_in_a_row = failed_in_a_row;
	noh_send(self->next, pass);
	noh_fail("on purpose");
}

NOH_ACTOR(failing, (pass, on_pass));

struct patient {
	uint64_t heard;
	noh_actor root;
};

static void on_patient_go(struct patient *self, const struct go *msg)
{
	noh_actor first = NOH_NOBODY;

	(void)msg;
	self->root = noh_sender();
	for (int i = 0; i < FAILING; i++)
		first = noh_spawn(failing, .next = first);
	noh_send(first, pass);
}

static void on_child_down(struct patient *self, const struct noh_down *msg)
{
	(void)msg;
	failed_in_a_row = 0;
	if (++self->heard == FAILING)
		noh_send(self->root, go);
}

NOH_ACTOR(patient, (go, on_patient_go), (noh_down, on_child_down));

static int hear_of_the_failing(void *unused)
{
	(void)unused;
	noh_send(noh_spawn(patient), go);
	noh_receive(-1, go);
	return most_in_a_row < FAILING / 4 ? 0 : 3;
}

static void ignore_line(void *argument, enum noh_level level, noh_actor who, const char *line)
{
	(void)argument;
	(void)level;
	(void)who;
	(void)line;
}

Test(fairness, others_run_while_one_fails_after_the_other)
{
	cr_expect_eq(noh_run(hear_of_the_failing, NULL, .workers = 1, .log = ignore_line), 0);
}

// ---- a fiber that looks again and again

static int look_until_time_has_passed(void *unused)
{
	(void)unused;
	noh_after(2, go);
	while (!noh_receive(0, go))
		;
	return 0;
}

Test(fairness, time_passes_while_a_fiber_only_looks)
{
	cr_expect_eq(noh_run(look_until_time_has_passed, NULL, .workers = 1), 0);
}

// ---- a fiber with much mail

enum { MUCH = 100000 };

// On the only worker there is.
static bool has_heard;

struct listener {
	int unused;
};

static void on_number(struct listener *self, const struct number *msg)
{
	(void)self;
	(void)msg;
	has_heard = true;
}

NOH_ACTOR(listener, (number, on_number));

static int read_much_mail(void *unused)
{
	noh_actor listener = noh_spawn(listener);
	int read_before = 0;

	(void)unused;
	for (int i = 0; i < MUCH; i++)
		noh_send(noh_self(), number, .value = 1);
	noh_sleep(0); // all of it is saved
	noh_send(listener, number, .value = 1);
	for (int i = 0; i < MUCH; i++) {
		noh_receive(-1, number);
		read_before += !has_heard;
	}
	return read_before < MUCH / 2 ? 0 : 3;
}

Test(fairness, others_run_while_a_fiber_reads_its_mail)
{
	cr_expect_eq(noh_run(read_much_mail, NULL, .workers = 1), 0);
}

// ---- an actor that spawns more than the run queue holds

enum { NEWCOMERS = 20000, AT_ONCE = 50, WAIT_MOST = 1024 };

NOH_MESSAGE(spawn_some);

// On the only worker there is.
static uint32_t have_started;

struct newcomer {
	int unused;
};

static void on_newcomer_start(struct newcomer *self, const struct noh_start *msg)
{
	(void)self;
	(void)msg;
	have_started++;
}

NOH_ACTOR(newcomer, (noh_start, on_newcomer_start));

struct parent {
	uint32_t spawned, most_waiting;
	noh_actor root;
};

static void on_spawn_some(struct parent *self, const struct spawn_some *msg)
{
	(void)msg;
	for (int i = 0; i < AT_ONCE; i++, self->spawned++)
		noh_spawn(newcomer);
	if (self->spawned - have_started > self->most_waiting)
		self->most_waiting = self->spawned - have_started;
	if (self->spawned < NEWCOMERS)
		noh_send(noh_self(), spawn_some);
	else
		noh_send(self->root, number, .value = self->most_waiting);
}

NOH_ACTOR(parent, (spawn_some, on_spawn_some));

static int spawn_many(void *unused)
{
	(void)unused;
	have_started = 0;
	noh_send(noh_spawn(parent, .root = noh_self()), spawn_some);
	return noh_as(noh_receive(-1, number), number)->value < WAIT_MOST ? 0 : 3;
}

Test(fairness, who_spawns_many_runs_after_them)
{
	cr_expect_eq(noh_run(spawn_many, NULL, .workers = 1), 0);
}

// ---- an actor that answers one who sends more than it can answer

enum { UNDER_WAY = 20000, ASKED_IN_ALL = 1000000, BEHIND_MOST = 200000 };

NOH_MESSAGE(ask_some);
NOH_MESSAGE(question);
NOH_MESSAGE(answer);

struct answerer {
	int unused;
};

static void on_question(struct answerer *self, const struct question *msg)
{
	(void)self;
	(void)msg;
	noh_send(noh_sender(), answer);
}

NOH_ACTOR(answerer, (question, on_question));

struct asker {
	uint32_t at_once, asked, answered, most_behind;
	noh_actor answerer, root;
};

static void on_ask_some(struct asker *self, const struct ask_some *msg)
{
	(void)msg;
	for (uint32_t i = 0; i < self->at_once; i++, self->asked++)
		noh_send(self->answerer, question);
	if (self->asked - self->answered > self->most_behind)
		self->most_behind = self->asked - self->answered;
	if (self->asked < ASKED_IN_ALL)
		noh_send(noh_self(), ask_some);
	else
		noh_send(self->root, number, .value = self->most_behind);
}

static void on_answer(struct asker *self, const struct answer *msg)
{
	(void)msg;
	self->answered++;
}

NOH_ACTOR(asker, (ask_some, on_ask_some), (answer, on_answer));

static int ask_many(void *at_once)
{
	noh_actor asker = noh_spawn(asker, .at_once = *(uint32_t *)at_once,
				    .answerer = noh_spawn(answerer), .root = noh_self());
	for (uint32_t i = 0; i < UNDER_WAY; i += *(uint32_t *)at_once) // turns end with mail left
		noh_send(asker, ask_some);
	return noh_as(noh_receive(-1, number), number)->value < BEHIND_MOST ? 0 : 4;
}

Test(fairness, who_answers_is_not_held_back_by_answers_that_wait)
{
	cr_expect_eq(noh_run(ask_many, &(uint32_t){100}, .workers = 1), 0);
}

// Not under the thread sanitizer, where a message takes longer than who sends it is held back for.
#ifndef __SANITIZE_THREAD__
Test(fairness, who_sends_thousands_at_once_leaves_the_receiver_time_for_them)
{
	cr_expect_eq(noh_run(ask_many, &(uint32_t){10000}, .workers = 1), 0);
}
#endif
