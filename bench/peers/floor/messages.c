/* What the machine takes for the steps that messages are made of, each by itself: an exchange, a
 * cache line's way, a wake-up, a queue, memory, the clock. Knows nothing of Noh, and no actors. */
#include <errno.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LINES_APART _Alignas(128)

static void fail(const char *what)
{
	fprintf(stderr, "floor: %s\n", what);
	exit(1);
}

static uint64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void stall(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

// ---- two threads, each on a processor of its own

static void pin(int which)
{
	cpu_set_t all, one;

	CPU_ZERO(&one);
	if (sched_getaffinity(0, sizeof(all), &all))
		fail("cannot tell the processors");
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all) && which-- == 0)
			CPU_SET(i, &one);
	if (CPU_COUNT(&one) != 1)
		fail("needs two processors");
	pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

struct far {
	void *(*run)(void *);
	void *argument;
};

static void *run_far(void *argument)
{
	struct far *far = argument;

	return far->run(far->argument);
}

// The caller moves to the first processor, the thread to the second.
static pthread_t start_far(struct far *far)
{
	cpu_set_t all;
	pthread_t thread;

	sched_getaffinity(0, sizeof(all), &all);
	if (CPU_COUNT(&all) < 2)
		fail("needs two processors");
	pin(1); // which the thread inherits
	if (pthread_create(&thread, NULL, run_far, far))
		fail("cannot start a thread");
	pthread_setaffinity_np(pthread_self(), sizeof(all), &all);
	pin(0);
	return thread;
}

// ---- an exchange that nobody else wants

static LINES_APART uint64_t word;

static void run_exchange(uint64_t n)
{
	uint64_t seen = 0;

	for (uint64_t i = 1; i <= n; i++)
		seen += __atomic_exchange_n(&word, i, __ATOMIC_ACQ_REL);
	if (seen != n * (n - 1) / 2)
		fail("wrong sum of what was exchanged");
}

// ---- a line that two processors write by turns

static LINES_APART uint64_t turn;

