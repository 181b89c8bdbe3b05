/*
 * Workers that are killed at random, and clients that do not mind. A supervisor has three teams,
 * each a supervisor with workers; a reaper kills workers, and now and then a whole team. Clients
 * ask one worker after the other. When one is killed with a request in hand, its client gets an
 * error at once, and asks again: so no answer is lost.
 *
 *	$ phoenix --seconds 1 --kills-per-second 300 2>log
 *	asked 5697, answered 5479, repeated 218, kills 299, lost 0
 *
 * The log has a line for each end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

enum { TEAMS = 3, WORKERS = 12, CLIENTS = 8 };

// ---- what is said

NOH_MESSAGE(squared, (u64, result));
NOH_REQUEST(square, squared, (u64, number));

NOH_MESSAGE(stop); // to clients and the reaper, who then tell what they counted
NOH_MESSAGE(tally, (u64, asked), (u64, answered), (u64, repeated));
NOH_MESSAGE(reaped, (u64, kills));

// ---- a worker: has a name, by which it is found again when its whole team is new

struct worker {
	int number;
};

static const char *name_of(int number)
{
	return noh_format("worker %d", number);
}

static void work(struct worker *self)
{
	noh_register(name_of(self->number), noh_self());

	while (true) {
		const struct square *msg = noh_as(noh_receive(-1, square), square);

		noh_sleep(1); // the work; to be killed here is to have a request in hand
		noh_reply(squared, .result = msg->number * msg->number);
	}
}

NOH_FIBER(worker, work);

// ---- a client: asks until it has the answer, and counts

struct client {
	uint64_t first;
};

static void use_workers(struct client *self)
{
	uint64_t asked = 0, answered = 0, repeated = 0;
	uint64_t number = self->first;

	while (!noh_receive(0, stop)) {
		noh_actor worker = noh_wait_where(name_of((int)(number % WORKERS)), 10000);
		const struct squared *answer;

		asked++;
		int err = noh_ask(worker, square, 10000, &answer, .number = number);
		if (!err && answer->result == number * number) {
			answered++;
			number++;
		} else if (err == -ECONNRESET || err == -ESRCH) {
			repeated++; // killed with the request in hand, or gone before
		} else {
			noh_log(NOH_ERROR, "lost an answer: %s", strerror(-err));
		}
	}
	noh_finish(tally, .asked = asked, .answered = answered, .repeated = repeated);
}

NOH_FIBER(client, use_workers);

// ---- the reaper

struct reaper {
	noh_actor teams[TEAMS];
	int64_t kills_per_second;
};

static noh_actor somebody(const struct reaper *self)
{
	if (noh_random() % 20 == 0)
		return self->teams[noh_random() % TEAMS];
	return noh_where(name_of((int)(noh_random() % WORKERS)));
}

static void reap(struct reaper *self)
{
	int64_t begin_ms = noh_now_ms(), tries = 0, kills = 0;

	while (!noh_receive(1, stop)) {
		while (tries < (noh_now_ms() - begin_ms) * self->kills_per_second / 1000) {
			noh_actor victim = somebody(self);

			tries++;
			if (noh_same(victim, NOH_NOBODY))
				continue; // its whole team is just being started again
			noh_kill(victim);
			kills++;
		}
	}
	noh_finish(reaped, .kills = (uint64_t)kills);
}

NOH_FIBER(reaper, reap);

// ---- the root

struct plan {
	int64_t seconds, kills_per_second;
};

static void start_teams(noh_actor *ret_teams)
{
#define WORKER(number_) NOH_CHILD(worker, (.number = number_), .id = #number_)
#define TEAM(index, ...)                                                \
	NOH_SUPERVISOR((.id = #index, .ret_handle = &ret_teams[index]), \
		       (.max_restarts = NOH_UNLIMITED_RESTARTS), __VA_ARGS__)

	noh_supervise((.max_restarts = NOH_UNLIMITED_RESTARTS),
		      TEAM(0, WORKER(0), WORKER(1), WORKER(2), WORKER(3)),
		      TEAM(1, WORKER(4), WORKER(5), WORKER(6), WORKER(7)),
		      TEAM(2, WORKER(8), WORKER(9), WORKER(10), WORKER(11)));
}

static const struct noh_delivery *result_of(noh_actor who)
{
	struct noh_joined how;

	if (noh_join(who, -1, &how))
		noh_fail("%s: %s", noh_name(who), how.reason);
	return how.result;
}

static int run(void *argument)
{
	const struct plan *plan = argument;
	struct tally sum = {0};
	noh_actor reaper, clients[CLIENTS], teams[TEAMS];

	start_teams(teams);
	for (uint64_t i = 0; i < CLIENTS; i++)
		clients[i] = noh_spawn_with(client, (.monitored = true), .first = i);
	reaper =
		noh_spawn_with(reaper, (.monitored = true), .teams = {teams[0], teams[1], teams[2]},
			       .kills_per_second = plan->kills_per_second);

	noh_sleep(1000 * plan->seconds);
	noh_send(reaper, stop);
	noh_publish(clients, CLIENTS, stop);

	for (int i = 0; i < CLIENTS; i++) {
		const struct tally *tally = noh_as(result_of(clients[i]), tally);

		sum.asked += tally->asked;
		sum.answered += tally->answered;
		sum.repeated += tally->repeated;
	}
	int kills = (int)noh_as(result_of(reaper), reaped)->kills;
	int lost = (int)(sum.asked - sum.answered - sum.repeated);

	printf("asked %d, answered %d, repeated %d, kills %d, lost %d\n", (int)sum.asked,
	       (int)sum.answered, (int)sum.repeated, kills, lost);
	return lost != 0;
}

// The number after --name, or what it is without.
static int64_t option(int count, char **words, const char *name, int64_t without)
{
	for (int i = 1; i + 1 < count; i += 2) {
		if (!strcmp(words[i], name))
			return strtol(words[i + 1], NULL, 10);
	}
	return without;
}

int main(int count, char **words)
{
	struct plan plan = {.seconds = option(count, words, "--seconds", 1),
			    .kills_per_second = option(count, words, "--kills-per-second", 300)};

	return noh_run(run, &plan);
}
