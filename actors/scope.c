/*
 * The scope: an actor that is the parent of its members, and a child of the fiber that opened it;
 * so they end with either. It remembers in which order they ended, and answers who waits. Knows
 * nothing of what they do.
 *
 * The fiber counts by itself which of them it has been given: an answer that comes when its time is
 * over is lost, and none of them is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <noh/noh.h>

#include "actors/must.h"

enum { GRACE_MS = 1000 };

// What the fiber waits for.
enum wanted { NEXT, ALL, FIRST, ALL_OR_FAILURE, CANCELLED };

NOH_MESSAGE(noh_scope_member, (actor, who));
NOH_REQUEST(noh_scope_add, noh_scope_member, (u64, type), (owned, state), (str, name),
	    (flag, is_named));
NOH_MESSAGE(noh_scope_answer, (i64, err), (actor, who), (i64, why), (i64, code), (str, reason),
	    (owned, result));
NOH_REQUEST(noh_scope_wait, noh_scope_answer, (u64, wanted), (u64, given));

struct noh_scope {
	noh_actor keeper;
	uint64_t given; // so many members, in the order in which they ended
};

// ---- the members

struct member {
	noh_actor who;
	int64_t why, code;
	char *reason;
	const struct noh_shared *result;
};

struct noh_scope_keeper {
	int64_t grace_ms;
	struct member *members; // those that have ended, in that order, then the others
	size_t ended, count, room;
	noh_reply_to asker; // who waits, if anybody does
	enum wanted wanted;
	uint64_t given;
};

/* Kills those who still run a grace after the scope was ended with its fiber. They were told to
 * stop then, as children are; but nobody is left to wait for them. */
struct noh_scope_reaper {
	int64_t grace_ms;
};

NOH_MESSAGE(noh_scope_left, (list, actor, members));

static void reap(struct noh_scope_reaper *self)
{
	const struct noh_scope_left *left = noh_as(noh_receive(-1, noh_scope_left), noh_scope_left);
	int64_t until_ms = noh_now_ms() + self->grace_ms, left_ms = self->grace_ms;
	size_t count = left->members.count;
	noh_actor *members = (noh_actor *)noh_alloc(count * sizeof(*members));
	memcpy(members, left->members.at, count * sizeof(*members));

	while (count && noh_join_any(members, &count, left_ms, NULL) != -ETIMEDOUT) {
		left_ms = until_ms - noh_now_ms();
		left_ms = left_ms > 0 ? left_ms : 0;
	}
	for (size_t i = 0; i < count; i++)
		noh_kill(members[i]);
}

NOH_FIBER(noh_scope_reaper, reap);

static void leave_to_reaper(const struct noh_scope_keeper *self)
{
	size_t count = self->count - self->ended;
	noh_actor *members = (noh_actor *)must_have(count * sizeof(*members) + 1);

	for (size_t i = 0; i < count; i++)
		members[i] = self->members[self->ended + i].who;
	noh_actor reaper =
		noh_spawn_with(noh_scope_reaper, (.detached = true), .grace_ms = self->grace_ms);
	noh_send(reaper, noh_scope_left, .members = {members, count});
	free(members);
}

static void forget_members(void *argument)
{
	struct noh_scope_keeper *self = (struct noh_scope_keeper *)argument;
	if (self->ended < self->count)
		leave_to_reaper(self);
	for (size_t i = 0; i < self->count; i++) {
		free(self->members[i].reason);
		noh_shared_drop(self->members[i].result);
	}
	free(self->members);
}

static struct member *running_member(struct noh_scope_keeper *self, noh_actor who)
{
	for (size_t i = self->ended; i < self->count; i++)
		if (noh_same(self->members[i].who, who))
			return &self->members[i];
	return NULL;
}

static void add(struct noh_scope_keeper *self, const struct noh_scope_add *msg)
{
	if (self->count == self->room) {
		self->room = self->room ? 2 * self->room : 8;
		self->members = (struct member *)realloc(self->members,
							 self->room * sizeof(self->members[0]));
		if (!self->members)
			abort();
	}
	struct noh_spawn_options options = {.size = sizeof(options), .monitored = true};
	if (msg->is_named) // freed when the scope has ended, and so has who bears it
		options.name = strcpy((char *)noh_alloc(strlen(msg->name) + 1), msg->name);
	struct member member = {
		.who = noh_spawn_type((const struct noh_actor_type *)(uintptr_t)msg->type,
				      msg->state.ptr, &options)};
	if (!noh_same(member.who, NOH_NOBODY))
		self->members[self->count++] = member;
	noh_reply(noh_scope_member, .who = member.who);
}