static void *answer_line(void *argument)
{
	uint64_t n = *(uint64_t *)argument;

	for (uint64_t i = 1; i < n; i += 2) {
		while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != i)
			stall();
		__atomic_store_n(&turn, i + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void run_line(uint64_t n)
{
	n &= ~(uint64_t)1;
	pthread_t thread = start_far(&(struct far){answer_line, &n});

	for (uint64_t i = 0; i < n; i += 2) {
		__atomic_store_n(&turn, i + 1, __ATOMIC_RELEASE);
		while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != i + 2)
			stall();
	}
	pthread_join(thread, NULL);
}

// ---- a thread that sleeps and is woken by another, by turns

static LINES_APART uint32_t bell;

static void ring_bell(uint32_t value)
{
	__atomic_store_n(&bell, value, __ATOMIC_RELEASE);
	syscall(SYS_futex, &bell, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void wait_for_bell(uint32_t value)
{
	uint32_t seen;

	while ((seen = __atomic_load_n(&bell, __ATOMIC_ACQUIRE)) != value)
		syscall(SYS_futex, &bell, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void *answer_bell(void *argument)
{
	uint64_t n = *(uint64_t *)argument;

	for (uint64_t i = 1; i < n; i += 2) {
		wait_for_bell((uint32_t)i);
		ring_bell((uint32_t)i + 1);
	}
	return NULL;
}

static void run_futex(uint64_t n)
{
	n &= ~(uint64_t)1;
	pthread_t thread = start_far(&(struct far){answer_bell, &n});

	for (uint64_t i = 0; i < n; i += 2) {
		ring_bell((uint32_t)i + 1);
		wait_for_bell((uint32_t)i + 2);
	}
	pthread_join(thread, NULL);
}

// ---- a queue of many producers and one consumer, and no runtime around it

// As large as a message of 16 bytes is anywhere: a link, what kind it is, and the bytes.
struct node {
	struct node *next;
	uint64_t kind;
	uint64_t number, check;
};

static struct {
	LINES_APART struct node *newest; // producers exchange it
	LINES_APART struct node *oldest; // the consumer's: what it has taken last
	LINES_APART uint64_t taken;      // told to the producer now and then
} queue;

// Nodes are used again once the queue has let go of them.
enum { NODES = 4096, TOLD_EVERY = 256 };
static struct node nodes[NODES];

static void push(struct node *node, uint64_t number)
{
	*node = (struct node){.number = number, .check = ~number};
	struct node *before = __atomic_exchange_n(&queue.newest, node, __ATOMIC_ACQ_REL);
	__atomic_store_n(&before->next, node, __ATOMIC_RELEASE); // pairs with pop()
}

static bool pop(uint64_t *ret_number)
{
	struct node *node = __atomic_load_n(&queue.oldest->next, __ATOMIC_ACQUIRE);

	if (!node)
		return false;
	if (node->check != ~node->number)
		fail("a message is not what was sent");
	*ret_number = node->number;
	queue.oldest = node;
	return true;
}

static void begin_queue(void)
{
	queue.newest = queue.oldest = &nodes[NODES - 1];
}

static void run_queue(uint64_t n)
{
	uint64_t number;

	begin_queue();
	for (uint64_t i = 0; i < n; i++) {
		push(&nodes[i % NODES], i);
		if (!pop(&number) || number != i)
			fail("wrong order");
	}
}

static void *consume(void *argument)
{
	uint64_t n = *(uint64_t *)argument, number;

	for (uint64_t i = 0; i < n; i++) {
		while (!pop(&number))
			stall();
		if (number != i)
			fail("wrong order");
		if (i % TOLD_EVERY == 0)
			__atomic_store_n(&queue.taken, i,
					 __ATOMIC_RELEASE); // pairs with run_queue_far()
	}
	return NULL;
}

static void run_queue_far(uint64_t n)
{
	begin_queue();
	pthread_t thread = start_far(&(struct far){consume, &n});

	for (uint64_t i = 0; i < n; i++) {
		// pairs with consume(); the node taken last still belongs to the queue
		while (i >= __atomic_load_n(&queue.taken, __ATOMIC_ACQUIRE) + NODES - 1)
			stall();
		push(&nodes[i % NODES], i);
	}
	pthread_join(thread, NULL);
}

// ---- memory and time

static void run_malloc(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t *memory = malloc(64);
		if (!memory)
			fail("out of memory");
		*memory = i;
		__asm__ volatile("" : : "r"(memory) : "memory"); // or the compiler does without
		free(memory);
	}
}

static void run_page(uint64_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *memory =
		mmap(NULL, n * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("out of memory");
	madvise(memory, n * page, MADV_NOHUGEPAGE);
	for (uint64_t i = 0; i < n; i++)
		memory[i * page] = 1;
	munmap(memory, n * page);
}

static void run_clock(uint64_t n)
{
	uint64_t before = 0;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t now = clock_ns();
		if (now < before)
			fail("the clock went back");
		before = now;
	}
}

// ---- the command line

static const struct step {
	const char *name;
	uint64_t n;
	void (*run)(uint64_t n);
	const char *about;
} steps[] = {
	{"exchange", 50000000, run_exchange, "an atomic exchange that nobody else wants"},
	{"line", 2000000, run_line, "a cache line's way to the other processor"},
	{"futex", 20000, run_futex, "a sleeping thread on the other processor is woken"},
	{"queue", 50000000, run_queue, "a message through a bare queue, in one thread"},
	{"queue-far", 20000000, run_queue_far, "the same, from one processor to the other"},
	{"malloc", 50000000, run_malloc, "malloc() and free() of 64 bytes"},
	{"page", 100000, run_page, "the first write to a page of memory, and its return"},
	{"clock", 10000000, run_clock, "clock_gettime()"},
};

enum { STEPS = sizeof(steps) / sizeof(*steps) };

static void wrong_usage(void)
{
	fputs("usage: messages STEP [--n N] [--workers N] [--tokens T], or --list, or --about\n",
	      stderr);
	exit(2);
}

static void print_list(bool about)
{
	for (size_t i = 0; i < STEPS; i++)
		printf(about ? "%s %s\n" : "%s\n", steps[i].name, steps[i].about);
	exit(0);
}

static const struct step *step_called(const char *name)
{
	for (size_t i = 0; i < STEPS; i++)
		if (strcmp(steps[i].name, name) == 0)
			return &steps[i];
	wrong_usage();
	return NULL;
}

static void run(const struct step *step, uint64_t n)
{
	struct rusage usage;

	uint64_t began_ns = clock_ns();
	step->run(n);
	double ns = (double)(clock_ns() - began_ns);

	getrusage(RUSAGE_SELF, &usage);
	printf("{\"workload\":\"%s\",\"workers\":1,\"n\":%" PRIu64
	       ",\"tokens\":1,\"ns_per_op\":%.3f,"
	       "\"seconds\":%.6f,\"peak_rss_bytes\":%" PRIu64 "}\n",
	       step->name, n, ns / (double)n, ns / 1e9, (uint64_t)usage.ru_maxrss * 1024);
}

int main(int count, char **words)
{
	if (count < 2)
		wrong_usage();
	if (strcmp(words[1], "--list") == 0 || strcmp(words[1], "--about") == 0)
		print_list(words[1][2] == 'a');

	const struct step *step = step_called(words[1]);
	uint64_t n = step->n;
	for (int i = 2; i < count; i += 2) { // of workers and tokens there is one each
		if (i + 1 == count)
			wrong_usage();
		if (strcmp(words[i], "--n") == 0)
			n = strtoull(words[i + 1], NULL, 10);
		else if (strcmp(words[i], "--workers") && strcmp(words[i], "--tokens"))
			wrong_usage();
	}
	if (n < 2)
		wrong_usage();
	run(step, n);
	return 0;
}
