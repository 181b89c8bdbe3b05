/* Workloads of messages: pingpong, pairs, ring, big, where each message causes the next one; and
 * counting, fanin, forkjoin, where who sends does not wait for an answer. */
#include "bench.hpp"

#include <algorithm>

namespace
{

constexpr uint64_t ring_members = 1000, crowd_size = 120, producers_of_fanin = 100, joiners = 60;

// clang-format off
struct serve { actor to; uint64_t balls, hits; };
struct ball { uint64_t left, bounced; };
struct neighbour { actor next; };
struct joined {};
struct token { uint64_t left, hops; };
struct ping { uint64_t number, check; };
struct pong { uint64_t number, check; };
struct parcel { uint64_t number, value; };
// clang-format on

} // namespace

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(serve)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ball)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(neighbour)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(joined)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(token)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(ping)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(pong)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(parcel)

namespace
{

// ---- pingpong and pairs: two actors throw a ball to and fro

class player : public worker
{
      public:
	using worker::worker;

	behavior make_behavior() override
	{
		return {
			[this](const ball &msg) { on_ball(msg); },
			[this](const serve &msg) {
				other_ = msg.to;
				for (uint64_t i = 0; i < msg.balls; i++)
					send(other_, ball{share_of(msg.hits, msg.balls, i), 0});
			},
			[this](const get_tally &) { return tally{hits_}; },
		};
	}

      private:
	void on_ball(const ball &msg)
	{
		hits_++;
		if (!other_)
			other_ = caf::actor_cast<actor>(current_sender());
		if (msg.left > 1)
			send(other_, ball{msg.left - 1, msg.bounced + 1});
		else
			send(root_, finished{msg.bounced + 1, 0});
	}

	actor other_;
	uint64_t hits_ = 0;
};

void play(run &work, uint64_t pairs, uint64_t balls)
{
	std::vector<actor> players;
	for (uint64_t i = 0; i < 2 * pairs; i++)
		players.push_back(work.root->spawn<player>(actor{work.root}));

	uint64_t began_ns = clock_ns();
	for (uint64_t i = 0; i < pairs; i++)
		work.root->send(players[2 * i],
				serve{players[2 * i + 1], balls, share_of(work.n, pairs, i)});
	finished sum = wait_until_finished(work, pairs * balls);
	work.seconds = seconds_since(began_ns);

	expect_equal("bounces", sum.count, work.n);
	expect_equal("hits", tallies(work, players), work.n);
}

// ---- ring: tokens go round a thousand actors

class member : public worker
{
      public:
	using worker::worker;

	behavior make_behavior() override
	{
		return {
			[this](const token &msg) {
				hops_++;
				if (msg.left > 1)
					send(next_, token{msg.left - 1, msg.hops + 1});
				else
					send(root_, finished{msg.hops + 1, 0});
			},
			[this](const neighbour &msg) {
				next_ = msg.next;
				return joined{};
			},
			[this](const get_tally &) { return tally{hops_}; },
		};
	}

      private:
	actor next_;
	uint64_t hops_ = 0;
};

// ---- big: everybody pings random others and answers their pings

class talker : public worker
{
      public:
	talker(caf::actor_config &config, actor root, const std::vector<actor> *crowd,
	       uint64_t index, uint64_t pings)
	    : worker(config, std::move(root)), crowd_(*crowd), index_(index), pings_(pings),
	      random_((index + 1) * 0x9e3779b97f4a7c15)
	{
	}

	behavior make_behavior() override
	{
		return {
			[this](const ping &msg) {
				answered_++;
				return pong{msg.number, msg.check};
			},
			[this](const pong &msg) {
				expect_equal("number", msg.number, sent_ - 1);
				expect_equal("check", msg.check, ~msg.number);
				talk();
			},
			[this](const more &) { talk(); },
			[this](const get_tally &) { return tally{answered_}; },
		};
	}

      private:
	void talk()
	{
		if (sent_ == pings_) {
			send(root_, finished{sent_, 0});
			return;
		}
		uint64_t other = random_below(random_, crowd_size - 1);
		uint64_t number = sent_++;
		send(crowd_[other + (other >= index_)], ping{number, ~number});
	}