static void note_end(struct noh_scope_keeper *self, const struct noh_down *msg)
{
	struct member *found = running_member(self, msg->who), member;
	if (!found)
		return;
	member = *found;
	member.why = msg->why;
	member.code = msg->code;
	member.reason = strdup(msg->reason);
	*found = self->members[self->ended];
	self->members[self->ended++] = member;
}

// What it ends with comes last. Whatever else it sends to its parent may be that, so far.
static void note_result(struct noh_scope_keeper *self, const struct noh_delivery *in)
{
	struct member *member = running_member(self, noh_sender());
	if (!member)
		return;
	noh_shared_drop(member->result);
	member->result = noh_share_type(noh_type_of(in), in->body);
}

// ---- who waits

static void drop_result(void *result)
{
	noh_shared_drop((const struct noh_shared *)result);
}

static void answer(struct noh_scope_keeper *self, int err, const struct member *member)
{
	static const struct member nobody;
	if (!member)
		member = &nobody;
	noh_owned result = {0};
	if (member->result)
		result = (noh_owned){(void *)(uintptr_t)noh_shared_hold(member->result),
				     drop_result};
	noh_reply_at(self->asker, noh_scope_answer, .err = err, .who = member->who,
		     .why = member->why, .code = member->code, .reason = member->reason,
		     .result = result);
	self->asker = (noh_reply_to){0};
}

static void take(struct noh_scope_keeper *self, const struct noh_delivery *in)
{
	const struct noh_scope_wait *wait = noh_as(in, noh_scope_wait);

	if (noh_as(in, noh_scope_add)) {
		add(self, noh_as(in, noh_scope_add));
	} else if (wait) {
		self->wanted = (enum wanted)wait->wanted;
		self->given = wait->given;
		self->asker = noh_reply_later();
	} else if (noh_as(in, noh_down)) {
		note_end(self, noh_as(in, noh_down));
	} else {
		note_result(self, in);
	}
}

// Returns when nobody runs any more.
static void cancel(struct noh_scope_keeper *self)
{
	int64_t until_ms = noh_now_ms() + self->grace_ms;
	bool is_killing = false;

	for (size_t i = self->ended; i < self->count; i++)
		noh_stop(self->members[i].who);
	while (self->ended < self->count) {
		int64_t left_ms = until_ms - noh_now_ms();
		const struct noh_delivery *in = noh_receive(is_killing    ? -1
							    : left_ms > 0 ? left_ms
									  : 0);
		if (in) {
			take(self, in);
			continue;
		}
		is_killing = true;
		for (size_t i = self->ended; i < self->count; i++)
			noh_kill(self->members[i].who);
	}
}

static struct member *first_that(struct noh_scope_keeper *self, bool ended_normally)
{
	for (size_t i = 0; i < self->ended; i++)
		if ((self->members[i].why == NOH_WHY_NORMAL) == ended_normally)
			return &self->members[i];
	return NULL;
}

// Answers if what was waited for has come. True: it has cancelled the others first, and somebody
// else may wait by now.
static bool look(struct noh_scope_keeper *self)
{
	bool all = self->ended == self->count;
	struct member *normal = first_that(self, true), *other = first_that(self, false);

	if (!all && ((self->wanted == FIRST && normal) ||
		     (self->wanted == ALL_OR_FAILURE && other) || self->wanted == CANCELLED)) {
		cancel(self);
		return true;
	}
	if (self->wanted == NEXT && self->given < self->ended)
		answer(self, 0, &self->members[self->given]);
	else if (!all)
		return false;
	else if (self->wanted == NEXT)
		answer(self, -ENOENT, NULL);
	else if (self->wanted == FIRST)
		answer(self, normal ? 0 : -ECHILD, normal);
	else
		answer(self, other && self->wanted != CANCELLED ? -ECHILD : 0, other);
	return false;
}

