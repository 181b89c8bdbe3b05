/* Names looked up on threads, and what happens when nobody waits for the answer any more. */
#include <errno.h>
#include <pthread.h>

#include <criterion/criterion.h>

#include "net/lookup.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t told = PTHREAD_COND_INITIALIZER;
static int answers, count;
static union address first;

static void note(void *unused, int found, const union address *addresses)
{
	(void)unused;
	pthread_mutex_lock(&lock);
	answers++;
	count = found;
	if (found > 0)
		first = addresses[0];
	pthread_cond_signal(&told);
	pthread_mutex_unlock(&lock);
}

static void wait_for(int wanted)
{
	pthread_mutex_lock(&lock);
	while (answers < wanted)
		pthread_cond_wait(&told, &lock);
	pthread_mutex_unlock(&lock);
}

Test(lookup, finds_this_machine)
{
	struct lookup *lookup = lookup_start("localhost", 77, note, NULL);

	wait_for(1);

	cr_expect_geq(count, 1);
	cr_expect_eq(address_port(&first), 77);
	lookup_finish(lookup);
}

Test(lookup, answers_all_of_many)
{
	enum { MANY = 50 };
	struct lookup *lookups[MANY];

	for (int i = 0; i < MANY; i++)
		lookups[i] = lookup_start("127.0.0.1", 1, note, NULL);
	wait_for(MANY);

	cr_expect_eq(count, 1);
	for (int i = 0; i < MANY; i++)
		lookup_finish(lookups[i]);
}

Test(lookup, tells_nothing_after_it_was_finished)
{
	enum { MANY = 50 };
	int before;

	for (int i = 0; i < MANY; i++) {
		struct lookup *lookup = lookup_start("127.0.0.1", 1, note, NULL);
		lookup_finish(lookup);
		before = answers;
	}
	struct lookup *last = lookup_start("127.0.0.1", 1, note, NULL);
	wait_for(before + 1);

	cr_expect_eq(answers, before + 1);
	lookup_finish(last);
}

Test(lookup, says_that_a_name_cannot_be)
{
	struct lookup *lookup = lookup_start("not a name at all", 1, note, NULL);

	wait_for(1);

	cr_expect_lt(count, 0);
	lookup_finish(lookup);
}
