/* The threads that look names up: as many as there are lookups, at most four; they end when they
 * have been idle for a while. */
#include "net/lookup.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mailbox/pool.h"

enum { THREADS_MOST = 4, IDLE_SECONDS = 5 };

struct lookup {
	struct lookup *next;
	char *host;
	uint16_t port;
	void (*done)(void *argument, int count, const union address *addresses);
	void *argument;
	bool is_told, is_unwanted;
};

// All that follows, and the last two fields of a lookup.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t has_work;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct lookup *first, **end = &first;
static int threads, idle, waiting;

static void initialise(void)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&has_work, &attributes);
	pthread_condattr_destroy(&attributes);
}

static int errno_of(int result)
{
	switch (result) {
	case EAI_AGAIN:
		return -EAGAIN;
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_SYSTEM:
		return errno ? -errno : -EIO;
	default:
		return -ENOENT;
	}
}

static int look_up(const struct lookup *lookup, union address *ret_addresses)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found;
	int count = 0;

	int result = getaddrinfo(lookup->host, NULL, &hints, &found);
	if (result)
		return errno_of(result);
	for (struct addrinfo *one = found; one && count < LOOKUP_ADDRESSES; one = one->ai_next) {
		if (one->ai_family != AF_INET && one->ai_family != AF_INET6)
			continue;
		memset(&ret_addresses[count], 0, sizeof(*ret_addresses));
		memcpy(&ret_addresses[count], one->ai_addr, one->ai_addrlen);
		address_set_port(&ret_addresses[count++], lookup->port);
	}
	freeaddrinfo(found);
	return count ? count : -ENOENT;
}

static void free_lookup(struct lookup *lookup)
{
	free(lookup->host);
	free(lookup);
}

// With the lock held. NULL: nothing came for so long that this thread may end.
static struct lookup *next_lookup(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_SECONDS;
	idle++;
	while (!first) {
		if (pthread_cond_timedwait(&has_work, &lock, &until) == ETIMEDOUT)
			break;
	}
	idle--;
	struct lookup *lookup = first;
	if (lookup) {
		waiting--;
		first = lookup->next;
		if (!first)
			end = &first;
	}
	return lookup;
}

static void *run(void *unused)
{
	struct lookup *lookup;
	(void)unused;

	pthread_mutex_lock(&lock);
	while ((lookup = next_lookup())) {
		union address addresses[LOOKUP_ADDRESSES];
		int count = 0;

		if (!lookup->is_unwanted) {
			pthread_mutex_unlock(&lock);
			count = look_up(lookup, addresses);
			pthread_mutex_lock(&lock);
		}
		// With the lock held, so that nobody can be told after lookup_finish().
		if (lookup->is_unwanted) {
			free_lookup(lookup);
		} else {
			lookup->is_told = true;
			lookup->done(lookup->argument, count, addresses);
		}
	}
	threads--;
	pthread_mutex_unlock(&lock);
	return NULL;
}

// With the lock held.
static void start_thread(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all, former;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former); // signals are for the program's own threads
	if (!pthread_create(&thread, &attributes, run, NULL))
		threads++;
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	pthread_attr_destroy(&attributes);
}

struct lookup *lookup_start(const char *host, uint16_t port,
			    void (*done)(void *argument, int count, const union address *addresses),
			    void *argument)
{
	struct lookup *lookup = must_allocate_zeroed(sizeof(*lookup));

	lookup->host = must_allocate(strlen(host) + 1);
	strcpy(lookup->host, host);
	lookup->port = port;
	lookup->done = done;
	lookup->argument = argument;

	pthread_once(&once, initialise);
	pthread_mutex_lock(&lock);
	*end = lookup;
	end = &lookup->next;
	waiting++;
	if (waiting > idle && threads < THREADS_MOST)
		start_thread();
	pthread_cond_signal(&has_work);
	if (!threads) {
		// Not even one thread can be had: an answer all the same.
		first = NULL;
		end = &first;
		waiting = 0;
		lookup->is_told = true;
		done(argument, -EAGAIN, NULL);
	}
	pthread_mutex_unlock(&lock);
	return lookup;
}

void lookup_finish(struct lookup *lookup)
{
	pthread_mutex_lock(&lock);
	lookup->is_unwanted = true;
	bool is_told = lookup->is_told;
	pthread_mutex_unlock(&lock);
	if (is_told)
		free_lookup(lookup);
}
