/* Machines: a door with a code, and a connection that opens and closes as one of TCP does. */
#include <errno.h>
#include <stdlib.h>

#include <noh/test.h>

#include "tests/support/seeds.h"

NOH_MESSAGE(note, (str, text));

// ---- a door that opens for a code, and locks itself again

NOH_MESSAGE(digit, (u64, value));
NOH_MESSAGE(parcel, (u64, number));
NOH_MESSAGE(break_in);
NOH_MESSAGE(wear_out);
NOH_MESSAGE(state_is, (str, name));
NOH_REQUEST(what_state, state_is);

enum { LOCKED = 1, OPEN, WORN };

struct door {
	struct noh_at at;
	noh_actor to;
	uint64_t code, entered;
};

static void bolt(void *self)
{
	noh_send(((struct door *)self)->to, note, .text = "bolts");
}

static void unbolt(void *self)
{
	noh_send(((struct door *)self)->to, note, .text = "unbolts");
}

static void creak(void *self)
{
	noh_send(((struct door *)self)->to, note, .text = "closes");
}

static bool completes_code(const void *self, const void *msg)
{
	const struct door *door = (const struct door *)self;
	return (door->entered * 10 + ((const struct digit *)msg)->value) % 10000 == door->code;
}

static void collect(void *self, const void *msg)
{
	struct door *door = (struct door *)self;
	door->entered = (door->entered * 10 + ((const struct digit *)msg)->value) % 10000;
}

static void forget(void *self, const void *msg)
{
	(void)msg;
	((struct door *)self)->entered = 0;
}

static void take_in(void *self, const void *msg)
{
	const struct parcel *parcel = (const struct parcel *)msg;
	noh_send(((struct door *)self)->to, parcel, .number = parcel->number);
}

static void alarm_all(void *self, const void *msg)
{
	(void)msg;
	noh_send(((struct door *)self)->to, note, .text = "alarm");
}

extern const struct noh_machine door_machine;

static void tell_state(void *self, const void *msg)
{
	(void)msg;
	noh_reply(state_is, .name = noh_machine_state(&door_machine, self));
}

static const struct noh_state door_states[] = {
	[LOCKED] = {"locked", .enter = bolt},
	[OPEN] = {"open", .enter = unbolt, .leave = creak, .after_ms = 5000, .then = LOCKED},
	[WORN] = {"worn out", .ends = true},
};

static const struct noh_transition door_transitions[] = {
	NOH_ON(LOCKED, digit, .when = completes_code, .act = forget, .to = OPEN,
	       .label = "[completes the code]"),
	NOH_ON(LOCKED, digit, .act = collect),
	NOH_ON(LOCKED, parcel, .postpone = true),
	NOH_ON(OPEN, parcel, .act = take_in),
	NOH_ON(OPEN, digit, .act = forget, .to = OPEN), // begins the time anew
	NOH_ON(NOH_ANY, break_in, .act = alarm_all),
	NOH_ON(NOH_ANY, what_state, .act = tell_state),
	NOH_ON(NOH_ANY, wear_out, .to = WORN),
};

NOH_MACHINE(door, door_states, door_transitions);

static void enter_digits(noh_actor door, const char *digits)
{
	for (; *digits; digits++)
		noh_send(door, digit, .value = (uint64_t)(*digits - '0'));
	noh_test_settle();
}

Simulated(machine, runs_its_entry_and_exit_actions)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor door = noh_spawn(door, .to = inbox, .code = 1234);

	enter_digits(door, "991234");
	noh_test_advance(5000);

	noh_check(noh_test_sent(inbox, note, .text = "bolts"));
	noh_check(noh_test_sent(inbox, note, .text = "unbolts"));
	noh_check(noh_test_sent(inbox, note, .text = "closes"));
	noh_check(noh_test_sent(inbox, note, .text = "bolts"));
}

Simulated(machine, leaves_a_state_when_its_time_is_over)
{
	noh_actor door = noh_spawn(door, .to = noh_test_inbox(), .code = 1234);
	const struct state_is *state;

	enter_digits(door, "1234");
	noh_test_advance(4999);
	noh_check(!noh_ask(door, what_state, 100, &state) && !strcmp(state->name, "open"));
	noh_test_advance(1);
	noh_check(!noh_ask(door, what_state, 100, &state) && !strcmp(state->name, "locked"));
}

Simulated(machine, begins_the_time_of_a_state_anew_when_it_is_entered_again)
{
	noh_actor door = noh_spawn(door, .to = noh_test_inbox(), .code = 1234);
	const struct state_is *state;

	enter_digits(door, "1234");
	noh_test_advance(4000);
	enter_digits(door, "5");
	noh_test_advance(4000);
	noh_check(!noh_ask(door, what_state, 100, &state) && !strcmp(state->name, "open"));
	noh_test_advance(1000);
	noh_check(!noh_ask(door, what_state, 100, &state) && !strcmp(state->name, "locked"));
}

