/* Random choices that a seed repeats: whom to steal from, what a simulation does next. Not for
 * secrets. */
#ifndef NOH_RUNTIME_RANDOM_H
#define NOH_RUNTIME_RANDOM_H

#include <stdint.h>
#include <sys/random.h>
#include <time.h>

/* One generator, for one thread; any seed is as good as any other, 0 too. (The algorithm is
 * SplitMix64: a counter, well mixed.) A generator for each of many is seeded by random_next() of
 * one that they share. */
struct random {
	uint64_t state;
};

static inline void random_init(struct random *random, uint64_t seed)
{
	random->state = seed;
}

static inline uint64_t random_next(struct random *random)
{
	uint64_t mixed = random->state += 0x9e3779b97f4a7c15;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
	return mixed ^ mixed >> 31;
}

/* 0 .. limit - 1; 0 if limit is 0. Some come up more often than others by limit / 2^64: nobody will
 * notice. */
static inline uint64_t random_below(struct random *random, uint64_t limit)
{
	return (uint64_t)((unsigned __int128)random_next(random) * limit >> 64);
}

/* A seed for a run that need not be repeated. */
static inline uint64_t random_fresh_seed(void)
{
	uint64_t seed;
	struct timespec now;

	if (getentropy(&seed, sizeof seed) == 0)
		return seed;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#endif
