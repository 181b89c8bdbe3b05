/* Workloads of actors that answer: pingpong, pairs, ring, big. Each message causes the next one, so
 * what is measured is the way of a single message. */
#include "bench/conversations.h"

// ---- pingpong and pairs: two actors throw a ball to and fro

NOH_MESSAGE(ball, (u64, left), (u64, bounced));
NOH_MESSAGE(serve, (actor, to), (u64, balls), (u64, hits));

struct player {
	uint64_t hits;
};

static void on_serve(struct player *self, const struct serve *msg)
{
	(void)self;
	for (uint64_t i = 0; i < msg->balls; i++)
		noh_send(msg->to, ball, .left = share_of(msg->hits, msg->balls, i));
}

static void on_ball(struct player *self, const struct ball *msg)
{
	self->hits++;
	if (msg->left > 1)
		noh_send_back(ball, .left = msg->left - 1, .bounced = msg->bounced + 1);
	else
		noh_send(noh_parent(), finished, .count = msg->bounced + 1);
}

static void on_player_tally(struct player *self, const struct get_tally *msg)
{
	(void)msg;
	noh_reply(tally, .count = self->hits);
}

NOH_ACTOR(player, (serve, on_serve), (ball, on_ball), (get_tally, on_player_tally));

static void play(struct work *work, uint64_t pairs, uint64_t balls)
{
	noh_actor *players = noh_alloc(2 * pairs * sizeof(*players));
	for (uint64_t i = 0; i < 2 * pairs; i++)
		players[i] = noh_spawn(player);

	uint64_t began_ns = clock_ns();
	for (uint64_t i = 0; i < pairs; i++)
		noh_send(players[2 * i], serve, .to = players[2 * i + 1], .balls = balls,
			 .hits = share_of(work->n, pairs, i));
	struct finished sum = wait_until_finished(work, pairs * balls);
	work->seconds = seconds_since(began_ns);

	expect_equal("bounces", sum.count, work->n);
	expect_equal("hits", tallies(players, 2 * pairs), work->n);
}

void run_pingpong(struct work *work)
{
	play(work, 1, work->tokens);
}

void run_pairs(struct work *work)
{
	play(work, work->tokens, 1);
}

// ---- ring: a token goes round a thousand actors

enum { RING_MEMBERS = 1000 };

NOH_MESSAGE(join, (actor, next));
NOH_MESSAGE(joined);
NOH_MESSAGE(token, (u64, left), (u64, hops));

struct member {
	noh_actor next;
	uint64_t hops;
};

static void on_join(struct member *self, const struct join *msg)
{
	self->next = msg->next;
	noh_send_back(joined);
}

static void on_token(struct member *self, const struct token *msg)
{
	self->hops++;
	if (msg->left > 1)
		noh_send(self->next, token, .left = msg->left - 1, .hops = msg->hops + 1);
	else
		noh_send(noh_parent(), finished, .count = msg->hops + 1);
}

static void on_member_tally(struct member *self, const struct get_tally *msg)
{
	(void)msg;
	noh_reply(tally, .count = self->hops);
}

NOH_ACTOR(member, (join, on_join), (token, on_token), (get_tally, on_member_tally));

void run_ring(struct work *work)
{
	noh_actor *members = noh_alloc(RING_MEMBERS * sizeof(*members));
	for (size_t i = 0; i < RING_MEMBERS; i++)
		members[i] = noh_spawn(member);
	for (size_t i = 0; i < RING_MEMBERS; i++)
		noh_send(members[i], join, .next = members[(i + 1) % RING_MEMBERS]);
	for (size_t i = 0; i < RING_MEMBERS; i++)
		noh_receive(-1, joined);

	uint64_t began_ns = clock_ns();
	for (uint64_t i = 0; i < work->tokens; i++)
		noh_send(members[i * RING_MEMBERS / work->tokens % RING_MEMBERS], token,
			 .left = share_of(work->n, work->tokens, i));
	struct finished sum = wait_until_finished(work, work->tokens);
	work->seconds = seconds_since(began_ns);

	expect_equal("hops", sum.count, work->n);
	expect_equal("hops seen", tallies(members, RING_MEMBERS), work->n);
}

// ---- big: everybody pings random others and answers their pings

enum { CROWD = 120 };

NOH_MESSAGE(ping, (u64, number), (u64, check));
NOH_MESSAGE(pong, (u64, number), (u64, check));

struct talker {
	const noh_actor *crowd; // everybody; of the root's memory, which outlives them
	uint64_t index;         // its own in the crowd
	uint64_t random;
	uint64_t pings; // that it sends in all
	uint64_t sent, answered;
};

static void ping_somebody(struct talker *self)
{
	uint64_t other = random_below(&self->random, CROWD - 1);
	uint64_t number = self->sent++;

	noh_send(self->crowd[other + (other >= self->index)], ping, .number = number,
		 .check = ~number);
}

static void on_more_talk(struct talker *self, const struct more *msg)
{
	(void)msg;
	if (self->pings)
		ping_somebody(self);
	else
		noh_send(noh_parent(), finished);
}

static void on_ping(struct talker *self, const struct ping *msg)
{
	self->answered++;
	noh_send_back(pong, .number = msg->number, .check = msg->check);
}

static void on_pong(struct talker *self, const struct pong *msg)
{
	noh_check(msg->number == self->sent - 1 && msg->check == ~msg->number);
	if (self->sent < self->pings)
		ping_somebody(self);
	else
		noh_send(noh_parent(), finished, .count = self->sent);
}

static void on_talker_tally(struct talker *self, const struct get_tally *msg)
{
	(void)msg;
	noh_reply(tally, .count = self->answered);
}

NOH_ACTOR(talker, (ping, on_ping), (pong, on_pong), (more, on_more_talk),
	  (get_tally, on_talker_tally));

void run_big(struct work *work)
{
	// A ping and its pong are two messages.
	uint64_t pings = (work->n + 1) / 2;
	work->n = 2 * pings;

	noh_actor *crowd = noh_alloc(CROWD * sizeof(*crowd));
	for (uint64_t i = 0; i < CROWD; i++)
		crowd[i] = noh_spawn(talker, .crowd = crowd, .index = i,
				     .random = (i + 1) * 0x9e3779b97f4a7c15,
				     .pings = share_of(pings, CROWD, i));

	uint64_t began_ns = clock_ns();
	for (uint64_t i = 0; i < CROWD; i++)
		noh_send(crowd[i], more);
	struct finished sum = wait_until_finished(work, CROWD);
	work->seconds = seconds_since(began_ns);

	expect_equal("answered pings", sum.count, pings);
	expect_equal("pings seen", tallies(crowd, CROWD), pings);
}
