/*
 * Finding cycles of asks and joins, by probes that go the way of the asks; knows nothing of
 * answers.
 *
 * A fiber that asks waits for whoever has its request. When that is a fiber which waits in an ask
 * of its own, and holds the request (in hand, or in its mail), nobody answers until that ask has
 * ended. So these two make an edge, and a cycle of edges ends only by deadlines. Each edge is known
 * for certain to the one who holds the request. What closes a cycle is always a request that
 * reaches a fiber which waits already: who begins to wait with a request in its mail has just sent
 * one of its own, which is still to arrive. So that is when a probe is sent out.
 *
 * The probe goes from each fiber to the one that it asks, and is dropped where there is no edge. A
 * probe that comes back has seen each edge once, at different times; so it goes round again, and
 * only if all edges are the same has there been one moment, between the two rounds, at which the
 * cycle was whole. Then one request of the cycle is refused: the one that closed it, which lies in
 * the mail of the fiber it was sent to, while the others are in hand. If several lie in mail any
 * will do, but all probes must choose the same: that of the highest number.
 *
 * Who joins one actor, for as long as it takes, waits for that as surely as who asks it, and holds
 * up those whose requests it has. Such a wait begins without a request that reaches anybody, so
 * whoever begins it with requests of others sends out a probe too. The cycle ends by one of its
 * requests rather than by a join. If none lies in mail that may be one in hand.
 *
 * A cycle of nothing but joins is looked for from the joins that are not of a child by its parent,
 * of which each has one (see join.c), and one of the joins ends.
 *
 * A request that was passed on, or taken by noh_reply_later(), may be answered by anybody: there is
 * no edge then, and nothing is reported that is not sure.
 */
#include "runtime/deadlock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <noh/noh.h>

#include "runtime/fibers.h"
#include "runtime/gather.h"
#include "runtime/marks.h"
#include "runtime/saved.h"
#include "runtime/trace.h"

enum {
	HOPS_MOST = 256,   // a longer cycle is left to its deadlines
	PATHS_MOST = 256,  // of fibers that ask many, each goes another way
	MAIL_TRIED = 1000, // envelopes of a fiber's mail
};

// A fiber, and the ask in which it waits for the next one; 0: it joins that one.
struct hop {
	uint64_t who, ask;
	bool in_mail; // the next one has the request in its mail, not in hand
};

struct probe {
	uint32_t count, at; // the hop it has come from
	uint32_t left;      // when it goes round again: so many hops; else 0
	uint32_t paths;     // how many may become of it
	struct hop hops[];
};

void probe_drop(struct probe *probe)
{
	free(probe);
}

// ---- edges

// What a fiber waits for: its open asks, if each must end before it goes on, or the end of another.
struct waiting {
	const struct ask_table *asks; // or NULL
	uint64_t joined;              // or 0
};

// False: for nothing of that kind.
static bool waits(const struct slot *slot, struct waiting *waiting)
{
	*waiting = (struct waiting){0};
	if (!(slot->flags & SLOT_FIBER) || !slot->extras)
		return false;
	const struct gather *gather = fiber_gathers(slot);
	if (!gather)
		waiting->joined = fiber_joins(slot);
	else if (!gather->needed || gather->needed == gather->good + gather->open)
		waiting->asks = slot->extras->asks;
	return waiting->asks || waiting->joined;
}

// For whom it waits in this ask, or, if that is 0, in a join; 0: it does not.
static uint64_t waited_for(const struct waiting *waiting, uint64_t ask)
{
	const struct ask_table *table = waiting->asks;
	if (!ask)
		return waiting->joined;
	for (uint32_t i = 0; table && i < table->used; i++)
		if (table->asks[i].id == ask)
			return table->asks[i].to;
	return 0;
}

static bool is_request_of(const struct envelope *envelope, const void *argument)
{
	const struct hop *hop = (const struct hop *)argument;
	return post_kind(envelope) == POST_MESSAGE && envelope->sender == hop->who &&
	       envelope->ask == hop->ask;
}

// True if the fiber has the request of the hop, unanswered. (Who is joined has not ended: that
// suffices.)
static bool holds(const struct slot *slot, struct hop *hop)
{
	const struct envelope *hand = fiber_hand(slot), *mail = slot->saved;

	hop->in_mail = false;
	if (!hop->ask)
		return true;
	if (hand && is_request_of(hand, hop))
		return true;
	hop->in_mail = true;
	for (int i = 0; mail && i < MAIL_TRIED; i++) {
		mail = mail->next;
		if (is_request_of(mail, hop))
			return true;
		if (mail == slot->saved)
			break;
	}
	return false;
}

// ---- going on

static void send_on(struct probe *probe, uint64_t to, uint64_t self)
{
	post_control(to, CONTROL_PROBE, self, &probe, sizeof(probe));
}

// Who has only handlers never waits.
static bool may_wait(uint64_t actor)
{
	const struct slot *slot = slot_if_alive(actor);
	const struct noh_actor_type *type =
		slot ? (const struct noh_actor_type *)ck_pr_load_ptr(&slot->type) : NULL;
	return type && type->run;
}

