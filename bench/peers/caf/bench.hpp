/* What the workloads share: what a run is given and gives back, and how its root waits for the work
 * and checks it. */
#ifndef BENCH_PEERS_CAF_BENCH_HPP
#define BENCH_PEERS_CAF_BENCH_HPP

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include <caf/all.hpp>

using caf::actor;
using caf::behavior;

// One run, as the root sees it.
struct run {
	caf::scoped_actor &root;
	uint64_t n, tokens;
	double seconds; // of the work itself
	std::vector<std::pair<const char *, double>> extras;
};

void run_pingpong(run &work);
void run_pairs(run &work);
void run_ring(run &work);
void run_counting(run &work);
void run_fanin(run &work);
void run_forkjoin(run &work);
void run_big(run &work);
void run_spawn(run &work);
void run_skynet(run &work);
void run_idle(run &work);
void run_timers(run &work);
void run_cancel(run &work);

// Whoever finishes a part of the work tells the root; and what the root asks all in the end.
struct finished {
	uint64_t count, sum;
};
struct tally {
	uint64_t count;
};
struct get_tally {
};

/* A handler is not interrupted, so whoever has much to send sends a portion and goes on by a
 * message to itself. */
struct more {
};
constexpr uint64_t portion = 50;

// Messages stay within the process, so they need no serialization.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(finished)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tally)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(get_tally)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(more)

// What every actor of a workload has: somebody to tell.
class worker : public caf::event_based_actor
{
      public:
	worker(caf::actor_config &config, actor root)
	    : event_based_actor(config), root_(std::move(root))
	{
	}

      protected:
	actor root_;
};

// Waits for so many `finished` and returns their sums.
finished wait_until_finished(run &work, uint64_t parts);

// Adds up what these actors have seen.
uint64_t tallies(run &work, const std::vector<actor> &actors);

// Ends the program, with both numbers, unless they are equal.
void expect_equal(const char *what, uint64_t found, uint64_t expected);

// Of a line of /proc/self/status.
uint64_t memory_bytes(const char *key);

inline uint64_t clock_ns()
{
	return uint64_t(
		std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch())
			.count());
}

inline double seconds_since(uint64_t began_ns)
{
	return double(clock_ns() - began_ns) / 1e9;
}

// The part of n that falls to one of `parts`: as even as can be, all parts together n.
inline uint64_t share_of(uint64_t n, uint64_t parts, uint64_t part)
{
	return n / parts + (part < n % parts);
}

inline uint64_t sum_below(uint64_t n)
{
	return n % 2 ? (n - 1) / 2 * n : n / 2 * (n - 1);
}

inline uint64_t random_next(uint64_t &state)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

// 0 .. limit - 1, without a division.
inline uint64_t random_below(uint64_t &state, uint64_t limit)
{
	return static_cast<uint64_t>(static_cast<unsigned __int128>(random_next(state)) * limit >> 64);
}

#endif
