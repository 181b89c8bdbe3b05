/*
 * Crashes: the word from a supervised actor that fails or is killed to its parent, for a report.
 * All of it but what a life has handled last is found only when it has failed.
 */
#include "runtime/crash.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "runtime/fibers.h"
#include "runtime/life.h"
#include "runtime/state.h"
#include "runtime/trace.h"
#include "runtime/turn.h"

enum { QUEUED_MOST = 5, ANCESTORS_MOST = 8, TEXT_BYTES = 768, STATE_BYTES = 256 };

struct text {
	char at[TEXT_BYTES];
	size_t length;
};

static void append(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void append(struct text *text, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int written =
		vsnprintf(text->at + text->length, TEXT_BYTES - text->length, format, arguments);
	va_end(arguments);
	text->length += written > 0 ? (size_t)written : 0;
	if (text->length >= TEXT_BYTES)
		text->length = TEXT_BYTES - 1;
}

static const char *message_name(uint32_t id)
{
	return id ? message_info(id)->type.name : "-";
}

void crash_note(struct worker *worker, const struct slot *slot, const char *reason)
{
	const struct envelope *hand = worker->hand;

	// Of a supervised actor the supervisor will report more.
	noh_log(slot->supervised ? NOH_INFO : NOH_ERROR, "failed: %s", reason);
	worker->failed_in = hand && post_kind(hand) != POST_CONTROL ? post_id(hand) : 0;
}

// The oldest first.
static void append_handled(struct text *text, const struct handled *handled)
{
	const char *before = " handled=";
	for (uint32_t i = 0; i < HANDLED_KEPT; i++) {
		uint32_t id = handled->ids[(handled->oldest + i) % HANDLED_KEPT];
		if (!id)
			continue;
		append(text, "%s%s", before, message_name(id));
		before = ",";
	}
}

// False: enough of them.
static bool append_queued(struct text *text, const struct envelope *envelope, int *count)
{
	if (post_kind(envelope) == POST_CONTROL || !post_id(envelope))
		return true;
	if (++*count > QUEUED_MOST) {
		append(text, ",...");
		return false;
	}
	append(text, "%s%s", *count == 1 ? " queued=" : ",", message_name(post_id(envelope)));
	return true;
}

static void append_mail(struct text *text, const struct slot *slot)
{
	const struct envelope *envelope = slot->saved;
	int count = 0;

	do {
		if (!envelope)
			break;
		envelope = envelope->next; // of a ring that is entered at its newest
		if (!append_queued(text, envelope, &count))
			return;
	} while (envelope != slot->saved);
	for (envelope = slot->out.tail;
	     (envelope = (const struct envelope *)load_acquire( // pairs with mailbox_push()
		      (void *const *)&envelope->next));)
		if (!append_queued(text, envelope, &count))
			return;
}

// Nobody above it can be gone before it is, and what it is called it was before it had children.
static void ancestor_name(uint64_t actor, char *buffer, size_t size)
{
	const struct slot *slot = &slot_table[handle_index(actor)];
	if (slot->named)
		snprintf(buffer, size, "%s@%u", slot->extras->rare->name, handle_index(actor));
	else
		actor_name((noh_actor){actor}, buffer, size);
}

static void append_ancestors(struct text *text, const struct slot *slot)
{
	uint64_t parent = slot->parent;
	for (int i = 0; parent && i < ANCESTORS_MOST; i++) {
		char name[96];
		ancestor_name(parent, name, sizeof(name));
		append(text, "%s%s", i ? "," : " parents=", name);
		parent = ck_pr_load_64(&slot_table[handle_index(parent)].parent);
	}
}

// What it was at: who is killed has returned from its handler, but a fiber waits with it.
static uint32_t message_at(const struct worker *worker, const struct slot *slot)
{
	const struct envelope *hand;

	if (worker->ending.why != NOH_WHY_KILLED)
		return worker->failed_in;
	hand = slot->extras && slot->extras->fiber ? fiber_hand(slot) : NULL;
	return hand ? post_id(hand) : 0;
}

void crash_tell(struct worker *worker, struct slot *slot)
{
	char state[STATE_BYTES] = "";
	const struct rare *own = rare_if_any(slot);
	if (own && own->describe)
		own->describe(slot->state, state, sizeof(state));

	struct text text = {.length = 0};
	append(&text, "message=%s", message_name(message_at(worker, slot)));
	append_handled(&text, state_handled(slot->type, slot->state));
	append_mail(&text, slot);
	append_ancestors(&text, slot);
	if (*state)
		append(&text, " state=\"%s\"", state);
	struct rare *rare = rare_of(slot);
	free(rare->crash);
	rare->crash = strdup(text.at);
}

char *crash_take(struct extras *extras)
{
	char *crash = extras->rare ? extras->rare->crash : NULL;
	if (crash)
		extras->rare->crash = NULL;
	return crash;
}

void crash_heard(struct worker *worker, struct slot *slot, uint64_t child,
		 struct child_ended *ended)
{
	char copy[TEXT_BYTES]; // the handler may fail and not come back here
	snprintf(copy, sizeof(copy), "%s", ended->crash);
	free(ended->crash);
	ended->crash = NULL;
	struct noh_crashed crashed = {.who = {child}, .at = copy};
	if (slot->type->accepts && accepts(slot->type, &noh_crashed_message))
		turn_give(worker, slot, &noh_crashed_message, &crashed);
}
