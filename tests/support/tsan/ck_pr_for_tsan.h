/*
 * libck's ck_pr, written with the compiler's own atomics so that the thread sanitizer sees them.
 * Force-included in the tsan build, and only there; knows no code of ours.
 *
 * libck writes its operations in assembly. Its variant for "other compilers" does not help: it
 * loads and stores with plain volatile accesses, each of which the sanitizer calls a race. Since
 * that variant skips its body where CK_F_PR is defined, the body can be put here instead; the
 * rest of ck_pr.h (bit tests, inc_is_zero, typed macros) is built on top of it as ever.
 *
 * All is sequentially consistent, so the sanitizer finds data races and cannot find a fence that
 * is missing; that is for the models. There is no double-width compare-and-swap.
 */
#ifndef TESTS_SUPPORT_CK_PR_FOR_TSAN_H
#define TESTS_SUPPORT_CK_PR_FOR_TSAN_H

#define CK_USE_CC_BUILTINS 1
#define CK_PR_DISABLE_DOUBLE
#define CK_F_PR

#include <stdbool.h>
#include <stdint.h>

#include <ck_cc.h>
#include <gcc/ck_f_pr.h>

static inline void ck_pr_stall(void)
{
	__asm__ __volatile__("" ::: "memory");
}

// The sanitizer does not follow fences, and gcc warns of the builtin ones: these serve the
// processor alone.
#if defined(__x86_64__)
#define CK_FOR_TSAN_FULL_FENCE() __asm__ __volatile__("mfence" ::: "memory")
#elif defined(__aarch64__)
#define CK_FOR_TSAN_FULL_FENCE() __asm__ __volatile__("dmb ish" ::: "memory")
#else
#define CK_FOR_TSAN_FULL_FENCE() __sync_synchronize()
#endif

#define CK_FOR_TSAN_FENCE(kind)                            \
	static inline void ck_pr_fence_strict_##kind(void) \
	{                                                  \
		CK_FOR_TSAN_FULL_FENCE();                  \
	}

CK_FOR_TSAN_FENCE(atomic)
CK_FOR_TSAN_FENCE(atomic_load)
CK_FOR_TSAN_FENCE(atomic_store)
CK_FOR_TSAN_FENCE(store_atomic)
CK_FOR_TSAN_FENCE(load_atomic)
CK_FOR_TSAN_FENCE(load)
CK_FOR_TSAN_FENCE(load_store)
CK_FOR_TSAN_FENCE(store)
CK_FOR_TSAN_FENCE(store_load)
CK_FOR_TSAN_FENCE(memory)
CK_FOR_TSAN_FENCE(acquire)
CK_FOR_TSAN_FENCE(release)
CK_FOR_TSAN_FENCE(acqrel)
CK_FOR_TSAN_FENCE(lock)
CK_FOR_TSAN_FENCE(unlock)

/*
 * `word` is how the caller passes the place (void for the ptr family), `value` what it holds,
 * `number` what is added to it or combined with it.
 */
#define CK_FOR_TSAN_COMBINE(name, suffix, word, number)                            \
	static inline void ck_pr_##name##_##suffix(word *place, number operand)    \
	{                                                                          \
		__atomic_fetch_##name((number *)place, operand, __ATOMIC_SEQ_CST); \
	}

#define CK_FOR_TSAN_FAMILY(suffix, word, value, number)                                           \
	static inline bool ck_pr_cas_##suffix##_value(word *place, value expected, value wanted,  \
						      word *ret_found)                            \
	{                                                                                         \
		bool done = __atomic_compare_exchange_n((value *)place, &expected, wanted, false, \
							__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);      \
		*(value *)ret_found = expected;                                                   \
		return done;                                                                      \
	}                                                                                         \
	static inline bool ck_pr_cas_##suffix(word *place, value expected, value wanted)          \
	{                                                                                         \
		return __atomic_compare_exchange_n((value *)place, &expected, wanted, false,      \
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);           \
	}                                                                                         \
	static inline value ck_pr_fas_##suffix(word *place, value wanted)                         \
	{                                                                                         \
		return __atomic_exchange_n((value *)place, wanted, __ATOMIC_SEQ_CST);             \
	}                                                                                         \
	static inline number ck_pr_faa_##suffix(word *place, number operand)                      \
	{                                                                                         \
		return __atomic_fetch_add((number *)place, operand, __ATOMIC_SEQ_CST);            \
	}                                                                                         \
	CK_FOR_TSAN_COMBINE(add, suffix, word, number)                                            \
	CK_FOR_TSAN_COMBINE(sub, suffix, word, number)                                            \
	CK_FOR_TSAN_COMBINE(and, suffix, word, number)                                            \
	CK_FOR_TSAN_COMBINE(or, suffix, word, number)                                             \
	CK_FOR_TSAN_COMBINE(xor, suffix, word, number)                                            \
	static inline void ck_pr_inc_##suffix(word *place)                                        \
	{                                                                                         \
		ck_pr_add_##suffix(place, 1);                                                     \
	}                                                                                         \
	static inline void ck_pr_dec_##suffix(word *place)                                        \
	{                                                                                         \
		ck_pr_sub_##suffix(place, 1);                                                     \
	}

#define CK_FOR_TSAN_NUMBER(suffix, type)                                     \
	static inline type ck_pr_md_load_##suffix(const type *place)         \
	{                                                                    \
		return __atomic_load_n(place, __ATOMIC_SEQ_CST);             \
	}                                                                    \
	static inline void ck_pr_md_store_##suffix(type *place, type wanted) \
	{                                                                    \
		__atomic_store_n(place, wanted, __ATOMIC_SEQ_CST);           \
	}                                                                    \
	CK_FOR_TSAN_FAMILY(suffix, type, type, type)

static inline void *ck_pr_md_load_ptr(const void *place)
{
	return __atomic_load_n((void *const *)place, __ATOMIC_SEQ_CST);
}

static inline void ck_pr_md_store_ptr(void *place, const void *wanted)
{
	__atomic_store_n((const void **)place, wanted, __ATOMIC_SEQ_CST);
}

CK_FOR_TSAN_FAMILY(ptr, void, void *, uintptr_t)
CK_FOR_TSAN_NUMBER(char, char)
CK_FOR_TSAN_NUMBER(int, int)
CK_FOR_TSAN_NUMBER(uint, unsigned int)
CK_FOR_TSAN_NUMBER(64, uint64_t)
CK_FOR_TSAN_NUMBER(32, uint32_t)
CK_FOR_TSAN_NUMBER(16, uint16_t)
CK_FOR_TSAN_NUMBER(8, uint8_t)

// Without these ck_pr.h would make exchanges of its own out of compare-and-swap.
#define CK_F_PR_FAS_PTR
#define CK_F_PR_FAS_CHAR
#define CK_F_PR_FAS_INT
#define CK_F_PR_FAS_UINT
#define CK_F_PR_FAS_64
#define CK_F_PR_FAS_32
#define CK_F_PR_FAS_16
#define CK_F_PR_FAS_8

#include <ck_pr.h>

#endif