Simulated(machine, postpones_until_the_state_changes)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor door = noh_spawn(door, .to = inbox, .code = 1234);

	for (uint64_t number = 1; number <= 3; number++)
		noh_send(door, parcel, .number = number);
	enter_digits(door, "1234");
	noh_send(door, parcel, .number = 4);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, note, .text = "bolts"));
	noh_check(noh_test_sent(inbox, note, .text = "unbolts"));
	for (uint64_t number = 1; number <= 4; number++)
		noh_check(noh_test_sent(inbox, parcel, .number = number));
}

Simulated(machine, falls_back_to_what_is_said_of_any_state)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor door = noh_spawn_with(door, (.monitored = true), .to = inbox, .code = 1);

	noh_send(door, break_in);
	noh_send(door, wear_out);
	noh_test_settle();

	noh_check(noh_test_sent(inbox, note, .text = "bolts"));
	noh_check(noh_test_sent(inbox, note, .text = "alarm"));
	const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
	noh_check(down && down->why == NOH_WHY_NORMAL);
}

Test(machine, is_tested_a_handler_at_a_time_like_any_actor)
{
	struct door door = {.at = {.state = LOCKED}, .code = 7};

	cr_expect_eq(noh_test_handle(door, &door, NOH_NOBODY, digit, .value = 7), NOH_HANDLED);
	cr_expect_str_eq(noh_machine_state(&door_machine, &door), "open");
	cr_expect(noh_test_sent(NOH_NOBODY, note, .text = "unbolts"));
}

/* What a machine prints of itself; to be freed. */
static char *printed(const struct noh_machine *machine)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	noh_machine_dot(machine, to);
	fclose(to);
	return text;
}

Test(machine, prints_itself_as_a_graph)
{
	char *text = printed(&door_machine);

	cr_expect_str_eq(
		text, "digraph \"door\" {\n"
		      "\t\"\" [shape=point];\n"
		      "\t\"\" -> \"locked\";\n"
		      "\t\"locked\" [shape=box];\n"
		      "\t\"open\" [shape=box];\n"
		      "\t\"open\" -> \"locked\" [label=\"after 5000 ms\"];\n"
		      "\t\"worn out\" [shape=doublecircle];\n"
		      "\t\"locked\" -> \"open\" [label=\"digit\\n[completes the code]\"];\n"
		      "\t\"locked\" -> \"locked\" [label=\"digit\", style=dashed];\n"
		      "\t\"locked\" -> \"locked\" [label=\"parcel\\n(postponed)\", style=dashed];\n"
		      "\t\"open\" -> \"open\" [label=\"parcel\", style=dashed];\n"
		      "\t\"open\" -> \"open\" [label=\"digit\"];\n"
		      "\t\"locked\" -> \"locked\" [label=\"break_in\", style=dashed];\n"
		      "\t\"open\" -> \"open\" [label=\"break_in\", style=dashed];\n"
		      "\t\"locked\" -> \"locked\" [label=\"what_state\", style=dashed];\n"
		      "\t\"open\" -> \"open\" [label=\"what_state\", style=dashed];\n"
		      "\t\"locked\" -> \"worn out\" [label=\"wear_out\"];\n"
		      "\t\"open\" -> \"worn out\" [label=\"wear_out\"];\n"
		      "}\n");
	free(text);
}

struct graph {
	struct noh_at at;
};

static const struct noh_state graph_states[] = {
	[1] = {.name = "start"}, [2] = {.name = "say \"go\""}};
static const struct noh_transition graph_transitions[] = {NOH_ON(1, digit, .to = 2)};
NOH_MACHINE(graph, graph_states, graph_transitions);

Test(machine, may_bear_any_name_and_so_may_its_states_when_it_prints_itself)
{
	char *text = printed(&graph_machine);

	cr_expect_str_eq(text, "digraph \"graph\" {\n"
			       "\t\"\" [shape=point];\n"
			       "\t\"\" -> \"start\";\n"
			       "\t\"start\" [shape=box];\n"
			       "\t\"say \\\"go\\\"\" [shape=box];\n"
			       "\t\"start\" -> \"say \\\"go\\\"\" [label=\"digit\"];\n"
			       "}\n");
	free(text);
}

// ---- a connection

NOH_MESSAGE(syn);
NOH_MESSAGE(syn_ack);
NOH_MESSAGE(ack);
NOH_MESSAGE(fin);
NOH_MESSAGE(reset);
NOH_MESSAGE(data, (u64, number));
NOH_MESSAGE(open_to, (actor, peer));
NOH_MESSAGE(close_it);

