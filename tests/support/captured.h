/* What a piece of a test writes to stderr, as a string: for logs and traces. Knows nothing of them.
 */
#ifndef TESTS_SUPPORT_CAPTURED_H
#define TESTS_SUPPORT_CAPTURED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct captured {
	int former; // the real stderr
	int file;
};

static inline struct captured captured_begin(void)
{
	struct captured captured = {.former = dup(STDERR_FILENO),
				    .file = memfd_create("stderr", 0)};
	fflush(stderr);
	dup2(captured.file, STDERR_FILENO);
	return captured;
}

/* The caller frees it. */
static inline char *captured_end(struct captured captured)
{
	fflush(stderr);
	dup2(captured.former, STDERR_FILENO);
	close(captured.former);

	size_t size = (size_t)lseek(captured.file, 0, SEEK_END);
	char *text = (char *)calloc(1, size + 1);
	if (!text || pread(captured.file, text, size, 0) != (ssize_t)size)
		abort();
	close(captured.file);
	return text;
}

/* How often `part` is in it. */
static inline int captured_count(const char *text, const char *part)
{
	int times = 0;
	for (const char *at = text; (at = strstr(at, part)); at++)
		times++;
	return times;
}

#endif
