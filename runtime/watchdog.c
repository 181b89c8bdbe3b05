/*
 * The watchdog: a thread that looks every few milliseconds while any worker is awake. It runs no
 * actors: a stuck worker's reactor it polls itself, which only sends messages; for the actors that
 * wait behind the stuck one it wakes another worker, which steals them. When all workers have been
 * parked for a while it sleeps, without any time limit, until one comes out.
 */
#include "runtime/watchdog.h"

#include "runtime/wake.h"
#include "runtime/worker.h"

enum { TICK_MS = 5, POLL_AFTER_NS = 10 * 1000 * 1000, QUIET_TICKS = 4 };

static bool is_anybody_awake(const struct noh_runtime *runtime)
{
	for (uint32_t i = 0; i < runtime->worker_count; i++)
		if (!ck_pr_load_32(&runtime->workers[i]->parked))
			return true;
	return false;
}

static void look_after(struct noh_runtime *runtime, struct worker *worker, uint64_t now_ns)
{
	struct reactor *reactor = worker->reactor;

	if (!is_worker_stuck(worker, now_ns))
		return;
	if (ring_count(&worker->ring) || newborns_count(&worker->newborns) ||
	    ring_next(&worker->ring) || shared_queue_count(&worker->home) ||
	    shared_queue_count(&worker->throttled))
		wake_one(runtime);
	if (now_ns > ck_pr_load_64(&reactor->polled_ns) + POLL_AFTER_NS &&
	    reactor_try_hold(reactor)) {
		ck_pr_store_64(&reactor->polled_ns, now_ns);
		reactor->ops->poll(reactor, 0, RING_SIZE);
		reactor_release(reactor);
	}
}

// With the lock held. Sleeps until a worker wakes it, or the runtime ends.
static void sleep_until_noticed(struct noh_runtime *runtime)
{
	ck_pr_store_32(&runtime->watchdog_asleep, 1);
	ck_pr_fence_memory(); // pairs with a worker that has just come out of its park: the flag
			      // before, the look after
	while (ck_pr_load_32(&runtime->watchdog_asleep) && !is_anybody_awake(runtime) &&
	       runtime->watchdog_started)
		pthread_cond_wait(&runtime->watchdog_wake, &runtime->watchdog_lock);
	ck_pr_store_32(&runtime->watchdog_asleep, 0);
}

static void sleep_a_tick(struct noh_runtime *runtime)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TICK_MS * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&runtime->watchdog_wake, &runtime->watchdog_lock, &until);
}

static void *watch(void *argument)
{
	struct noh_runtime *runtime = (struct noh_runtime *)argument;
	uint32_t quiet = 0;
	uint64_t parks = 0;

	pthread_mutex_lock(&runtime->watchdog_lock);
	while (runtime->watchdog_started) {
		sleep_a_tick(runtime);
		pthread_mutex_unlock(&runtime->watchdog_lock);

		// Parked at two ticks, but busy in between, is not quiet.
		uint64_t now_ns = runtime_now_ns(runtime), parks_now = 0;
		for (uint32_t i = 0; i < runtime->worker_count; i++) {
			look_after(runtime, runtime->workers[i], now_ns);
			parks_now += ck_pr_load_64(&runtime->workers[i]->statistics.parks);
		}
		quiet = is_anybody_awake(runtime) || parks_now != parks ? 0 : quiet + 1;
		parks = parks_now;

		pthread_mutex_lock(&runtime->watchdog_lock);
		if (quiet >= QUIET_TICKS && runtime->watchdog_started) {
			sleep_until_noticed(runtime);
			quiet = 0;
		}
	}
	pthread_mutex_unlock(&runtime->watchdog_lock);
	return NULL;
}

void watchdog_wake(struct noh_runtime *runtime)
{
	pthread_mutex_lock(&runtime->watchdog_lock);
	ck_pr_store_32(&runtime->watchdog_asleep, 0);
	pthread_cond_signal(&runtime->watchdog_wake);
	pthread_mutex_unlock(&runtime->watchdog_lock);
}

void watchdog_start(struct noh_runtime *runtime)
{
	if (runtime->worker_count == 1)
		return;
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&runtime->watchdog_wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	runtime->watchdog_started = true;
	if (pthread_create(&runtime->watchdog, NULL, watch, runtime)) {
		runtime->watchdog_started = false;
		runtime_log(runtime, NOH_WARN, "runs without a watchdog: no thread for it");
	}
}

void watchdog_stop(struct noh_runtime *runtime)
{
	if (!runtime->watchdog_started)
		return;
	pthread_mutex_lock(&runtime->watchdog_lock);
	runtime->watchdog_started = false;
	ck_pr_store_32(&runtime->watchdog_asleep, 0);
	pthread_cond_signal(&runtime->watchdog_wake);
	pthread_mutex_unlock(&runtime->watchdog_lock);
	pthread_join(runtime->watchdog, NULL);
	pthread_cond_destroy(&runtime->watchdog_wake);
}