enum { CLOSED = 1, SYN_SENT, SYN_RECEIVED, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, TIME_WAIT, GONE };

struct link_end {
	struct noh_at at;
	noh_actor user, peer;
};

static void send_syn(void *self, const void *msg)
{
	struct link_end *end = (struct link_end *)self;
	end->peer = ((const struct open_to *)msg)->peer;
	noh_send(end->peer, syn);
}

static void answer_syn(void *self, const void *msg)
{
	(void)msg;
	((struct link_end *)self)->peer = noh_sender();
	noh_send(noh_sender(), syn_ack);
}

static void send_ack(void *self, const void *msg)
{
	(void)msg;
	noh_send(((struct link_end *)self)->peer, ack);
}

static void send_fin(void *self, const void *msg)
{
	(void)msg;
	noh_send(((struct link_end *)self)->peer, fin);
}

static void send_data(void *self, const void *msg)
{
	struct link_end *end = (struct link_end *)self;
	const struct data *data = (const struct data *)msg;
	// What the user gives goes to the peer, and what the peer sends to the user.
	noh_send(noh_same(noh_sender(), end->peer) ? end->user : end->peer, data,
		 .number = data->number);
}

static void tell_open(void *self)
{
	noh_send(((struct link_end *)self)->user, note, .text = "established");
}

static void tell_no_answer(void *self)
{
	noh_send(((struct link_end *)self)->user, note, .text = "no answer");
}

static const struct noh_state link_end_states[] = {
	[CLOSED] = {.name = "closed"},
	[SYN_SENT] = {"syn sent", .after_ms = 3000, .then = CLOSED, .on_timeout = tell_no_answer},
	[SYN_RECEIVED] = {"syn received", .after_ms = 3000, .then = CLOSED},
	[ESTABLISHED] = {"established", .enter = tell_open},
	[FIN_WAIT] = {"fin wait", .after_ms = 10000, .then = GONE},
	[CLOSE_WAIT] = {.name = "close wait"},
	[TIME_WAIT] = {"time wait", .after_ms = 1000, .then = GONE},
	[GONE] = {"gone", .ends = true},
};

static const struct noh_transition link_end_transitions[] = {
	NOH_ON(CLOSED, open_to, .act = send_syn, .to = SYN_SENT),
	NOH_ON(CLOSED, syn, .act = answer_syn, .to = SYN_RECEIVED),
	NOH_ON(SYN_SENT, syn_ack, .act = send_ack, .to = ESTABLISHED),
	NOH_ON(SYN_SENT, data, .postpone = true),
	NOH_ON(SYN_SENT, close_it, .postpone = true),
	NOH_ON(SYN_RECEIVED, ack, .to = ESTABLISHED),
	NOH_ON(ESTABLISHED, data, .act = send_data),
	NOH_ON(ESTABLISHED, close_it, .act = send_fin, .to = FIN_WAIT),
	NOH_ON(ESTABLISHED, fin, .act = send_ack, .to = CLOSE_WAIT),
	NOH_ON(FIN_WAIT, data, .act = send_data),
	NOH_ON(FIN_WAIT, ack),
	NOH_ON(FIN_WAIT, fin, .act = send_ack, .to = TIME_WAIT),
	NOH_ON(CLOSE_WAIT, data, .act = send_data),
	NOH_ON(CLOSE_WAIT, close_it, .act = send_fin),
	NOH_ON(CLOSE_WAIT, ack, .to = GONE),
	NOH_ON(NOH_ANY, reset, .to = GONE),
};

NOH_MACHINE(link_end, link_end_states, link_end_transitions);

Simulated(machine, opens_and_closes_a_connection)
{
	noh_actor near = noh_test_inbox(), far = noh_test_inbox();
	noh_actor client = noh_spawn_with(link_end, (.monitored = true), .user = near);
	noh_actor server = noh_spawn_with(link_end, (.monitored = true), .user = far);

	noh_send(client, open_to, .peer = server);
	noh_send(client, data, .number = 1); // too early: it waits
	noh_test_settle();
	noh_check(noh_test_sent(near, note, .text = "established"));
	noh_check(noh_test_sent(far, note, .text = "established"));
	noh_check(noh_test_sent(far, data, .number = 1));

	noh_send(client, close_it);
	noh_test_settle();
	noh_send(server, data, .number = 2);
	noh_send(server, close_it);
	noh_test_advance(1000);
	noh_check(noh_test_sent(near, data, .number = 2));
	for (int i = 0; i < 2; i++) {
		const struct noh_down *down = noh_as(noh_receive(0, noh_down), noh_down);
		noh_check(down && down->why == NOH_WHY_NORMAL);
	}
}