	const std::vector<actor> &crowd_; // the root's, which outlives it
	uint64_t index_, pings_, random_;
	uint64_t sent_ = 0, answered_ = 0;
};

// ---- counting, fanin, forkjoin: who sends does not wait for an answer

class counter : public worker
{
      public:
	counter(caf::actor_config &config, actor root, uint64_t expected)
	    : worker(config, std::move(root)), expected_(expected)
	{
	}

	behavior make_behavior() override
	{
		return {
			[this](const parcel &msg) {
				sum_ += msg.value;
				if (++count_ == expected_)
					send(root_, finished{count_, sum_});
			},
			[this](const get_tally &) { return tally{count_}; },
		};
	}

      private:
	uint64_t expected_, count_ = 0, sum_ = 0;
};

class producer : public caf::event_based_actor
{
      public:
	producer(caf::actor_config &config, const std::vector<actor> *to, uint64_t first,
		 uint64_t end)
	    : event_based_actor(config), to_(*to), next_(first), end_(end)
	{
	}

	behavior make_behavior() override
	{
		return {[this](const more &) {
			for (uint64_t i = 0; i < portion && next_ < end_; i++, next_++) {
				send(to_[receiver_], parcel{next_, next_});
				if (++receiver_ == to_.size())
					receiver_ = 0;
			}
			if (next_ < end_)
				send(this, more{});
		}};
	}

      private:
	const std::vector<actor> &to_; // in turn; the root's, which outlives it
	uint64_t receiver_ = 0;
	uint64_t next_, end_;
};

void stream(run &work, uint64_t producers, uint64_t receivers)
{
	std::vector<actor> counters, senders;
	uint64_t first = 0;

	for (uint64_t i = 0; i < receivers; i++)
		counters.push_back(work.root->spawn<counter>(actor{work.root},
							     share_of(work.n, receivers, i)));
	for (uint64_t i = 0; i < producers; i++) {
		uint64_t end = first + share_of(work.n, producers, i);
		senders.push_back(work.root->spawn<producer>(&counters, first, end));
		first = end;
	}

	uint64_t began_ns = clock_ns();
	for (const actor &each : senders)
		work.root->send(each, more{});
	finished sum = wait_until_finished(work, std::min(receivers, work.n));
	work.seconds = seconds_since(began_ns);

	expect_equal("messages", sum.count, work.n);
	expect_equal("sum", sum.sum, sum_below(work.n));
	expect_equal("messages seen", tallies(work, counters), work.n);
}

} // namespace

void run_pingpong(run &work)
{
	play(work, 1, work.tokens);
}

void run_pairs(run &work)
{
	play(work, work.tokens, 1);
}

void run_ring(run &work)
{
	std::vector<actor> members;
	for (uint64_t i = 0; i < ring_members; i++)
		members.push_back(work.root->spawn<member>(actor{work.root}));
	for (uint64_t i = 0; i < ring_members; i++)
		work.root->send(members[i], neighbour{members[(i + 1) % ring_members]});
	for (uint64_t i = 0; i < ring_members; i++)
		work.root->receive([](const joined &) {});

	uint64_t began_ns = clock_ns();
	for (uint64_t i = 0; i < work.tokens; i++)
		work.root->send(members[i * ring_members / work.tokens % ring_members],
				token{share_of(work.n, work.tokens, i), 0});
	finished sum = wait_until_finished(work, work.tokens);
	work.seconds = seconds_since(began_ns);

	expect_equal("hops", sum.count, work.n);
	expect_equal("hops seen", tallies(work, members), work.n);
}

void run_big(run &work)
{
	uint64_t pings = (work.n + 1) / 2; // a ping and its pong are two messages
	work.n = 2 * pings;

	std::vector<actor> crowd;
	for (uint64_t i = 0; i < crowd_size; i++)
		crowd.push_back(work.root->spawn<talker>(actor{work.root}, &crowd, i,
							 share_of(pings, crowd_size, i)));

	uint64_t began_ns = clock_ns();
	for (const actor &each : crowd)
		work.root->send(each, more{});
	finished sum = wait_until_finished(work, crowd_size);
	work.seconds = seconds_since(began_ns);

	expect_equal("answered pings", sum.count, pings);
	expect_equal("pings seen", tallies(work, crowd), pings);
}

void run_counting(run &work)
{
	stream(work, 1, 1);
}

void run_fanin(run &work)
{
	stream(work, producers_of_fanin, 1);
}

void run_forkjoin(run &work)
{
	stream(work, 1, joiners);
}
