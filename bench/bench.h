/* What the benchmarks share: what a workload is given and gives back, and how its root waits for
 * it. Knows no single workload. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <noh/noh.h>

// A result of one workload beyond those that all have.
struct extra {
	const char *key; // in JSON; unit at its end
	double value;
	const char *words; // for people: "late by %.0f us (half)"
};

enum { EXTRAS_MOST = 4 };

// One run.
struct work {
	// As asked for.
	uint64_t n;
	uint64_t tokens;

	// Filled in by the workload.
	double seconds; // of the work itself
	struct extra extras[EXTRAS_MOST];
	size_t extra_count;
};

struct workload {
	const char *name;
	const char *operation; // what n counts, in the singular
	uint64_t n;            // by default; about a second on one worker
	bool takes_tokens;
	/* Does the work and fills in the results. Runs as the root, a fiber; a wrong result fails
	 * it. */
	void (*run)(struct work *work);
	const char *about;
};

extern const struct workload workloads[];
extern const size_t workload_count;

/* Whoever finishes a part of the work tells the root: how many operations it saw, and the sum of
 * what they carried. */
NOH_MESSAGE(finished, (u64, count), (u64, sum));

/* How many operations an actor has seen in all. */
NOH_MESSAGE(tally, (u64, count));
NOH_REQUEST(get_tally, tally);

/* A turn is bounded by a budget of messages, and nothing suspends a handler. So whoever has much to
 * send sends a portion and goes on by a message to itself, which lets those who receive run. */
enum { PORTION = 50 };
NOH_MESSAGE(more);

/* The root. Waits for so many `finished` and returns their sums; fails when they do not come. */
struct finished wait_until_finished(const struct work *work, uint64_t parts);

/* The root. Adds up what these actors have seen. */
uint64_t tallies(const noh_actor *actors, size_t count);

/* The root. Fails, with both numbers, unless they are equal. */
void expect_equal(const char *what, uint64_t found, uint64_t expected);

void add_extra(struct work *work, const char *key, double value, const char *words);

static inline uint64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline double seconds_since(uint64_t began_ns)
{
	return (double)(clock_ns() - began_ns) / 1e9;
}

/* The part of n that falls to one of `parts`: as even as can be, all parts together n. */
static inline uint64_t share_of(uint64_t n, uint64_t parts, uint64_t part)
{
	return n / parts + (part < n % parts);
}

/* 0 + 1 + ... + (n - 1), modulo 2^64. */
static inline uint64_t sum_below(uint64_t n)
{
	return n % 2 ? (n - 1) / 2 * n : n / 2 * (n - 1);
}

/* Marsaglia's xorshift; `state` is never 0. Good enough to pick a peer, and as quick. */
static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* 0 .. limit - 1, without a division. */
static inline uint64_t random_below(uint64_t *state, uint64_t limit)
{
	return (uint64_t)((unsigned __int128)random_next(state) * limit >> 64);
}

#endif