static void spread_to(struct worker *worker, uint64_t to, uint64_t ask, uint32_t paths,
		      const struct probe *so_far)
{
	uint32_t count = so_far ? so_far->count : 0;
	if (!may_wait(to))
		return;

	struct probe *probe = must_allocate(sizeof(*probe) + (count + 1) * sizeof(probe->hops[0]));
	*probe = (struct probe){.count = count + 1, .at = count, .paths = paths};
	for (uint32_t hop = 0; hop < count; hop++)
		probe->hops[hop] = so_far->hops[hop];
	probe->hops[count] = (struct hop){.who = worker->self, .ask = ask};
	send_on(probe, to, worker->self);
}

// From this fiber to all that it waits for; `so_far` may be NULL.
static void spread(struct worker *worker, const struct waiting *waiting, const struct probe *so_far)
{
	const struct ask_table *table = waiting->asks;
	uint32_t paths = so_far ? so_far->paths : PATHS_MOST;

	if (waiting->joined)
		spread_to(worker, waiting->joined, 0, paths, so_far);
	if (!table || table->open > paths)
		return;
	for (uint32_t i = 0; i < table->used; i++)
		if (table->asks[i].id)
			spread_to(worker, table->asks[i].to, table->asks[i].id, paths / table->open,
				  so_far);
}

void deadlock_look(struct worker *worker, struct slot *slot)
{
	struct waiting waiting;
	if (waits(slot, &waiting))
		spread(worker, &waiting, NULL);
}

void deadlock_look_before_join(struct worker *worker, uint64_t joined)
{
	spread_to(worker, joined, 0, PATHS_MOST, NULL);
}

// ---- a cycle

// Joins only if there is nothing else, and what is in mail rather than what is in hand.
static int fitness(const struct hop *hop)
{
	return hop->in_mail ? 2 : hop->ask ? 1 : 0;
}

static uint32_t refused_hop(const struct probe *probe)
{
	uint32_t refused = 0;
	for (uint32_t i = 1; i < probe->count; i++) {
		const struct hop *hop = &probe->hops[i], *best = &probe->hops[refused];
		if (fitness(hop) > fitness(best) ||
		    (fitness(hop) == fitness(best) &&
		     noh_number((noh_actor){hop->who}) > noh_number((noh_actor){best->who})))
			refused = i;
	}
	return refused;
}

// Round the cycle, from one of its hops to that again.
static void tell_chain(const struct probe *probe, uint32_t first, char *text, size_t size)
{
	size_t length = 0;

	for (uint32_t i = 0; i <= probe->count && length < size; i++) {
		char name[96];
		uint64_t who = probe->hops[(first + i) % probe->count].who;
		actor_name((noh_actor){who}, name, sizeof(name));
		length += (size_t)snprintf(text + length, size - length, "%s%s", i ? " -> " : "",
					   name);
	}
}

// This fiber has the request that is refused, of the hop that the probe has come from.
static void refuse(struct worker *worker, struct slot *slot, const struct probe *probe)
{
	const struct hop *hop = &probe->hops[probe->at];
	char text[1024];

	if (!hop->ask) { // all of it are joins, and this fiber's is the one
		tell_chain(probe, (probe->at + 1) % probe->count, text, sizeof(text));
		noh_log(NOH_WARN, "a cycle of joins: %s", text);
		fiber_join_in_circle(worker, slot);
		return;
	}
	struct envelope *request = saved_take_wanted(slot, is_request_of, hop);
	struct envelope *hand = request ? NULL : fiber_hand(slot);
	if (!request && (!hand || !is_request_of(hand, hop)))
		return;
	if (request && request->type & POST_MARKS)
		marks_take(worker->runtime, slot, request);
	tell_chain(probe, probe->at, text, sizeof(text));
	noh_log(NOH_WARN, "a cycle of asks: %s", text);
	post_answer_error(hop->who, hop->ask, -EDEADLK, text);
	if (hand) {
		post_answered(hand);
		return;
	}
	envelope_release(request);
	envelope_free(request);
}

// It has gone round once, and does so again; then on to who has the request to be refused.
static void go_round_again(struct probe *probe)
{
	probe->left = probe->count + (refused_hop(probe) + 1) % probe->count;
}

static bool has_been_here(const struct probe *probe, uint64_t self)
{
	for (uint32_t i = 0; i < probe->count; i++)
		if (probe->hops[i].who == self)
			return true;
	return false;
}

void deadlock_probe(struct worker *worker, struct slot *slot, struct probe *probe)
{
	struct waiting waiting;
	bool is_waiting = waits(slot, &waiting);
	struct hop *from = &probe->hops[probe->at];
	bool was_in_mail = from->in_mail;

	if (!from->ask)
		fiber_note_joined(slot);
	if (!is_waiting || !holds(slot, from)) {
		probe_drop(probe);
		return;
	}
	if (!probe->left && probe->hops[0].who != worker->self) {
		if (probe->count < HOPS_MOST && !has_been_here(probe, worker->self))
			spread(worker, &waiting, probe);
		probe_drop(probe);
		return;
	}

	uint32_t next = (probe->at + 1) % probe->count;
	uint64_t to = waited_for(&waiting, probe->hops[next].ask);
	if (!to || probe->hops[next].who != worker->self ||
	    (probe->left && was_in_mail != from->in_mail)) {
		probe_drop(probe);
		return;
	}
	if (!probe->left) {
		go_round_again(probe);
	} else if (!--probe->left) {
		refuse(worker, slot, probe);
		probe_drop(probe);
		return;
	}
	probe->at = next;
	send_on(probe, to, worker->self);
}