// ---- the actor

static void keep(struct noh_scope_keeper *self)
{
	noh_defer(forget_members, self);
	for (;;) {
		take(self, noh_receive(-1));
		while (self->asker.ask && look(self)) {
		}
	}
}

NOH_FIBER(noh_scope_keeper, keep);

// ---- for its users

struct noh_scope *noh_scope_open_with(const struct noh_scope_options *options)
{
	struct noh_scope_options whole = {0};
	memcpy(&whole, options, options->size < sizeof(whole) ? options->size : sizeof(whole));

	struct noh_scope *scope = (struct noh_scope *)noh_alloc(sizeof(*scope));
	scope->keeper =
		noh_spawn_with(noh_scope_keeper, (.name = whole.name ? whole.name : "scope"),
			       .grace_ms = whole.grace_ms > 0 ? whole.grace_ms : GRACE_MS);
	return scope;
}

noh_actor noh_scope_spawn_type(struct noh_scope *scope, const struct noh_actor_type *type,
			       const void *state, const struct noh_spawn_options *options)
{
	struct noh_spawn_options whole = {.size = sizeof(whole)};
	if (options)
		memcpy(&whole, options,
		       options->size < sizeof(whole) ? options->size : sizeof(whole));
	if (whole.detached)
		return noh_spawn_type(type, state, options);
	if (whole.keeps_place)
		noh_fail("a scope does not restart its members");

	void *copy = must_have(type->state_size + 1);
	memcpy(copy, state, type->state_size);
	const struct noh_scope_member *answer;
	int err = noh_ask(scope->keeper, noh_scope_add, NOH_FOREVER, &answer,
			  .type = (uint64_t)(uintptr_t)type, .state = {copy, free},
			  .name = whole.name, .is_named = whole.name != NULL);
	if (err || noh_same(answer->who, NOH_NOBODY))
		return NOH_NOBODY;
	if (whole.linked)
		noh_link(answer->who);
	if (whole.monitored)
		noh_monitor(answer->who, true);
	return answer->who;
}

static int wait_for(struct noh_scope *scope, enum wanted wanted, int64_t within_ms,
		    struct noh_ended *ret_ended)
{
	const struct noh_scope_answer *answer;
	int err = noh_ask(scope->keeper, noh_scope_wait, within_ms < 0 ? NOH_FOREVER : within_ms,
			  &answer, .wanted = wanted, .given = scope->given);
	if (err)
		return err;
	if (!ret_ended)
		return (int)answer->err;

	const struct noh_shared *result = (const struct noh_shared *)answer->result.ptr;
	*ret_ended = (struct noh_ended){.who = answer->who,
					.why = (enum noh_why)answer->why,
					.code = answer->code,
					.reason = answer->reason,
					.type = result ? result->type : NULL,
					.result = result ? result->body : NULL};
	return (int)answer->err;
}

int noh_scope_next(struct noh_scope *scope, int64_t within_ms, struct noh_ended *ret_ended)
{
	int err = wait_for(scope, NEXT, within_ms, ret_ended);
	if (!err)
		scope->given++;
	return err;
}

int noh_scope_all(struct noh_scope *scope, int64_t within_ms)
{
	return wait_for(scope, ALL, within_ms, NULL);
}

int noh_scope_first(struct noh_scope *scope, int64_t within_ms, struct noh_ended *ret_first)
{
	return wait_for(scope, FIRST, within_ms, ret_first);
}

int noh_scope_all_or_failure(struct noh_scope *scope, int64_t within_ms,
			     struct noh_ended *ret_failed)
{
	return wait_for(scope, ALL_OR_FAILURE, within_ms, ret_failed);
}

void noh_scope_cancel(struct noh_scope *scope)
{
	wait_for(scope, CANCELLED, -1, NULL);
}

void noh_scope_close(struct noh_scope *scope)
{
	if (!scope)
		return;
	noh_scope_cancel(scope);
	noh_stop(scope->keeper);
	noh_drop(scope);
}

const void *noh_result_as(const struct noh_ended *ended, const struct noh_message_type *type)
{
	return ended && ended->type && noh_message_id(ended->type) == noh_message_id(type)
		       ? ended->result
		       : NULL;
}
