/* The few atomic operations that the queues are written in, on Concurrency Kit; knows no data
 * structure. */
#ifndef NOH_MAILBOX_ATOMIC_H
#define NOH_MAILBOX_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#include <ck_pr.h>

// A load that later accesses may not overtake.
static inline void *load_acquire(void *const *at)
{
	void *value = ck_pr_load_ptr(at);
	ck_pr_fence_acquire();
	return value;
}

static inline uint32_t load_acquire_32(const uint32_t *at)
{
	uint32_t value = ck_pr_load_32(at);
	ck_pr_fence_acquire();
	return value;
}

static inline uint64_t load_acquire_64(const uint64_t *at)
{
	uint64_t value = ck_pr_load_64(at);
	ck_pr_fence_acquire();
	return value;
}

// A store that earlier accesses may not sink below.
static inline void store_release(void **at, void *value)
{
	ck_pr_fence_release();
	ck_pr_store_ptr(at, value);
}

static inline void store_release_32(uint32_t *at, uint32_t value)
{
	ck_pr_fence_release();
	ck_pr_store_32(at, value);
}

static inline void store_release_64(uint64_t *at, uint64_t value)
{
	ck_pr_fence_release();
	ck_pr_store_64(at, value);
}

// Exchange and compare-and-swap order both ways. On machines whose exchange does not order by
// itself the fences do; where it does, they cost nothing.
static inline void *exchange(void **at, void *value)
{
	ck_pr_fence_store_atomic();
	void *former = ck_pr_fas_ptr(at, value);
	ck_pr_fence_acquire();
	return former;
}

// By the compiler's own operation, which leaves its result in the flags.
static inline bool swap_if(void **at, void *expected, void *value)
{
	return __atomic_compare_exchange_n(at, &expected, value, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

static inline bool swap_if_8(uint8_t *at, uint8_t expected, uint8_t value)
{
	return __atomic_compare_exchange_n(at, &expected, value, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

static inline bool swap_if_32(uint32_t *at, uint32_t expected, uint32_t value)
{
	return __atomic_compare_exchange_n(at, &expected, value, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

static inline bool swap_if_64(uint64_t *at, uint64_t expected, uint64_t value)
{
	return __atomic_compare_exchange_n(at, &expected, value, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

// What a relaxed load or store tells or does, each as one instruction. Where the machine compares
// with memory, the answer is in the flags; of a load, compilers make two and a register. (They are
// macros since of a pointer compilers would keep the address of the field in a register.)
//
// NOH_IS: whether a word is this. has_none_64: whether it has none of the bits.
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#define NOH_TEST(at, value, type, instruction, flag)                                 \
	({                                                                           \
		_Static_assert(sizeof(*(at)) == sizeof(type), "a word of its size"); \
		bool noh_holds;                                                      \
		__asm__ volatile(instruction " %2, %1"                               \
				 : "=@cc" flag(noh_holds)                            \
				 : "m"(*(at)), "re"((type)(value)));                 \
		noh_holds;                                                           \
	})
#define NOH_IS(at, value, type, compare) NOH_TEST(at, value, type, compare, "e")
#define has_none_64(at, bits) NOH_TEST(at, bits, uint64_t, "testq", "z")
#define get_64(at)                                                                      \
	({                                                                              \
		uint64_t noh_got;                                                       \
		_Static_assert(sizeof(*(at)) == sizeof(noh_got), "a word of its size"); \
		__asm__ volatile("movq %1, %0" : "=r"(noh_got) : "m"(*(at)));           \
		noh_got;                                                                \
	})
#define set_ptr(at, value) __asm__ volatile("movq %1, %0" : "=m"(*(at)) : "er"((void *)(value)))
#else
#define NOH_IS(at, value, type, compare) \
	((type)__atomic_load_n(at, __ATOMIC_RELAXED) == (type)(value))
#define has_none_64(at, bits) (!(__atomic_load_n(at, __ATOMIC_RELAXED) & (bits)))
#define get_64(at) __atomic_load_n(at, __ATOMIC_RELAXED)
#define set_ptr(at, value) __atomic_store_n(at, value, __ATOMIC_RELAXED)
#endif

#define is_8(at, value) NOH_IS(at, value, uint8_t, "cmpb")
#define is_16(at, value) NOH_IS(at, value, uint16_t, "cmpw")
#define is_32(at, value) NOH_IS(at, value, uint32_t, "cmpl")
#define is_64(at, value) NOH_IS(at, value, uint64_t, "cmpq")
#define is_ptr(at, value) NOH_IS(at, value, void *, "cmpq")

#endif
