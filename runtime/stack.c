/* Stacks for fibers, cut from slabs, each above a guard, kept for reuse. Does not know what runs on
 * them. */
#include "runtime/stack.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ck_pr.h>

#include "mailbox/atomic.h"
#include "mailbox/pool.h"
#include "runtime/context.h"

#ifdef CONTEXT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(low, high) 0
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 // since Linux 6.13
#endif

enum {
	DEFAULT_USABLE_BYTES = 32 << 10,
	LEAST_USABLE_BYTES = 16 << 10, // a signal handler and a line to the log need some
#if defined(CONTEXT_ASAN) || defined(CONTEXT_TSAN)
	SANITIZED = 2, // their frames are so many times as large
#else
	SANITIZED = 1,
#endif
	// Wide enough to catch a frame with a large buffer, which would step over a single page. It
	// takes address space alone.
	GUARD_BYTES = 64 << 10,

	// Or fewer, if they are large.
	STACKS_A_SLAB = 64,
	SLAB_BYTES = 32 << 20,

	// A cache holds so many, and moves half of them at a time; fewer, if that is a megabyte.
	CACHE_LIMIT = 32,
	CACHE_BYTES = 1 << 20,

	// Above so many free stacks, or bytes, a depot gives their pages back. Up to it that is not
	// worth the time: giving back and touching again cost several hundred switches.
	WARM_LIMIT = 256,
	WARM_BYTES = 8 << 20,

	// Of the mappings that the kernel allows one in so many is left to everybody else.
	MAPPINGS_LEFT = 16,
};

/* A mapping that is cut into stacks. The records lie outside of it and are never freed, only used
 * again for another mapping, so that stack_guard_hit() may walk them at any time. */
struct stack_slab {
	// Constant.
	struct stack_slab *older;

	// Where the mapping is; NULL while there is none. Written last when it is made, first when
	// it goes.
	void *low;
	uint64_t stride, count;

	// Guarded by the depot's lock, and that of the spare slabs.
	struct stack_slab *next;
	unsigned cut_count;
	unsigned split_count; // of those, whose guards are mappings of their own

	struct fiber_stack stacks[STACKS_A_SLAB];
};

static void *every_slab; // the newest first; only ever grows

static pthread_mutex_t spare_slabs_lock = PTHREAD_MUTEX_INITIALIZER;
static struct stack_slab *spare_slabs;

// Stacks whose guards are mappings of their own, in all depots.
static uint32_t split_guards;

