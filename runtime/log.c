/* The log: one line at a time to the program's function or to stderr, prefixed with the actor and
 * the message in hand. Those of actors are limited by number a second; the runtime's own, which are
 * few, always go out. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <noh/noh.h>

#include "runtime/post.h"
#include "runtime/trace.h"

enum { LINE_BYTES = 1024, NS_A_SECOND = 1000 * 1000 * 1000 };

static const char *const level_names[] = {"?", "debug", "info", "warn", "error"};

static size_t append(char *line, size_t length, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static size_t append(char *line, size_t length, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int written = vsnprintf(line + length, LINE_BYTES - length, format, arguments);
	va_end(arguments);
	length += written > 0 ? (size_t)written : 0;
	return length < LINE_BYTES ? length : LINE_BYTES - 1;
}

// Who is running, and what it handles: "bank@3 get_balance", or "-".
static size_t append_origin(char *line, size_t length, const struct worker *worker)
{
	if (!worker || !worker->running || !worker->self)
		return append(line, length, "-: ");
	const struct rare *rare = rare_if_any(worker->running);
	const char *name = rare && rare->name ? rare->name : worker->running->type->name;
	length = append(line, length, "%s@%u", name, handle_index(worker->self));
	if (worker->hand && post_kind(worker->hand) != POST_CONTROL && post_id(worker->hand))
		length =
			append(line, length, " %s", message_info(post_id(worker->hand))->type.name);
	return append(line, length, ": ");
}

static void write_line(enum noh_level level, const char *line)
{
	char whole[LINE_BYTES + 16];
	int length = snprintf(whole, sizeof(whole), "%s %s\n", level_names[level], line);
	// One write, so that lines of several threads do not mix. That it may fail is nobody's to
	// know.
	if (length > 0 && write(STDERR_FILENO, whole, (size_t)length) < 0)
		return;
}

// ---- the limit

// False: the line is left out, and counted.
static bool is_room(struct noh_runtime *runtime)
{
	uint64_t second = (uint32_t)(runtime_now_ns(runtime) / NS_A_SECOND);

	for (;;) {
		uint64_t word = ck_pr_load_64(&runtime->logged);
		uint64_t lines = word >> 32 == second ? (uint32_t)word : 0;
		if (lines >= runtime->log_lines) {
			ck_pr_inc_32(&runtime->log_left_out);
			return false;
		}
		if (swap_if_64(&runtime->logged, word, second << 32 | (lines + 1)))
			return true;
	}
}

void runtime_log_left_out(struct noh_runtime *runtime)
{
	uint32_t count = ck_pr_load_32(&runtime->log_left_out);
	if (count && (count = ck_pr_fas_32(&runtime->log_left_out, 0)))
		runtime_log(runtime, runtime->log_level > NOH_WARN ? runtime->log_level : NOH_WARN,
			    "%u lines left out", count);
}

// ---- a line

static void log_line(struct noh_runtime *runtime, enum noh_level level, const struct worker *worker,
		     const char *format, va_list arguments)
{
	char line[LINE_BYTES];
	if (level < NOH_DEBUG || level > NOH_ERROR)
		level = NOH_ERROR;
	if (level < (runtime ? runtime->log_level : NOH_WARN))
		return;
	if (worker) {
		if (!is_room(runtime))
			return;
		runtime_log_left_out(runtime);
	}

	size_t length = append_origin(line, 0, worker);
	vsnprintf(line + length, sizeof(line) - length, format, arguments);
	// A line is a line, whatever a peer has sent.
	for (char *at = line; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 127)
			*at = ' ';
	if (runtime && runtime->log)
		runtime->log(runtime->log_argument, level, (noh_actor){worker ? worker->self : 0},
			     line);
	else
		write_line(level, line);
}

void noh_log(enum noh_level level, const char *format, ...)
{
	struct worker *worker = this_worker;
	va_list arguments;
	va_start(arguments, format);
	log_line(worker ? worker->runtime : NULL, level, worker, format, arguments);
	va_end(arguments);
}

const char *noh_name(noh_actor who)
{
	char name[96];
	actor_name(who, name, sizeof(name));
	return noh_format("%s", name);
}

void runtime_log(struct noh_runtime *runtime, enum noh_level level, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	log_line(runtime, level, NULL, format, arguments);
	va_end(arguments);
}

_Noreturn void outside(const char *call)
{
	runtime_log(NULL, NOH_ERROR, "%s: not inside an actor", call);
	abort();
}
