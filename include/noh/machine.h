/* Machines: actors written as a table of states and of what each message does in them. */
#ifndef NOH_MACHINE_H
#define NOH_MACHINE_H

#include <stdio.h>

#include <noh/actor.h>

NOH_BEGIN

/* A machine's table: states, numbered from 1 by an enum of one's own, and transitions.
 *
 *	enum { LOCKED = 1, OPEN };
 *
 *	struct door {
 *		struct noh_at at; // where it is; must be called so
 *		uint64_t code, entered;
 *	};
 *
 *	static const struct noh_state door_states[] = {
 *		[LOCKED] = {"locked", .enter = bolt},
 *		[OPEN] = {"open", .enter = unbolt, .after_ms = 5000, .then = LOCKED},
 *	};
 *	static const struct noh_transition door_transitions[] = {
 *		NOH_ON(LOCKED, digit, .when = is_last_of_code, .act = forget, .to = OPEN),
 *		NOH_ON(LOCKED, digit, .act = collect),
 *		NOH_ON(LOCKED, deliver, .postpone = true),
 *		NOH_ON(OPEN, deliver, .act = take_in),
 *		NOH_ON(NOH_ANY, break_in, .act = ring),
 *	};
 *	NOH_MACHINE(door, door_states, door_transitions);
 *
 * It is spawned, sent to and supervised as any actor: `noh_spawn(door, .code = 1234)`. */

// Where a machine is. The machine's own.
struct noh_at {
	uint32_t state;
	uint64_t entry; // counts the states entered
	noh_timer timer;
};

/* What a transition does. `self` is the actor's state, `msg` the message in hand: it may be replied
 * to, forwarded, kept. May fail the actor. */
typedef void (*noh_act_fn)(void *self, const void *msg);
typedef bool (*noh_when_fn)(const void *self, const void *msg);

struct noh_state {
	const char *name;          // its own, and not empty
	void (*enter)(void *self); // after it has come here, from wherever
	void (*leave)(void *self);
	int64_t after_ms; // in it without a change of state, it goes on to `then`
	uint32_t then;
	void (*on_timeout)(void *self); // between `leave` and the next `enter`
	bool ends;                      // the actor ends normally as soon as it is here
};

enum {
	NOH_ANY = 0, // of `from`: where nothing else is said of the message
	NOH_STAY = 0 // of `to`
};

/* The first that fits counts: those of the present state in order, then those of NOH_ANY. With
 * `to`, also if that is the state it is in, `leave`, `act` and `enter` run, in this order, and
 * messages that were postponed come again; without, `act` alone. A message for which there is no
 * transition is a dead letter. */
struct noh_transition {
	uint32_t from;
	const struct noh_message_type *on;
	noh_when_fn when; // NULL: always
	noh_act_fn act;
	uint32_t to;
	bool postpone;     // as noh_postpone(): nothing else is done; too many fail the actor
	const char *label; // for noh_machine_dot(), beside the message's name
};

struct noh_machine {
	uint32_t abi; // NOH_ABI
	const char *name;
	const struct noh_state *states;
	size_t state_count; // with the unused one, 0
	const struct noh_transition *transitions;
	size_t transition_count;
	size_t at_offset;
};

#define NOH_ON(from_, message, ...)                                                  \
	{                                                                            \
		.from = (from_), .on = &message##_message __VA_OPT__(, ) __VA_ARGS__ \
	}

/* Declares a machine: the actor `type`, and `type##_machine`. It begins in state 1, whose `enter`
 * is the first thing that runs. A table that cannot be right fails the actor at its start. Entries
 * as in NOH_ACTOR may follow, for what the table says nothing of, and for outcomes of asks. */
#define NOH_MACHINE(type, states_, transitions_, ...) \
	NOH_MACHINE_WITH(type, (.mailbox_messages = 0), states_, transitions_, __VA_ARGS__)
#define NOH_MACHINE_WITH(type, limits_, states_, transitions_, ...)                            \
	const struct noh_machine type##_machine = {                                            \
		.abi = NOH_ABI,                                                                \
		.name = #type,                                                                 \
		.states = states_,                                                             \
		.state_count = sizeof(states_) / sizeof(states_[0]),                           \
		.transitions = transitions_,                                                   \
		.transition_count = sizeof(transitions_) / sizeof(transitions_[0]),            \
		.at_offset = offsetof(struct type, at)};                                       \
	NOH_EACH(NOH_HANDLE, (type, type), __VA_ARGS__)                                        \
	static void type##_receive(void *noh_state, uint32_t noh_told, const void *noh_body,   \
				   const struct noh_delivery *noh_answer)                      \
	{                                                                                      \
		NOH_TRY                                                                        \
		{                                                                              \
			if (noh_machine_takes(&type##_machine, noh_state, noh_told, noh_body)) \
				return;                                                        \
			NOH_EACH(NOH_DISPATCH, (type, type), __VA_ARGS__)                      \
			(void)noh_answer;                                                      \
			noh_not_understood();                                                  \
		}                                                                              \
		NOH_CATCH                                                                      \
	}                                                                                      \
	static const struct noh_message_type *const type##_others[] = {                        \
		NOH_EACH(NOH_ACCEPT, type, __VA_ARGS__) NOH_ACCEPT3(type, noh_start, ) NULL};  \
	static const struct noh_message_type *const type##_asks[] = {                          \
		NOH_EACH(NOH_ASKS, type, __VA_ARGS__) NULL};                                   \
	static const struct noh_message_type                                                   \
		*type##_accepts[sizeof(transitions_) / sizeof(transitions_[0]) +               \
				sizeof(type##_others) / sizeof(type##_others[0])];             \
	__attribute__((constructor)) static void type##_list_accepted(void)                    \
	{                                                                                      \
		noh_machine_accepts(&type##_machine, type##_others, type##_accepts);           \
	}                                                                                      \
	extern const struct noh_actor_type type##_actor;                                       \
	const struct noh_actor_type type##_actor = {.abi = NOH_ABI,                            \
						    .name = #type,                             \
						    .state_size = sizeof(struct type),         \
						    .accepts = type##_accepts,                 \
						    .asks = type##_asks,                       \
						    .receive = type##_receive,                 \
						    .run = NULL,                               \
						    .limits = {NOH_STRIP limits_}}

/* What is wrong with a table, in words that name the state or transition; 0 or -EINVAL. Any thread.
 */
int noh_machine_check(const struct noh_machine *machine, char *ret_problem, size_t size);

/* Writes the machine as a graph for Graphviz: `noh_machine_dot(&door_machine, stdout);` Any thread.
 */
void noh_machine_dot(const struct noh_machine *machine, FILE *to);

/* The name of the state that it is in; "" before its start: `noh_machine_state(&door_machine,
 * self)`. */
const char *noh_machine_state(const struct noh_machine *machine, const void *self);

// What the macros call.
bool noh_machine_takes(const struct noh_machine *machine, void *self, uint32_t id,
		       const void *body);
void noh_machine_accepts(const struct noh_machine *machine,
			 const struct noh_message_type *const *others,
			 const struct noh_message_type **accepts);

/* To itself: the time of a state is over. */
NOH_LIBRARY_MESSAGE(noh_machine_timeout, (u64, entry));

NOH_END
#endif