static size_t rounded_up(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t guard_bytes(void)
{
	return rounded_up(GUARD_BYTES, page_bytes());
}

// ---- what the tools must know

// A stack is somebody's: leak checkers look for pointers in it. Before that nobody may touch it.
static void open_to_tools(struct fiber_stack *stack)
{
	(void)stack;
#ifdef CONTEXT_ASAN
	__asan_unpoison_memory_region(stack->low, stack->size);
	__lsan_register_root_region(stack->low, stack->size);
#endif
}

static void close_to_tools(struct fiber_stack *stack)
{
	(void)stack;
#ifdef CONTEXT_ASAN
	__lsan_unregister_root_region(stack->low, stack->size);
	__asan_poison_memory_region(stack->low, stack->size);
#endif
}

// ---- slabs

static struct stack_slab *slab_record(void)
{
	pthread_mutex_lock(&spare_slabs_lock);
	struct stack_slab *slab = spare_slabs;
	if (slab) {
		spare_slabs = slab->next;
	} else {
		slab = must_allocate_zeroed(sizeof *slab);
		slab->older = every_slab;
		store_release(&every_slab, slab); // pairs with stack_guard_hit()
	}
	pthread_mutex_unlock(&spare_slabs_lock);
	return slab;
}

// At least `least`, at most `most`: as many as fit.
static unsigned fitting(size_t bytes, size_t each, unsigned least, unsigned most)
{
	size_t count = bytes / each;
	return count < least ? least : count > most ? most : (unsigned)count;
}

static struct stack_slab *slab_create(size_t stride)
{
	uint64_t count = fitting(SLAB_BYTES, stride, 1, STACKS_A_SLAB);
	void *low = mmap(NULL, stride * count, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (low == MAP_FAILED)
		return NULL;
	// A huge page would make every stack as large as it can be. Where there are none this
	// fails, which is fine.
	(void)madvise(low, stride * count, MADV_NOHUGEPAGE);

	struct stack_slab *slab = slab_record();
	slab->cut_count = slab->split_count = 0;
	ck_pr_store_64(&slab->stride, stride);
	ck_pr_store_64(&slab->count, count);
	store_release(&slab->low, low); // pairs with stack_guard_hit()
	return slab;
}

static void slab_destroy(struct stack_slab *slab)
{
	char *low = slab->low;

	store_release(&slab->low, NULL);
	for (unsigned i = 0; i < slab->cut_count; i++) {
		struct fiber_stack *stack = &slab->stacks[i];
		if (stack->tag) {
			ck_pr_store_64(&stack->tag, 0);
			close_to_tools(stack);
		}
#ifdef CONTEXT_ASAN
		__asan_unpoison_memory_region(stack->low, stack->size);
#endif
		VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
	}
	munmap(low, slab->stride * slab->count);
	ck_pr_sub_32(&split_guards, slab->split_count);

	pthread_mutex_lock(&spare_slabs_lock);
	slab->next = spare_slabs;
	spare_slabs = slab;
	pthread_mutex_unlock(&spare_slabs_lock);
}

// The first number in a file; what is missing or odd counts as `otherwise`.
static long number_in(const char *path, long otherwise)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return otherwise;

	ssize_t length = read(fd, text, sizeof text - 1);
	close(fd);
	return length > 0 ? strtol(text, NULL, 10) : otherwise;
}

// How many mappings stacks may take: were it all of them, the next malloc() might fail, of whoever.
static long mappings_for_stacks(void)
{
	static long known; // each thread that comes first finds the same
	long most = ck_pr_load_64((uint64_t *)&known);

	if (!most) {
		most = number_in("/proc/sys/vm/max_map_count", 65530);
		most -= most / MAPPINGS_LEFT;
		ck_pr_store_64((uint64_t *)&known, (uint64_t)most);
	}
	return most;
}

static int guard_install(struct stack_slab *slab, void *low)
{
	if (madvise(low, guard_bytes(), MADV_GUARD_INSTALL) == 0)
		return 0;
	// An older kernel, or locked memory. This splits the mapping in two.
	if (2 * ((long)ck_pr_faa_32(&split_guards, 1) + 1) > mappings_for_stacks() ||
	    mprotect(low, guard_bytes(), PROT_NONE) < 0) {
		ck_pr_dec_32(&split_guards);
		return -ENOMEM;
	}
	slab->split_count++;
	return 0;
}

// Cuts the next stack of the depot, whose lock is held.
static int cut(struct stack_depot *depot, struct fiber_stack **ret_stack)
{
	struct stack_slab *slab = depot->slabs;

	if (!slab || slab->cut_count == slab->count) {
		slab = slab_create(guard_bytes() + depot->usable_bytes);
		if (!slab)
			return -ENOMEM;
		slab->next = depot->slabs;
		depot->slabs = slab;
	}

	char *guard = (char *)slab->low + slab->stride * slab->cut_count;
	int err = guard_install(slab, guard);
	if (err)
		return err;

	struct fiber_stack *stack = &slab->stacks[slab->cut_count];
	*stack = (struct fiber_stack){
		.low = guard + guard_bytes(),
		.size = depot->usable_bytes,
	};
	stack->valgrind_id = VALGRIND_STACK_REGISTER(stack->low, stack->low + stack->size);
	slab->cut_count++;
	*ret_stack = stack;
	return 0;
}

// ---- depot

static struct fiber_stack *pop(struct fiber_stack **list)
{
	struct fiber_stack *stack = *list;

	if (stack)
		*list = stack->next;
	return stack;
}

static void push(struct fiber_stack **list, struct fiber_stack *stack)
{
	stack->next = *list;
	*list = stack;
}

// Fills half of an empty cache, as far as there are free stacks; if there are none, cuts a single
// one.
static int cache_refill(struct stack_cache *cache)
{
	struct stack_depot *depot = cache->depot;
	struct fiber_stack *stack;
	int err = 0;

	pthread_mutex_lock(&depot->lock);
	while (cache->count < depot->cache_limit / 2) {
		stack = pop(&depot->warm);
		if (stack)
			depot->warm_count--;
		else
			stack = pop(&depot->cold);
		if (!stack)
			break;
		push(&cache->free, stack);
		cache->count++;
	}
	if (cache->count == 0) {
		err = cut(depot, &stack);
		if (!err) {
			push(&cache->free, stack);
			cache->count++;
		}
	}
	pthread_mutex_unlock(&depot->lock);
	return err;
}

static void cache_drain(struct stack_cache *cache, unsigned keep)
{
	struct stack_depot *depot = cache->depot;
	struct fiber_stack *cold = NULL;

	pthread_mutex_lock(&depot->lock);
	while (cache->count > keep) {
		bool is_kept_warm = depot->warm_count < depot->warm_limit;
		push(is_kept_warm ? &depot->warm : &cold, pop(&cache->free));
		depot->warm_count += is_kept_warm;
		cache->count--;
	}
	pthread_mutex_unlock(&depot->lock);

	if (!cold)
		return;
	struct fiber_stack *last = cold;
	for (struct fiber_stack *stack = cold; stack; stack = stack->next) {
		madvise(stack->low, depot->usable_bytes, MADV_DONTNEED);
		last = stack;
	}
	pthread_mutex_lock(&depot->lock);
	last->next = depot->cold;
	depot->cold = cold;
	pthread_mutex_unlock(&depot->lock);
}

size_t stack_usable_bytes(size_t wanted)
{
	size_t bytes = wanted ? wanted : DEFAULT_USABLE_BYTES;
	if (bytes < LEAST_USABLE_BYTES)
		bytes = LEAST_USABLE_BYTES;
	return rounded_up(bytes, page_bytes()) * SANITIZED;
}

void stack_depot_init(struct stack_depot *depot, size_t usable_bytes)
{
	size_t bytes = stack_usable_bytes(usable_bytes);
	*depot = (struct stack_depot){
		.usable_bytes = bytes,
		.warm_limit = fitting(WARM_BYTES, bytes, 2, WARM_LIMIT),
		.cache_limit = fitting(CACHE_BYTES, bytes, 2, CACHE_LIMIT),
	};
	pthread_mutex_init(&depot->lock, NULL);
}

void stack_depot_finish(struct stack_depot *depot)
{
	while (depot->slabs) {
		struct stack_slab *slab = depot->slabs;
		depot->slabs = slab->next;
		slab_destroy(slab);
	}
	pthread_mutex_destroy(&depot->lock);
}

// ---- cache

void stack_cache_init(struct stack_cache *cache, struct stack_depot *depot)
{
	*cache = (struct stack_cache){.depot = depot};
}

void stack_cache_finish(struct stack_cache *cache)
{
	cache_drain(cache, 0);
}

int stack_cache_take(struct stack_cache *cache, uint64_t tag, struct fiber_stack **ret_stack)
{
	assert(tag != 0);
	if (!cache->free) {
		int err = cache_refill(cache);
		if (err)
			return err;
	}

	struct fiber_stack *stack = pop(&cache->free);
	cache->count--;
	ck_pr_store_64(&stack->tag, tag);
	open_to_tools(stack);
	*ret_stack = stack;
	return 0;
}

void stack_cache_give(struct stack_cache *cache, struct fiber_stack *stack)
{
	assert(stack->tag != 0 && "given back twice");
	close_to_tools(stack);
	ck_pr_store_64(&stack->tag, 0);
	push(&cache->free, stack);
	unsigned limit = cache->depot->cache_limit;
	if (++cache->count > limit)
		cache_drain(cache, limit / 2);
}

// ---- questions

static long lines_in(const char *path)
{
	char text[4096];
	long lines = 0;
	ssize_t length;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;

	while ((length = read(fd, text, sizeof text)) > 0)
		for (ssize_t i = 0; i < length; i++)
			lines += text[i] == '\n';
	close(fd);
	return lines;
}

const char *stack_shortage(void)
{
	// The usual reason is known without a look at all the mappings.
	if (2 * ((long)ck_pr_load_32(&split_guards) + 1) > mappings_for_stacks() ||
	    lines_in("/proc/self/maps") + 64 > mappings_for_stacks())
		return "no stack for another fiber: the process has nearly as many mappings as the "
		       "kernel allows (sysctl vm.max_map_count)";
	return "no stack for another fiber: the kernel grants no more memory (ulimit -v, the "
	       "container's limit, vm.overcommit_memory)";
}

__attribute__((no_sanitize_address, no_sanitize_thread)) size_t
stack_deepest_use(const struct fiber_stack *stack)
{
	const char *top = stack->low + stack->size;
	const uint64_t *word = (const uint64_t *)stack->low;

	while ((const char *)word < top && *word == 0)
		word++;
	return (size_t)(top - (const char *)word);
}

__attribute__((no_sanitize_address, no_sanitize_thread)) void stack_clean(struct fiber_stack *stack)
{
	size_t used = stack_deepest_use(stack);
	memset(stack->low + stack->size - used, 0, used);
}

bool stack_guard_hit(const void *address, uint64_t *ret_tag, size_t *ret_bytes)
{
	uintptr_t at = (uintptr_t)address;

	for (struct stack_slab *slab = load_acquire(&every_slab); slab; slab = slab->older) {
		uintptr_t low = (uintptr_t)load_acquire(&slab->low);
		uint64_t stride = ck_pr_load_64(&slab->stride);
		if (!low || at < low || at - low >= stride * ck_pr_load_64(&slab->count))
			continue;

		uint64_t offset = at - low;
		uint64_t tag = ck_pr_load_64(&slab->stacks[offset / stride].tag);
		if (tag == 0 || offset % stride >= guard_bytes())
			return false;
		*ret_tag = tag;
		*ret_bytes = stride - guard_bytes();
		return true;
	}
	return false;
}
