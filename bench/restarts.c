/* The workload restart: children of one dynamic supervisor fail, each once, and start again. What
 * is measured is the whole of it: the failure, its report, and the new life. */
#include "bench/restarts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/machine.h"

enum { UNDER_WAY = 20, STRIDE = 7919 }; // at once; a prime, so that neighbours do not follow

NOH_MESSAGE(trip);
NOH_MESSAGE(risen);

static noh_actor tripper; // written before any child fails

struct stumbler {
	uint64_t number;
};

static void on_stumbler_start(struct stumbler *self, const struct noh_start *msg)
{
	(void)self;
	if (msg->restarts)
		noh_send(tripper, risen);
}

static void on_trip(struct stumbler *self, const struct trip *msg)
{
	(void)msg;
	noh_fail("number %llu", (unsigned long long)self->number);
}

NOH_ACTOR(stumbler, (noh_start, on_stumbler_start), (trip, on_trip));

// Makes the children fail, so many at a time.
struct tripper {
	const noh_actor *children;
	uint64_t count, tripped, risen;
};

static void trip_one(struct tripper *self)
{
	if (self->tripped < self->count)
		noh_send(self->children[self->tripped++ * STRIDE % self->count], trip);
}

static void on_more_trips(struct tripper *self, const struct more *msg)
{
	(void)msg;
	for (int i = 0; i < UNDER_WAY; i++)
		trip_one(self);
}

static void on_risen(struct tripper *self, const struct risen *msg)
{
	(void)msg;
	if (++self->risen == self->count)
		noh_send(noh_parent(), finished, .count = self->risen);
	else
		trip_one(self);
}

NOH_ACTOR(tripper, (more, on_more_trips), (risen, on_risen));

// Reports are written, but not shown.
static int hide_reports(void)
{
	int shown = dup(STDERR_FILENO), hidden = open("/dev/null", O_WRONLY);
	noh_check(shown >= 0 && hidden >= 0 && dup2(hidden, STDERR_FILENO) >= 0);
	close(hidden);
	return shown;
}

static void show_reports(int shown)
{
	dup2(shown, STDERR_FILENO);
	close(shown);
}

void run_restart(struct work *work)
{
	noh_actor *children = (noh_actor *)calloc(work->n, sizeof(*children));
	noh_check(children);
	noh_actor supervisor =
		noh_supervise((.strategy = NOH_DYNAMIC, .max_restarts = NOH_UNLIMITED_RESTARTS),
			      NOH_CHILD(stumbler, ()));
	uint64_t rss_before = resident_bytes();
	for (uint64_t i = 0; i < work->n; i++) {
		noh_check(noh_supervisor_start_child(supervisor, NOH_CHILD(stumbler, ()),
						     &children[i]) == 0);
		noh_receive(0, risen); // gives back the answers
	}
	uint64_t rss_after = resident_bytes();
	tripper = noh_spawn(tripper, .children = children, .count = work->n);

	int shown = hide_reports();
	uint64_t began_ns = clock_ns();
	noh_send(tripper, more);
	struct finished sum = wait_until_finished(work, 1);
	work->seconds = seconds_since(began_ns);
	show_reports(shown);

	expect_equal("restarts", sum.count, work->n);
	add_extra(work, "bytes_per_child", (double)(rss_after - rss_before) / (double)work->n,
		  "%.0f bytes a child");
	noh_kill(supervisor);
	free(children);
}
