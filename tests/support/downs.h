/* What the root of a simulated runtime is told of the ends of those it monitors. Knows nothing of
 * why they ended. */
#ifndef TESTS_SUPPORT_DOWNS_H
#define TESTS_SUPPORT_DOWNS_H

#include <string.h>

#include <noh/test.h>

/* The next one, which must have come by the time that nobody has anything to do. */
static inline const struct noh_down *next_down(void)
{
	noh_test_settle();
	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	noh_check(down);
	return down;
}

/* The next one must be this, and the actor's place is not kept. */
static inline void expect_end(noh_actor who, int64_t why, int64_t code, const char *reason)
{
	const struct noh_down *down = next_down();
	noh_check(noh_same(down->who, who));
	noh_check(down->why == why);
	noh_check(down->code == code);
	noh_check(!strcmp(down->reason, reason));
	noh_check(!down->restarting);
}

#endif
