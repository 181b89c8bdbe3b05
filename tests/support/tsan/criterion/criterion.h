/*
 * A stand-in for Criterion's classic macros, found before the real header in the tsan build:
 * Criterion itself does not start under the thread sanitizer. Knows none of what it tests.
 *
 * Each test runs in a process of its own. Left out: parameterised tests, theories, redirection.
 */
#ifndef TESTS_SUPPORT_TSAN_CRITERION_H
#define TESTS_SUPPORT_TSAN_CRITERION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct criterion_options {
	int leading; // so that an empty list of options needs no special case
	void (*init)(void);
	void (*fini)(void);
	int signal;
	int exit_code;
	bool disabled;
	double timeout; // seconds
	const char *description;
	void *data;
};

struct criterion_test {
	const char *suite;
	const char *name;
	void (*body)(void);
	struct criterion_options options;
	struct criterion_test *next;
};

void criterion_add_suite(struct criterion_test *suite);
void criterion_add_test(struct criterion_test *test);

/* Any thread of a test. Reports a condition that does not hold; `ends` ends the test there. */
__attribute__((format(printf, 5, 6))) void criterion_failed(bool ends, const char *file, int line,
							    const char *condition,
							    const char *format, ...);
__attribute__((format(printf, 1, 2), noreturn)) void criterion_skip(const char *format, ...);
__attribute__((format(printf, 2, 3))) void criterion_log(const char *level, const char *format,
							 ...);

