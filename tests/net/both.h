/* Tests whose sentences hold in a simulated runtime, whose network is in memory, and in a real one
 * on the loopback interface; or in one of the two alone. The body is the root of the runtime,
 * asserts by noh_check(), and returns 0. */
#ifndef TESTS_NET_BOTH_H
#define TESTS_NET_BOTH_H

#include <criterion/criterion.h>
#include <noh/noh.h>

#include "tests/support/seeds.h"

static inline void in_simulations(int (*body)(void *))
{
#if defined(__SANITIZE_THREAD__)
	seeds_try(1, body); // one thread races with nobody
#else
	seeds_explore(body);
#endif
}

#define SIMULATED(name)                \
	static int name(void *unused); \
	Test(simulated, name)          \
	{                              \
		in_simulations(name);  \
	}

#define REAL(name)                                                  \
	static int name(void *unused);                              \
	Test(loopback, name)                                        \
	{                                                           \
		cr_expect_eq(noh_run(name, NULL, .workers = 2), 0); \
	}

#define BODY(name) static int name(void *unused __attribute__((unused)))

#define BOTH(name) SIMULATED(name) REAL(name) BODY(name)

#endif
