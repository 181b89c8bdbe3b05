/* Tracing: prints messages by their descriptions. */
#include "runtime/trace.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool trace_on;

void actor_name(noh_actor who, char *buffer, size_t size)
{
	const struct slot *slot = slot_if_alive(who.id);
	const struct noh_actor_type *type =
		slot ? (const struct noh_actor_type *)ck_pr_load_ptr(&slot->type) : NULL;
	if (!who.id)
		snprintf(buffer, size, "main");
	else
		snprintf(buffer, size, "%s@%u", type ? type->name : "", handle_index(who.id));
}

static void print_line(const char *text, size_t length)
{
	if (write(STDERR_FILENO, text, length) < 0)
		return; // nobody to tell
}

static void trace_message(uint64_t from, uint64_t to, const struct message_info *info,
			  const void *body, const char *after)
{
	char line[1024], sender[96], receiver[96], message[768];
	actor_name((noh_actor){from}, sender, sizeof(sender));
	actor_name((noh_actor){to}, receiver, sizeof(receiver));
	message_print(info, body, actor_name, message, sizeof(message));
	int length =
		snprintf(line, sizeof(line), "%s -> %s %s%s\n", sender, receiver, message, after);
	print_line(line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
}

void trace_send(uint64_t from, uint64_t to, const struct message_info *info, const void *body)
{
	trace_message(from, to, info, body, "");
}

void trace_dead(uint64_t from, uint64_t to, const struct message_info *info, const void *body,
		const char *why)
{
	char after[64];
	snprintf(after, sizeof(after), " dead letter: %s", why);
	trace_message(from, to, info, body, after);
}

void trace_spawn(uint64_t parent, uint64_t child, const struct noh_actor_type *type,
		 const char *name)
{
	char line[256], spawner[96];
	actor_name((noh_actor){parent}, spawner, sizeof(spawner));
	int length = snprintf(line, sizeof(line), "%s spawns %s@%u%s%s\n", spawner, type->name,
			      handle_index(child), name ? " " : "", name ? name : "");
	print_line(line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
}

void trace_end(uint64_t who, const struct noh_actor_type *type, int why, const char *reason)
{
	static const char *const names[] = {"normal", "shutdown", "killed",
					    "failed", "nobody",   "node lost"};
	char line[640];
	int length =
		snprintf(line, sizeof(line), "%s@%u ends: %s%s%s\n", type->name, handle_index(who),
			 names[why], reason && *reason ? ": " : "", reason ? reason : "");
	print_line(line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
}