Simulated(machine, gives_up_where_nobody_answers)
{
	noh_actor inbox = noh_test_inbox();
	noh_actor client = noh_spawn(link_end, .user = inbox);

	noh_send(client, open_to, .peer = noh_test_inbox());
	noh_test_advance(2999);
	noh_check(!noh_test_take(inbox, note));
	noh_test_advance(1);
	noh_check(noh_test_sent(inbox, note, .text = "no answer"));
}

// ---- tables that cannot be right

static void expect_problem(const struct noh_state *states, size_t state_count,
			   const struct noh_transition *transitions, size_t transition_count,
			   const char *expected)
{
	struct noh_machine machine = {.abi = NOH_ABI,
				      .name = "m",
				      .states = states,
				      .state_count = state_count,
				      .transitions = transitions,
				      .transition_count = transition_count};
	char problem[256];
	cr_expect_eq(noh_machine_check(&machine, problem, sizeof(problem)), -EINVAL);
	cr_expect_str_eq(problem, expected);
}

#define EXPECT_PROBLEM(expected, states, ...)                                           \
	do {                                                                            \
		const struct noh_transition transitions[] = {__VA_ARGS__};              \
		expect_problem(states, sizeof(states) / sizeof(states[0]), transitions, \
			       sizeof(transitions) / sizeof(transitions[0]), expected); \
	} while (0)

Test(machine, says_what_is_wrong_with_a_table)
{
	static const struct noh_state zero[] = {[0] = {.name = "first"}, [1] = {.name = "second"}};
	static const struct noh_state nameless[] = {
		[1] = {.name = "first"}, [3] = {.name = "third"}};
	static const struct noh_state unnamed[] = {[1] = {.name = "first"}, [2] = {.name = ""}};
	static const struct noh_state twins[] = {[1] = {.name = "first"}, [2] = {.name = "first"}};
	static const struct noh_state two[] = {[1] = {.name = "first"}, [2] = {.name = "second"}};
	static const struct noh_state lost[] = {[1] = {"first", .after_ms = 10}};
	static const struct noh_state endless[] = {[1] = {"first", .then = 1}};
	static const struct noh_state last[] = {
		[1] = {.name = "first"}, [2] = {"last", .ends = true}};

	EXPECT_PROBLEM("machine m: state 0 is first: states are numbered from 1", zero,
		       NOH_ON(1, syn));
	EXPECT_PROBLEM("machine m: state 2 has no name", nameless, NOH_ON(1, syn));
	EXPECT_PROBLEM("machine m: state 2 has no name", unnamed, NOH_ON(1, syn));
	EXPECT_PROBLEM("machine m: two states are called first", twins, NOH_ON(1, syn, .to = 2));
	EXPECT_PROBLEM("machine m: state first: its time leads to no state", lost, NOH_ON(1, syn));
	EXPECT_PROBLEM("machine m: state first: has no after_ms, but says what is then", endless,
		       NOH_ON(1, syn));
	EXPECT_PROBLEM("machine m: syn in first: there is no state 7", two,
		       NOH_ON(1, syn, .to = 7));
	EXPECT_PROBLEM("machine m: transition 1, syn: there is no state 9", two, NOH_ON(9, syn));
	EXPECT_PROBLEM("machine m: nothing leads to state second", two, NOH_ON(1, syn));
	EXPECT_PROBLEM("machine m: syn in first: what is postponed does nothing yet", two,
		       NOH_ON(1, syn, .postpone = true, .to = 2));
	EXPECT_PROBLEM("machine m: syn in first: transition 2 is never reached, since 1 always "
		       "comes first",
		       two, NOH_ON(1, syn, .to = 2), NOH_ON(1, syn, .to = 1));
	EXPECT_PROBLEM("machine m: ack in last: the actor ends there", last,
		       NOH_ON(1, syn, .to = 2), NOH_ON(2, ack));
}

struct broken {
	struct noh_at at;
};

static const struct noh_state broken_states[] = {[1] = {.name = "first"}, [2] = {.name = "second"}};
static const struct noh_transition broken_transitions[] = {NOH_ON(1, syn)};
NOH_MACHINE(broken, broken_states, broken_transitions);

Simulated(machine, fails_at_its_start_with_a_table_that_is_wrong)
{
	noh_spawn_with(broken, (.monitored = true));

	const struct noh_down *down = noh_as(noh_receive(100, noh_down), noh_down);
	noh_check(down && down->why == NOH_WHY_FAILED);
	noh_check(!strcmp(down->reason, "machine broken: nothing leads to state second"));
}