#define Test(suite_, name_, ...)                                              \
	static void suite_##_##name_##_body(void);                            \
	static struct criterion_test suite_##_##name_##_test = {              \
		.suite = #suite_,                                             \
		.name = #name_,                                               \
		.body = suite_##_##name_##_body,                              \
		.options = {.leading = 0, __VA_ARGS__},                       \
	};                                                                    \
	__attribute__((constructor)) static void suite_##_##name_##_add(void) \
	{                                                                     \
		criterion_add_test(&suite_##_##name_##_test);                 \
	}                                                                     \
	static void suite_##_##name_##_body(void)

#define TestSuite(suite_, ...)                                            \
	static struct criterion_test suite_##_suite = {                   \
		.suite = #suite_,                                         \
		.options = {.leading = 0, __VA_ARGS__},                   \
	};                                                                \
	__attribute__((constructor)) static void suite_##_suite_add(void) \
	{                                                                 \
		criterion_add_suite(&suite_##_suite);                     \
	}                                                                 \
	struct criterion_test

// The message is optional; the blank before it keeps an empty one from being an empty format.
#define CRITERION_CHECK(ends, holds, said, ...)                                            \
	do {                                                                               \
		if (!(holds))                                                              \
			criterion_failed(ends, __FILE__, __LINE__, said, " " __VA_ARGS__); \
	} while (0)

#define CRITERION_STRING(a, relation, b) (strcmp((a), (b)) relation 0)
#define CRITERION_MEMORY(a, relation, b, size) (memcmp((a), (b), (size)) relation 0)
#define CRITERION_NEAR(a, b, epsilon) ((a) - (b) <= (epsilon) && (b) - (a) <= (epsilon))

#define cr_assert(c, ...) CRITERION_CHECK(true, c, #c, __VA_ARGS__)
#define cr_assert_not(c, ...) CRITERION_CHECK(true, !(c), "not " #c, __VA_ARGS__)
#define cr_assert_fail(...) CRITERION_CHECK(true, false, "fail", __VA_ARGS__)
#define cr_assert_eq(a, b, ...) CRITERION_CHECK(true, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...) CRITERION_CHECK(true, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...) CRITERION_CHECK(true, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...) CRITERION_CHECK(true, (a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...) CRITERION_CHECK(true, (a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...) CRITERION_CHECK(true, (a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_null(a, ...) CRITERION_CHECK(true, (a) == NULL, #a " == NULL", __VA_ARGS__)
#define cr_assert_not_null(a, ...) CRITERION_CHECK(true, (a) != NULL, #a " != NULL", __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) \
	CRITERION_CHECK(true, CRITERION_STRING(a, ==, b), #a " is as " #b, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...) \
	CRITERION_CHECK(true, CRITERION_STRING(a, !=, b), #a " is not as " #b, __VA_ARGS__)
#define cr_assert_str_empty(a, ...) CRITERION_CHECK(true, !*(a), #a " is empty", __VA_ARGS__)
#define cr_assert_str_not_empty(a, ...) CRITERION_CHECK(true, *(a), #a " is not empty", __VA_ARGS__)
#define cr_assert_arr_eq(a, b, size, ...) \
	CRITERION_CHECK(true, CRITERION_MEMORY(a, ==, b, size), #a " is as " #b, __VA_ARGS__)
#define cr_assert_arr_neq(a, b, size, ...) \
	CRITERION_CHECK(true, CRITERION_MEMORY(a, !=, b, size), #a " is not as " #b, __VA_ARGS__)
#define cr_assert_float_eq(a, b, epsilon, ...) \
	CRITERION_CHECK(true, CRITERION_NEAR(a, b, epsilon), #a " is near " #b, __VA_ARGS__)
#define cr_assert_float_neq(a, b, epsilon, ...) \
	CRITERION_CHECK(true, !CRITERION_NEAR(a, b, epsilon), #a " is not near " #b, __VA_ARGS__)

#define cr_expect(c, ...) CRITERION_CHECK(false, c, #c, __VA_ARGS__)
#define cr_expect_not(c, ...) CRITERION_CHECK(false, !(c), "not " #c, __VA_ARGS__)
#define cr_expect_fail(...) CRITERION_CHECK(false, false, "fail", __VA_ARGS__)
#define cr_expect_eq(a, b, ...) CRITERION_CHECK(false, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...) CRITERION_CHECK(false, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...) CRITERION_CHECK(false, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...) CRITERION_CHECK(false, (a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...) CRITERION_CHECK(false, (a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...) CRITERION_CHECK(false, (a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_expect_null(a, ...) CRITERION_CHECK(false, (a) == NULL, #a " == NULL", __VA_ARGS__)
#define cr_expect_not_null(a, ...) CRITERION_CHECK(false, (a) != NULL, #a " != NULL", __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...) \
	CRITERION_CHECK(false, CRITERION_STRING(a, ==, b), #a " is as " #b, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...) \
	CRITERION_CHECK(false, CRITERION_STRING(a, !=, b), #a " is not as " #b, __VA_ARGS__)
#define cr_expect_str_empty(a, ...) CRITERION_CHECK(false, !*(a), #a " is empty", __VA_ARGS__)
#define cr_expect_str_not_empty(a, ...) \
	CRITERION_CHECK(false, *(a), #a " is not empty", __VA_ARGS__)
#define cr_expect_arr_eq(a, b, size, ...) \
	CRITERION_CHECK(false, CRITERION_MEMORY(a, ==, b, size), #a " is as " #b, __VA_ARGS__)
#define cr_expect_arr_neq(a, b, size, ...) \
	CRITERION_CHECK(false, CRITERION_MEMORY(a, !=, b, size), #a " is not as " #b, __VA_ARGS__)
#define cr_expect_float_eq(a, b, epsilon, ...) \
	CRITERION_CHECK(false, CRITERION_NEAR(a, b, epsilon), #a " is near " #b, __VA_ARGS__)
#define cr_expect_float_neq(a, b, epsilon, ...) \
	CRITERION_CHECK(false, !CRITERION_NEAR(a, b, epsilon), #a " is not near " #b, __VA_ARGS__)

#define cr_skip_test(...) criterion_skip(" " __VA_ARGS__)
#define cr_skip(...) criterion_skip(" " __VA_ARGS__)
#define cr_log_info(...) criterion_log("info", __VA_ARGS__)
#define cr_log_warn(...) criterion_log("warn", __VA_ARGS__)
#define cr_log_error(...) criterion_log("error", __VA_ARGS__)

#endif
